package answers

import (
	"slices"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

const (
	// maxUnknown bounds the unknown fields that are looked at for one Keeper.
	maxUnknown = 1000
	// maxPaths bounds the paths with names of the answer: whoever lists or counts them must
	// not be flooded.
	maxPaths = 50
)

// kept is what a Keeper is told.
type kept struct {
	at      *step // the Keeper
	lost    []string
	unknown []found
}

type found struct {
	path  string
	value []byte
}

// mark and forget let what was found in a value that cannot be read go with it.
func (k *kept) mark() int {
	if k == nil {
		return 0
	}
	return len(k.unknown)
}

func (k *kept) forget(mark int) {
	if k != nil {
		k.unknown = k.unknown[:mark]
	}
}

func (k *kept) lose(path string) {
	if len(k.lost) < maxPaths && !slices.Contains(k.lost, path) {
		k.lost = append(k.lost, path)
	}
}

// keep begins to read a Keeper. What it returns tells the Keeper at the end.
func (r *reader) keep(keeper Keeper, at *step) (end func()) {
	outer := r.kept
	r.kept = &kept{at: at}
	return func() {
		ended := r.kept
		r.kept = outer
		if len(ended.lost)+len(ended.unknown) == 0 {
			return
		}
		unknown := make(map[string][]byte, len(ended.unknown))
		for _, f := range ended.unknown {
			unknown[f.path] = f.value
		}
		for _, path := range keeper.Keep(ended.lost, unknown) {
			r.strange(&step{above: at, name: path}, UnknownCut)
		}
	}
}

// unknown passes over the value of a field that the model does not have.
func (r *reader) unknown(at *step, name []byte) {
	start := r.pos
	r.skip()
	value := r.data[start:r.pos]
	if r.kept == nil || string(value) == "null" {
		return
	}
	if len(name) == 0 {
		name = []byte("(empty)")
	}
	field := &step{above: at, name: strings.ToValidUTF8(string(name[:min(len(name), maxName)]), "")}
	if len(r.kept.unknown) == maxUnknown {
		r.strange(field, UnknownCut)
		r.kept.lose(shown(field).path(r.kept.at, without))
		return
	}
	r.strange(field, Unknown)
	r.kept.unknown = append(r.kept.unknown, found{field.path(r.kept.at, places), value})
}

// strange notes a field whose name is the answer's. One that is no usual name is not shown:
// what it holds is not known.
func (r *reader) strange(field *step, kind Kind) {
	path, paths := shown(field).path(nil, without), 0
	for _, o := range r.oddities {
		if o.Kind == kind {
			paths++
		}
	}
	if paths < maxPaths {
		r.odd(path, kind)
	}
}

// shown is a field whose name may be shown.
func shown(field *step) *step {
	if model.UsualNames(field.name) {
		return field
	}
	return &step{above: field.above, name: model.OddName}
}
