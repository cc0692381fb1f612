package spapi

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
)

// valuesOf reads a comma-separated list of known values; nil knows all.
func valuesOf(query url.Values, name string, known []string) (map[string]bool, error) {
	given := make(map[string]bool)
	if !query.Has(name) {
		return given, nil
	}
	for value := range strings.SplitSeq(query.Get(name), ",") {
		if known != nil && !slices.Contains(known, value) {
			return nil, fmt.Errorf("the value %q of %s is not one of %s", value, name, strings.Join(known, ", "))
		}
		given[value] = true
	}
	return given, nil
}

func readTime(q url.Values, name string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, q.Get(name))
	if err != nil {
		return time.Time{}, fmt.Errorf("%s is not an ISO 8601 date and time", name)
	}
	return t, nil
}

// unknownParameter names a query parameter that is not among the known ones,
// or that is given twice; both are refused.
func unknownParameter(query url.Values, known ...string) (string, bool) {
	for name, values := range query {
		if !slices.Contains(known, name) {
			return fmt.Sprintf("Unknown query parameter: %s.", name), true
		}
		if len(values) > 1 {
			return fmt.Sprintf("Query parameter %s is given more than once; its values are separated by commas.", name), true
		}
	}
	return "", false
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
	if err := wire.Decode(bytes.NewReader(body), into); err != nil {
		return refuse(invalidInput("The request's body is malformed: " + err.Error()))
	}
	return nil
}

// readOperation reads an operation's body strictly, or refuses it: what is not
// in the model, or of another type there, is a fault.
func readOperation(r *request, v any) *exchange.Answer {
	if err := wire.Decode(http.MaxBytesReader(nil, r.Body, 8<<20), v); err != nil {
		refusal := invalidInput("The request's body is not what the model says: " + err.Error())
		return &refusal
	}
	return nil
}
