package carriers

import (
	"cmp"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Origin is where a choice comes from.
type Origin string

// The origins.
const (
	Listed     Origin = "listed"     // it is a code of Amazon's, written exactly
	Configured Origin = "configured" // the configuration says so
	Spelled    Origin = "spelled"    // exactly one code is spelled so, if case, spaces and punctuation do not count
	Unknown    Origin = "unknown"    // none of these
)

// Choice is what is sent to Amazon for a carrier.
type Choice struct {
	Code   string
	Name   string // with the code model.CarrierOther alone
	Origin Origin
}

// Table chooses codes. It is safe for concurrent use.
type Table struct {
	carriers []Carrier
	listed   map[string]struct{} // the codes, except Other
	spelled  map[string]string   // a code by its spelling; "" for several
	keyed    map[string]string   // a code by its key; "" for several

	written    map[string]string // what is configured, by the name as it is written
	configured map[string]string // and by the name's key
}

// New makes a Table of Amazon's list and of configured codes by the names of carriers.
func New(configured map[string]string) *Table {
	t := &Table{
		carriers: List(), listed: make(map[string]struct{}), spelled: make(map[string]string), keyed: make(map[string]string),
		written: make(map[string]string), configured: make(map[string]string),
	}
	for i := range t.carriers {
		c := &t.carriers[i]
		if c.Code == model.CarrierOther { // it names no carrier
			continue
		}
		t.listed[c.Code] = struct{}{}
		if !c.Reported {
			add(t.spelled, spelling(c.Code), c.Code)
			add(t.keyed, Key(c.Code), c.Code)
		}
	}
	for name, code := range configured {
		t.written[strings.TrimSpace(name)] = code
		t.configured[Key(name)] = code
	}
	return t
}

func add(codes map[string]string, spelled, code string) {
	if _, several := codes[spelled]; several {
		code = ""
	}
	codes[spelled] = code
}

// Lists reports whether the list has a code, written exactly so.
func (t *Table) Lists(code string) bool {
	_, ok := t.listed[code]
	return ok || code == model.CarrierOther
}

// Choose returns what is sent to Amazon for a carrier whose code and name somebody has
// written, or one of them. The code goes first. The code Other names no carrier: the name decides.
func (t *Table) Choose(code, name string) Choice {
	code, name = strings.TrimSpace(code), strings.TrimSpace(name)
	if !Names(code) {
		code = ""
	}
	for _, given := range []string{code, name} {
		switch found, origin := t.find(given); {
		case origin == Unknown:
		case found == model.CarrierOther:
			return Choice{Code: found, Name: cmp.Or(name, given), Origin: origin}
		default:
			return Choice{Code: found, Origin: origin}
		}
	}
	return Choice{Code: model.CarrierOther, Name: cmp.Or(name, code), Origin: Unknown}
}

// Names reports whether a code names a carrier: Other does not, and neither do spaces and
// punctuation.
func Names(code string) bool {
	key := Key(code)
	return key != "" && key != Key(model.CarrierOther)
}

// find returns the code of a carrier as somebody has written it.
func (t *Table) find(given string) (code string, origin Origin) {
	if code, ok := t.written[given]; ok {
		return code, Configured
	}
	if _, ok := t.listed[given]; ok {
		return given, Listed
	}
	if code, ok := t.configured[Key(given)]; ok {
		return code, Configured
	}
	for _, code := range []string{t.spelled[spelling(given)], t.keyed[Key(given)]} {
		if code != "" {
			return code, Spelled
		}
	}
	return "", Unknown
}
