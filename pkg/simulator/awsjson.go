package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// AWSRegion is the AWS region of the queues. Signatures are not looked at, so
// clients may name any.
const AWSRegion = "eu-west-1"

// awsAccount is the AWS account that owns the queues and buses.
const awsAccount = "000000000000"

// awsOperation is one operation of an AWS service that speaks JSON. It reads
// its own input; resource names what it works on, for the ledger and the faults.
type awsOperation func(x *exchange, r *http.Request, body []byte) answer

// awsService dispatches an AWS JSON protocol by the X-Amz-Target header.
// Signatures are not checked: the endpoint is on loopback.
type awsService struct {
	part       Part
	target     string // X-Amz-Target's prefix, such as "AmazonSQS."
	limit      int64  // of a request's body
	latency    time.Duration
	mediaType  string // of its answers
	resource   func(body []byte) string
	operations map[string]awsOperation
}

func (s *Simulator) serveAWS(service *awsService) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, found := strings.CutPrefix(r.Header.Get("X-Amz-Target"), service.target)
		call := &Call{Part: service.part}
		operate := service.operations[name]
		body, err := readBody(w, r, service.limit)
		if found && operate != nil {
			call.Operation = name
		}
		if err == nil {
			call.Account = service.resource(body)
		}
		s.serve(w, r, call, service.latency, func(x *exchange) (result answer) {
			defer func() { result.contentType = service.mediaType }()
			switch {
			case r.Method != http.MethodPost || call.Operation == "":
				return awsError(http.StatusBadRequest, "UnknownOperationException", fmt.Sprintf("the simulator has no operation %q", r.Header.Get("X-Amz-Target")))
			case err != nil:
				return awsError(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", err.Error())
			}
			return operate(x, r, body)
		})
	})
}

// awsError is an error in AWS's JSON protocols. The SDK reads its type from __type.
func awsError(status int, code, message string) answer {
	short := code[strings.LastIndexByte(code, '#')+1:]
	return answer{status: status, contentType: jsonType, code: short, body: mustJSON(struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}{code, message})}
}

// decodeAWS reads an operation's input, or says what is wrong with it.
func decodeAWS[T any](body []byte) (*T, *answer) {
	input := new(T)
	if err := json.Unmarshal(body, input); err != nil {
		refusal := awsError(http.StatusBadRequest, "SerializationException", err.Error())
		return nil, &refusal
	}
	return input, nil
}

// awsResult is an operation's output.
func awsResult(output any) answer {
	return answer{status: http.StatusOK, body: mustJSON(output)}
}
