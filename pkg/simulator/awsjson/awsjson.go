package awsjson

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/ledger"
)

// Region is the AWS region of the queues. Signatures are not looked at, so
// clients may name any.
const Region = "eu-west-1"

// Account is the AWS account that owns the queues and buses.
const Account = "000000000000"

// Operation is one operation of a service. It reads its own input.
type Operation func(x *exchange.Exchange, r *http.Request, body []byte) exchange.Answer

// API dispatches a service's operations by the X-Amz-Target header. Signatures
// are not checked: it protects nothing.
type API struct {
	exchange.Service
	Target    string // X-Amz-Target's prefix, such as "AmazonSQS."
	Limit     int64  // of a request's body
	MediaType string // of its answers
	// Resource names what a request works on, for the ledger and the faults.
	Resource   func(body []byte) string
	Operations map[string]Operation
}

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, found := strings.CutPrefix(r.Header.Get("X-Amz-Target"), a.Target)
	call := new(ledger.Call)
	operate := a.Operations[name]
	body, err := exchange.ReadBody(w, r, a.Limit)
	if found && operate != nil {
		call.Operation = name
	}
	if err == nil {
		call.Account = a.Resource(body)
	}
	a.Serve(w, r, call, func(x *exchange.Exchange) (result exchange.Answer) {
		defer func() { result.ContentType = a.MediaType }()
		switch {
		case r.Method != http.MethodPost || call.Operation == "":
			return Error(http.StatusBadRequest, "UnknownOperationException", fmt.Sprintf("the simulator has no operation %q", r.Header.Get("X-Amz-Target")))
		case err != nil:
			return Error(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", err.Error())
		}
		return operate(x, r, body)
	})
}

// Fail is a status without a reason.
func Fail(status int) exchange.Answer {
	return Error(status, "InternalFailure", "The request processing has failed because of an unknown error.")
}

// Error is an error in AWS's JSON protocols. The SDK reads its type from __type.
func Error(status int, code, message string) exchange.Answer {
	result := exchange.JSON(status, struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}{code, message})
	result.Code = code[strings.LastIndexByte(code, '#')+1:]
	return result
}

// Decode reads an operation's input, or says what is wrong with it.
func Decode[T any](body []byte) (*T, *exchange.Answer) {
	input := new(T)
	if err := json.Unmarshal(body, input); err != nil {
		refusal := Error(http.StatusBadRequest, "SerializationException", err.Error())
		return nil, &refusal
	}
	return input, nil
}

// Page is the names with a prefix that come after the one that a token names, in order; at most
// so many, or 1,000, which is also what AWS gives without a limit. next is the next page's token.
func Page(names []string, prefix, token string, most int) (page []string, next string) {
	slices.Sort(names)
	for _, name := range names {
		if strings.HasPrefix(name, prefix) && name > token {
			page = append(page, name)
		}
	}
	if most < 1 || most > 1000 {
		most = 1000
	}
	if len(page) > most {
		page, next = page[:most], page[most-1]
	}
	return page, next
}

// Result is an operation's output.
func Result(output any) exchange.Answer { return exchange.JSON(http.StatusOK, output) }
