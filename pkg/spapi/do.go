package spapi

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Request is a call of an operation that has no method of its own here.
type Request struct {
	// Operation is as Amazon's model has it: name, method and path, and the status of a
	// success if it is not 200. For an operation that writes, Writes and Repeat say
	// what a lost answer means.
	Operation model.Operation
	// Parameters take the places of those in Operation.Path, in their order. They are
	// escaped.
	Parameters []string
	Query      url.Values
	Body       any // sent as JSON; nil for none
}

// Do makes a call of an operation that has no method of its own, with the seller's
// token, and returns the answer's body: JSON of at most 8 MiB, or none. A POST that
// changes something needs Writes and Repeat, or its lost answer counts as one of a read.
// Like every call it is made once and waits for no quota; the usage plan is in Amazon's
// reference. Its error is a *model.Error.
func (s *Seller) Do(ctx context.Context, req Request) (json.RawMessage, Meta, error) {
	if fault := req.fault(); fault != "" {
		return nil, Meta{}, s.invalid(req.Operation.Name, fault)
	}
	var body json.RawMessage
	meta, err := s.send(ctx, call{
		Operation: req.Operation, path: fill(req.Operation.Path, req.Parameters), query: req.Query, body: req.Body,
	}, &body)
	return body, meta, err
}

// parameters returns how many segments of a path are in braces; -1 for a path with any
// other brace.
func parameters(path string) int {
	n := 0
	for part := range strings.SplitSeq(path, "/") {
		name, opens := strings.CutPrefix(part, "{")
		name, closes := strings.CutSuffix(name, "}")
		switch {
		case strings.ContainsAny(name, "{}") || opens != closes:
			return -1
		case opens:
			n++
		}
	}
	return n
}

// fault is what keeps a request from being made.
func (r Request) fault() string {
	if _, known := model.Describe(r.Operation.Name); known {
		return "the operation has a method of its own: call that, which knows its rules"
	}
	switch {
	case r.Operation.Name == "":
		return "the operation has no name: give it Amazon's operationId, by which quotas and errors name it"
	case !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, r.Operation.Method):
		return "the operation's method is none of GET, POST, PUT, PATCH and DELETE"
	case !strings.HasPrefix(r.Operation.Path, "/"):
		return "the operation's path does not begin with /"
	case slices.Contains([]string{"PUT", "PATCH", "DELETE"}, r.Operation.Method) && !r.Operation.Writes:
		return "the operation changes something at Amazon: set Writes, and Repeat to how it may be made again"
	case parameters(r.Operation.Path) != len(r.Parameters):
		return "the operation's path and Parameters differ in number, or the path has a brace that belongs to no parameter"
	case slices.Contains(r.Parameters, ""):
		return "a parameter of the path is empty: the call would be of another operation"
	case r.Operation.Scope != "" || r.Operation.Restricted:
		return "the operation takes a token other than the seller's, which only its own method can get"
	}
	return ""
}
