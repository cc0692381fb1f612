package replay

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
)

// Run is one replay's way through its ranges. It may be used from any goroutine.
type Run struct {
	name   string
	number int

	mu     sync.Mutex
	ranges map[int32]*Range
}

// NewRun is the number-th run of the replay called name, at the beginning of its ranges.
func NewRun(name string, number int, ranges []Range) *Run {
	r := &Run{name: name, number: number, ranges: make(map[int32]*Range, len(ranges))}
	for _, one := range ranges {
		r.ranges[one.Partition] = &one
	}
	return r
}

// ID is what marks what the run does: of each run its own.
func (r *Run) ID() string { return fmt.Sprintf("%s-%d", r.name, r.number) }

// Number counts the runs of the same replay, from 1.
func (r *Run) Number() int { return r.number }

// Has reports whether an offset is yet to be done.
func (r *Run) Has(partition int32, offset int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.ranges[partition]
	return one != nil && offset >= one.Next && offset < one.Until
}

// Open reports whether something of a partition is yet to be done.
func (r *Run) Open(partition int32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.ranges[partition]
	return one != nil && one.Next < one.Until
}

// Advance notes that what precedes an offset is done.
func (r *Run) Advance(partition int32, next int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one := r.ranges[partition]; one != nil {
		one.Next = max(one.Next, next)
	}
}

// Done reports whether all is done.
func (r *Run) Done() bool {
	done, all := r.Progress()
	return done == all
}

// Progress is how many of the offsets are done. Not each holds a record: Kafka
// needs some for the ends of transactions.
func (r *Run) Progress() (done, all int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.ranges {
		done += min(one.Next, one.Until) - one.From
		all += one.Until - one.From
	}
	return done, all
}

// Ranges are the run's, by partition.
func (r *Run) Ranges() []Range {
	r.mu.Lock()
	defer r.mu.Unlock()
	ranges := make([]Range, 0, len(r.ranges))
	for _, one := range r.ranges {
		ranges = append(ranges, *one)
	}
	slices.SortFunc(ranges, func(a, b Range) int { return cmp.Compare(a.Partition, b.Partition) })
	return ranges
}

// note is the text beside a group's offset: the run, the part of the partition that
// belongs to it, and whatever whoever does it notes of what is done behind the offset.
type note struct {
	Run   int    `json:"run"`
	From  int64  `json:"from"`
	Until int64  `json:"until"`
	Done  string `json:"done,omitempty"`
}

// Metadata is what an offset of a partition must be committed with.
func (r *Run) Metadata(partition int32, done string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.ranges[partition]
	if one == nil {
		return ""
	}
	text, err := json.Marshal(note{Run: r.number, From: one.From, Until: one.Until, Done: done})
	if err != nil {
		panic("replay: a note that cannot be marshalled: " + err.Error()) // three numbers: a bug
	}
	return string(text)
}
