package spapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
)

// reader reads a request's query. The first complaint about it stays.
type reader struct {
	query url.Values
	err   error
}

// read begins with a complaint about parameters that are not among the known ones
// or are given twice.
func (r *request) read(known ...string) *reader {
	q := &reader{query: r.query}
	for name, values := range r.query {
		q.check(r.lenient || slices.Contains(known, name), "Unknown query parameter: %s.", name)
		q.check(len(values) < 2, "Query parameter %s is given more than once; its values are separated by commas.", name)
	}
	return q
}

// check complains unless something holds.
func (q *reader) check(holds bool, complaint string, arguments ...any) {
	if !holds && q.err == nil {
		q.err = fmt.Errorf(complaint, arguments...)
	}
}

// values reads a comma-separated list of at most so many known values; nil knows all.
func (q *reader) values(name string, most int, known []string) map[string]bool {
	given := make(map[string]bool)
	if !q.query.Has(name) {
		return given
	}
	for value := range strings.SplitSeq(q.query.Get(name), ",") {
		q.check(known == nil || slices.Contains(known, value), "the value %q of %s is not one of %s", value, name, strings.Join(known, ", "))
		given[value] = true
	}
	q.check(len(given) <= most, "%s has more than %d values", name, most)
	return given
}

// time reads a time in RFC 3339, or in one of these layouts too.
func (q *reader) time(name string, layouts ...string) time.Time {
	for _, layout := range append(layouts, time.RFC3339) {
		if t, err := time.Parse(layout, q.query.Get(name)); err == nil {
			return t
		}
	}
	q.check(false, "%s is not an ISO 8601 date and time", name)
	return time.Time{}
}

// number reads a number, if it is given, or complains.
func (q *reader) number(name string, otherwise, least, most int, complaint string) int {
	given := q.query.Get(name)
	if given == "" {
		return otherwise
	}
	n, err := strconv.Atoi(given)
	q.check(err == nil && n >= least && n <= most, "%s", complaint)
	return n
}

// among reports whether a filter lets a value through; an empty filter lets all.
func among(filter map[string]bool, value string) bool {
	return len(filter) == 0 || filter[value]
}

// spapiBodyLimit bounds the body of a request that describes something small.
const spapiBodyLimit = 64 << 10

// decodeBody reads a JSON body strictly, or says what is wrong with it.
func decodeBody(r *request, into any) *exchange.Answer {
	refuse := func(a exchange.Answer) *exchange.Answer { return &a }
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != exchange.JSONType {
		return refuse(failure(http.StatusUnsupportedMediaType, "UnsupportedMediaType", "The Content-Type must be application/json.", ""))
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, spapiBodyLimit+1))
	switch {
	case err != nil:
		return refuse(invalidInput("The request's body could not be read."))
	case len(body) > spapiBodyLimit:
		return refuse(failure(http.StatusRequestEntityTooLarge, "RequestTooLarge", "The request size exceeded the maximum accepted size.", ""))
	}
	if err := r.decode(bytes.NewReader(body), into); err != nil {
		return refuse(invalidInput("The request's body is malformed: " + err.Error()))
	}
	return nil
}

// decode reads JSON. What is not in the model is refused, or ignored.
func (r *request) decode(from io.Reader, into any) error {
	if r.lenient {
		return json.NewDecoder(from).Decode(into)
	}
	return wire.Decode(from, into)
}

// readOperation reads an operation's body strictly, or refuses it: what is not
// in the model, or of another type there, is a fault.
func readOperation(r *request, v any) *exchange.Answer {
	if err := r.decode(http.MaxBytesReader(nil, r.Body, 8<<20), v); err != nil {
		refusal := invalidInput("The request's body is not what the model says: " + err.Error())
		return &refusal
	}
	return nil
}
