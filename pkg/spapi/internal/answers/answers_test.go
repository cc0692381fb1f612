package answers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/test/property"
)

type line struct {
	ID    string   `json:"id" answer:"required,max=8"`
	Title string   `json:"title" answer:"cut=8"`
	Count int32    `json:"count" answer:"required"`
	Tags  []string `json:"tags" answer:"max=2"`
	Price *price   `json:"price"`
}

type price struct {
	Amount string `json:"amount" answer:"required,max=8"`
}

type secret string

func (s *secret) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, (*string)(s)) }

type thing struct {
	ID      string     `json:"id" answer:"required,max=8"`
	When    time.Time  `json:"when" answer:"required"`
	Until   time.Time  `json:"until"`
	Then    *time.Time `json:"then"`
	Open    bool       `json:"open"`
	Size    *int       `json:"size"`
	Lines   []line     `json:"lines" answer:"strict,max=3"`
	Parcels []line     `json:"parcels" answer:"max=3"`
	Found   []line     `json:"found" answer:"partial"`
	Next    string     `json:"next" answer:"strict,max=8"`
	Hidden  secret     `json:"hidden" answer:"max=4"`
	Ignored string     `json:"-"`
}

// decode decodes fields beside the required ones.
func decode(t *testing.T, fields string) (thing, string, error) {
	t.Helper()
	var into thing
	odd, err := new(Decoder).Decode([]byte(`{"id":"1","when":"2026-11-29T12:00:00Z"`+fields+`}`), &into)
	var all []string
	for _, o := range odd {
		all = append(all, o.Path+" "+string(o.Kind))
	}
	return into, strings.Join(all, ", "), err
}

func TestWhatAnOddFieldCosts(t *testing.T) {
	t.Parallel()
	four := "[" + strings.Repeat(`{"id":"1","count":1},`, 3) + `{"id":"1","count":1}]`
	for fields, test := range map[string]struct{ odd, fails string }{
		`,"unknown":[{"a":["\"}"]},-1.5e9,true,null]`: {},
		`,"until":""`:                                {odd: "until left_out"},
		`,"until":5`:                                 {odd: "until left_out"},
		`,"until":"2026-11-29"`:                      {odd: "until converted"},
		`,"then":"2026-11-29T12:00:00"`:              {odd: "then converted"},
		`,"then":"0000-01-01T00:00:00Z"`:             {odd: "then left_out"},
		`,"open":"TRUE"`:                             {odd: "open converted"},
		`,"open":"maybe"`:                            {odd: "open left_out"},
		`,"open":{}`:                                 {odd: "open left_out"},
		`,"size":"5"`:                                {odd: "size converted"},
		`,"size":5.0`:                                {odd: "size converted"},
		`,"size":5.5`:                                {odd: "size left_out"},
		`,"size":1e300`:                              {odd: "size left_out"},
		`,"size":null`:                               {},
		`,"lines":null`:                              {},
		`,"lines":{}`:                                {fails: "field lines of the answer is an object where a list belongs"},
		`,"lines":[{"id":"1"}]`:                      {fails: "field lines[0].count of the answer is missing"},
		`,"lines":[{"id":"1","count":1},null]`:       {fails: "field lines[1] of the answer is null"},
		`,"lines":[{"id":"123456789","count":1}]`:    {fails: "field lines[0].id of the answer has more than 8 bytes"},
		`,"lines":[{"id":1,"count":3e9}]`:            {odd: "lines[].id converted", fails: "field lines[0].count of the answer is no whole number, or is too large"},
		`,"lines":[{"id":"1","count":1,"price":{}}]`: {odd: "lines[].price left_out"},
		`,"lines":[{"id":"1","count":1,"price":{"amount":12.90}}]`: {odd: "lines[].price.amount converted"},
		`,"lines":[{"id":"1","count":1,"price":{"amount":1e9}}]`:   {odd: "lines[].price left_out"},
		`,"lines":[{"id":"1","count":1,"title":"123456789"}]`:      {odd: "lines[].title cut"},
		`,"lines":[{"id":"1","count":1,"tags":["a","b","c","d"]}]`: {odd: "lines[].tags cut"},
		`,"lines":[{"id":"1","count":1,"tags":["a",{},"c"]}]`:      {odd: "lines[].tags[] left_out"},
		`,"lines":` + four:   {fails: "field lines of the answer holds more than 3 elements"},
		`,"parcels":` + four: {odd: "parcels cut"},
		`,"parcels":[{"id":"1"},{"id":"2","count":2},7]`: {odd: "parcels[] left_out"},
		`,"found":[{"title":"t"},{"id":"2","count":2}]`:  {odd: "found[] left_out"},
		`,"next":{}`:                       {fails: "field next of the answer is an object where text belongs"},
		`,"next":"123456789"`:              {fails: "field next of the answer has more than 8 bytes"},
		`,"hidden":5`:                      {odd: "hidden left_out"},
		`,"hidden":"12345678901234567890"`: {odd: "hidden left_out"},
		`,"when":"2026-11-29"`:             {fails: "field when of the answer is text that is no time such as 2026-11-29T12:00:00Z"},
		`,"when":""`:                       {fails: "field when of the answer is empty where a time belongs"},
		`,"ID":"2","Ignored":"x","-":"x"`:  {},
		`,"\u0069d":null`:                  {fails: "field id of the answer is missing"},
	} {
		_, odd, err := decode(t, fields)
		if odd != test.odd && test.fails == "" || (err != nil) != (test.fails != "") || err != nil && err.Error() != test.fails {
			t.Errorf("%s: %s, %v", fields, odd, err)
		}
	}
}

func TestWhatIsKept(t *testing.T) {
	t.Parallel()
	got, _, err := decode(t, `,"lines":[{"id":7,"count":"2","title":"äöüäöü","price":{"amount":12.90}}],"parcels":[{},{"id":"2","count":2}],`+
		`"found":[{"id":"1"},{"count":3}],"size":-3,"open":"true","id":"a\u0062","id":"\ud800"`)
	if err != nil {
		t.Fatal(err)
	}
	first := got.Lines[0]
	if first.ID != "7" || first.Count != 2 || first.Title != "äö…" || first.Price.Amount != "12.90" || len(got.Parcels) != 1 ||
		len(got.Found) != 2 || got.Found[0].ID != "1" || got.Found[1].Count != 3 || *got.Size != -3 || !got.Open || got.ID != "\ufffd" {
		t.Errorf("%+v", got)
	}
}

func TestWhatIsNoAnswer(t *testing.T) {
	t.Parallel()
	for body, says := range map[string]string{
		``: "is not JSON", `<html>`: "is not JSON at byte 1", `{"id":"1"`: "is not JSON", `null`: "the answer is null",
		`[]`: "a list where an object belongs", `7`: "a number where an object belongs", `{}`: "field id of the answer is missing",
		strings.Repeat("[", 1<<20): "is not JSON",
	} {
		var into thing
		_, err := new(Decoder).Decode([]byte(body), &into)
		var fault *Error
		if !errors.As(err, &fault) || !strings.Contains(err.Error(), says) {
			t.Errorf("%.20s: %v", body, err)
		}
	}
}

// The bounds are enforced before the memory is spent: 8 MiB of the smallest
// elements would be 2.7 million lines.
func TestListsNeedLittleMemory(t *testing.T) { // not parallel: the allocations of others would count
	for _, field := range []string{"lines", "parcels", "found"} {
		body := []byte(`{"id":"1","when":"2026-11-29T12:00:00Z","` + field + `":[{}` + strings.Repeat(",{}", 8<<20/3) + `]}`)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = new(Decoder).Decode(body, &thing{})
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 32<<20 {
			t.Errorf("%s: %d MiB for an answer of %d MiB", field, used>>20, len(body)>>20)
		}
	}
	many := []byte(`{"id":"1","when":"2026-11-29T12:00:00Z","parcels":[` + strings.Repeat(`{},`, maxElements) + `{}]}`)
	if _, err := new(Decoder).Decode(many, &thing{}); err == nil || !strings.Contains(err.Error(), "more than 100000 elements") {
		t.Errorf("%v", err)
	}
}

// TestDecodesAsEncodingJSON: what has the model's types and sizes is read as
// encoding/json reads it, whatever stands between.
func TestDecodesAsEncodingJSON(t *testing.T) {
	t.Parallel()
	check := func(t *rapid.T) {
		text := rapid.StringN(0, 4, 8)
		lines := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) line {
			l := line{ID: text.Draw(t, "id"), Title: text.Draw(t, "title"), Count: rapid.Int32().Draw(t, "count"), Tags: rapid.SliceOfN(text, 0, 2).Draw(t, "tags")}
			if rapid.Bool().Draw(t, "priced") {
				l.Price = &price{Amount: text.Draw(t, "amount")}
			}
			return l
		}), 0, 3)
		size := rapid.Int().Draw(t, "size")
		when := time.UnixMilli(rapid.Int64Range(0, 1<<42).Draw(t, "when")).UTC()
		given := thing{
			ID: text.Draw(t, "id"), When: when, Until: when.Add(time.Second), Then: &when, Open: rapid.Bool().Draw(t, "open"), Size: &size,
			Lines: lines.Draw(t, "lines"), Parcels: lines.Draw(t, "parcels"), Found: lines.Draw(t, "found"), Next: text.Draw(t, "next"),
		}
		body, err := json.Marshal(given)
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "spaced") {
			var spaced bytes.Buffer
			_ = json.Indent(&spaced, body, "\t", " ")
			body = spaced.Bytes()
		}
		var want, got thing
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatal(err)
		}
		odd, err := new(Decoder).Decode(body, &got)
		if err != nil || len(odd) > 0 || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: %+v, want %+v; %v, %v", body, got, want, odd, err)
		}
	}
	property.Check(t, check)
}

// FuzzDecode: any bytes give something within the bounds, or an error of one
// line that quotes nothing of them.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"id":"1","when":"2026-11-29T12:00:00Z","lines":[{"id":"1","count":1,"title":"long enough","tags":["a"]}],"found":[{}]}`))
	f.Add([]byte(`{"id":"1","when":"2026-11-29T12:00:00Z","open":"1","size":"1e3","hidden":"\ud800","parcels":[[],{"id":5}]}`))
	f.Add([]byte("{\"id\":\"\xff\"}"))
	f.Add([]byte(strings.Repeat(`{"lines":[`, 100)))
	f.Fuzz(func(t *testing.T, body []byte) {
		var got thing
		odd, err := new(Decoder).Decode(body, &got)
		if err != nil {
			var fault *Error
			if !errors.As(err, &fault) || len(err.Error()) > 200 || strings.Contains(fmt.Sprint(err), "\n") {
				t.Errorf("%q", err)
			}
			return
		}
		if got.ID == "" && !bytes.Contains(body, []byte(`""`)) || got.When.IsZero() {
			t.Errorf("%s: %+v", body, got)
		}
		for _, l := range slices.Concat(got.Lines, got.Parcels, got.Found) {
			if len(l.ID) > 8 || len(l.Title) > 8 || len(l.Tags) > 2 || !utf8.ValidString(l.Title) {
				t.Errorf("%+v", l)
			}
		}
		if len(got.Lines) > 3 || len(got.Parcels) > 3 || len(got.Next) > 8 || len(odd) > 40 {
			t.Errorf("%+v, %v", got, odd)
		}
	})
}

// keeping is a Keeper of what is in it.
type keeping struct {
	Lines []line `json:"lines" answer:"max=3"`
	Price *price `json:"price"`

	lost    []string
	unknown map[string]string
}

func (k *keeping) Keep(lost []string, unknown map[string][]byte) (over []string) {
	k.lost, k.unknown = lost, map[string]string{}
	for path, value := range unknown {
		if len(value) > 20 {
			over = append(over, "big")
			continue
		}
		k.unknown[path] = string(value)
	}
	return over
}

// TestUnknownFieldsAreKept: with their places among what was read, without those of what was
// not, and under names that a metric can have.
func TestUnknownFieldsAreKept(t *testing.T) {
	t.Parallel()
	for body, test := range map[string]struct{ kept, lost, odd string }{
		`{"a":{"b":[1, 2]},"none":null,"price":{"amount":"1","was":"2"}}`:                 {kept: `a={"b":[1, 2]} price.was="2"`, odd: "a unknown, price.was unknown"},
		`{"lines":[{"x":1},{"id":"1","count":1,"x":2},{"id":"1","count":1,"x":{"y":3}}]}`: {kept: `lines[0].x=2 lines[1].x={"y":3}`, lost: "lines[]", odd: "lines[].x unknown, lines[] left_out"},
		`{"lines":[{"x":1},{"x":2}]}`:             {lost: "lines[]", odd: "lines[].x unknown, lines[] left_out"},
		`{"price":{"was":1}}`:                     {lost: "price", odd: "price.was unknown, price left_out"},
		`{"+49 170 1234567":1,"":2}`:              {kept: `(empty)=2 +49 170 1234567=1`, odd: "(odd name) unknown"},
		`{"a":1,"a":2}`:                           {kept: `a=2`, odd: "a unknown"},
		`{"b":"` + strings.Repeat("x", 30) + `"}`: {odd: "b unknown, big unknown_left_out"},
	} {
		var into keeping
		odd, err := new(Decoder).Decode([]byte(body), &into)
		if err != nil {
			t.Fatal(err)
		}
		var kept, oddities []string
		for path, value := range into.unknown {
			kept = append(kept, path+"="+value)
		}
		slices.Sort(kept)
		for _, o := range odd {
			oddities = append(oddities, o.Path+" "+string(o.Kind))
		}
		if strings.Join(kept, " ") != test.kept || strings.Join(into.lost, " ") != test.lost || strings.Join(oddities, ", ") != test.odd {
			t.Errorf("%s: kept %q, lost %q, %q", body, kept, into.lost, oddities)
		}
	}
}

// TestUnknownFieldsAreBounded: an answer of nothing else floods nobody.
func TestUnknownFieldsAreBounded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 100_000 {
		name := strings.Map(func(r rune) rune { return r - '0' + 'a' }, fmt.Sprint(i))
		fmt.Fprintf(&b, `,"%s":1`, name)
	}
	var into keeping
	odd, err := new(Decoder).Decode([]byte("{"+b.String()[1:]+"}"), &into)
	if err != nil || len(odd) > 2*maxPaths || len(into.unknown) != maxUnknown || len(into.lost) != maxPaths {
		t.Errorf("%d oddities, %d kept, %d lost, %v", len(odd), len(into.unknown), len(into.lost), err)
	}
}
