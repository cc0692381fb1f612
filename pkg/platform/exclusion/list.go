package exclusion

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxBytes and maxEntries bound a list, and with it the memory that a source's
	// mistake can take.
	maxBytes   = 64 << 20
	maxEntries = 1_000_000

	// maxSKU is the longest SKU in characters that Seller Central takes, and
	// maxAccount the longest name of an account. What is longer is no list of SKUs.
	maxSKU     = 40
	maxAccount = 63
)

// List is the SKUs that other services manage. It does not change once read, and
// may be used from any goroutine.
type List struct {
	entries map[entry]struct{}
	ignored int    // records of a topic that name no SKU
	tag     string // of an HTTP endpoint's answer
}

// entry is a SKU of one account or, where that is "", of every account.
type entry struct{ account, sku string }

func newList() *List { return &List{entries: make(map[entry]struct{})} }

// Has reports whether the list holds the SKU of the account.
func (l *List) Has(account, sku string) bool {
	if _, ok := l.entries[entry{account, sku}]; ok {
		return true
	}
	_, ok := l.entries[entry{"", sku}]
	return ok
}

// Len is how many entries there are.
func (l *List) Len() int { return len(l.entries) }

// Strangers counts the entries of accounts that are not known, which exclude
// nothing, and names one of those accounts.
func (l *List) Strangers(known func(account string) bool) (count int, account string) {
	for e := range l.entries {
		if e.account != "" && !known(e.account) {
			count++
			account = e.account
		}
	}
	return count, account
}

func (l *List) equal(other *List) bool {
	return other != nil && l.ignored == other.ignored && maps.Equal(l.entries, other.entries)
}

func (l *List) add(account, sku string) error {
	switch {
	case sku == "":
		return errors.New("the SKU is empty")
	case utf8.RuneCountInString(sku) > maxSKU:
		return fmt.Errorf("the SKU has more than the %d characters that Amazon allows", maxSKU)
	case len(account) > maxAccount:
		return fmt.Errorf("the account's name has more than %d characters", maxAccount)
	case !utf8.ValidString(account) || !utf8.ValidString(sku):
		return errors.New("it is not UTF-8")
	case strings.ContainsFunc(account, unicode.IsControl) || strings.ContainsFunc(sku, unicode.IsControl):
		return errors.New("it holds a control character")
	case len(l.entries) >= maxEntries:
		return fmt.Errorf("there are more than %d entries", maxEntries)
	}
	l.entries[entry{account, sku}] = struct{}{}
	return nil
}

// Parse reads a list in one of two forms. Text that begins with "[" is a JSON
// array whose elements are a SKU or {"account": …, "sku": …}. All other text is
// CSV, whose lines are a SKU or an account and a SKU; a first line "sku" or
// "account,sku" is its heading. Without an account, a SKU is excluded for every
// account. One fault refuses the whole list: half of one must not pass for all.
// An error names the line, or the JSON element, and quotes nothing of it.
func Parse(in io.Reader) (*List, error) { return parse(in, maxBytes) }

func parse(in io.Reader, most int64) (*List, error) {
	text, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("the list is larger than %d MiB: is it the right one?", most>>20)
	}
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	if bytes.HasPrefix(text, []byte("[")) {
		return parseJSON(text)
	}
	return parseCSV(text)
}

func parseCSV(text []byte) (*List, error) {
	lines := csv.NewReader(bytes.NewReader(text))
	lines.FieldsPerRecord = -1
	lines.ReuseRecord = true
	lines.TrimLeadingSpace = true
	list := newList()
	for first := true; ; first = false {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		var fault *csv.ParseError
		if errors.As(err, &fault) {
			return nil, fmt.Errorf("line %d: %w: a SKU with a quotation mark or a comma is written in quotation marks, and those in it twice", fault.StartLine, fault.Err)
		} else if err != nil {
			return nil, err
		}
		line, _ := lines.FieldPos(0)
		if first && heading(fields) {
			continue
		}
		var account string
		switch len(fields) {
		case 1:
		case 2:
			account = strings.TrimSpace(fields[0])
		default:
			return nil, fmt.Errorf("line %d: %d columns: write a SKU, or an account and a SKU", line, len(fields))
		}
		if err := list.add(account, strings.TrimSpace(fields[len(fields)-1])); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
}

func heading(fields []string) bool {
	var names []string
	for _, field := range fields {
		names = append(names, strings.ToLower(strings.TrimSpace(field)))
	}
	return slices.Equal(names, []string{"sku"}) || slices.Equal(names, []string{"account", "sku"})
}

func parseJSON(text []byte) (*List, error) {
	in := json.NewDecoder(bytes.NewReader(text))
	if _, err := in.Token(); err != nil { // the bracket
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	list := newList()
	for n := 0; in.More(); n++ {
		var one element
		if err := in.Decode(&one); err != nil {
			return nil, fmt.Errorf("element %d: neither a SKU nor {\"account\": …, \"sku\": …}: %w", n, err)
		}
		if err := list.add(one.Account, one.SKU); err != nil {
			return nil, fmt.Errorf("element %d: %w", n, err)
		}
	}
	if _, err := in.Token(); err != nil { // the other bracket
		return nil, fmt.Errorf("the JSON array does not end: %w", err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something stands behind the JSON array")
	}
	return list, nil
}

// element is what a JSON array holds.
type element struct{ Account, SKU string }

// UnmarshalJSON takes a SKU, or an account with it.
func (e *element) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte(`"`)) {
		return json.Unmarshal(text, &e.SKU)
	}
	type plain element // without this method
	return json.Unmarshal(text, (*plain)(e))
}
