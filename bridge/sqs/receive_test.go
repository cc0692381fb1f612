package sqs

import (
	"bytes"
	"io"
	"net/http"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/schemas"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
)

// received reads an answer to ReceiveMessage by a protocol.
func received(t *testing.T, protocol smithyhttp.ClientProtocol, status int, body []byte) (*sqs.ReceiveMessageOutput, error) {
	t.Helper()
	var out sqs.ReceiveMessageOutput
	err := protocol.DeserializeResponse(t.Context(),
		smithy.NewOperationSchema(schemas.ReceiveMessage, schemas.ReceiveMessageRequest, schemas.ReceiveMessageResult), sqs.TypeRegistry,
		&smithyhttp.Response{Response: &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}}, &out)
	return &out, err
}

const usualReceive = `{"Messages":[{"MessageId":"m-1","ReceiptHandle":"r/1=","MD5OfBody":"0","Body":"{\"a\":\"\\n\\u00e9\",\"b\":[1]}",` +
	`"Attributes":{"SentTimestamp":"1763892001456","ApproximateReceiveCount":"1"}}, {"MessageId":"m-2","ReceiptHandle":"","Body":"é\/\t"}]}`

// TestReadMessages: what SQS usually writes is read, and anything else is left to the SDK,
// with the same result.
func TestReadMessages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body  string
		quick bool
	}{
		"usual":              {usualReceive, true},
		"nothing":            {`{}`, true},
		"no messages":        {` { "Messages" : [ ] } `, true},
		"an escaped rune":    {`{"Messages":[{"Body":"\u00e9"}]}`, false},
		"message attributes": {`{"Messages":[{"Body":"x","MessageAttributes":{"a":{"DataType":"String","StringValue":"b"}}}]}`, false},
		"null":               {`{"Messages":null}`, false},
		"a number":           {`{"Messages":[{"Body":"x"}],"More":1}`, false},
		"a member of ours":   {`{"Messages":[{"Body":"x","Color":"red"}]}`, false},
	} {
		if _, quick := readMessages([]byte(c.body)); quick != c.quick {
			t.Errorf("%s: read quickly: %t", name, quick)
		}
		sdk := awsjson.New10(schemas.AmazonSQS)
		want, err := received(t, sdk, http.StatusOK, []byte(c.body))
		if err != nil {
			t.Fatalf("%s: the SDK: %v", name, err)
		}
		got, err := received(t, quick{sdk}, http.StatusOK, []byte(c.body))
		if err != nil || len(got.Messages)+len(want.Messages) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v and %v, want %+v", name, got, err, want)
		}
	}
	out, err := received(t, quick{awsjson.New10(schemas.AmazonSQS)}, http.StatusOK, []byte(usualReceive))
	if err != nil || aws.ToString(out.Messages[1].Body) != "é/\t" {
		t.Errorf("got %+v and %v", out, err)
	}
}

// TestARefusedReceiveIsAnError: only answers of status 200 hold messages.
func TestARefusedReceiveIsAnError(t *testing.T) {
	t.Parallel()
	if out, err := received(t, quick{awsjson.New10(schemas.AmazonSQS)}, http.StatusBadRequest, []byte(usualReceive)); err == nil {
		t.Errorf("got %+v", out)
	}
	if out, err := received(t, quick{awsjson.New10(schemas.AmazonSQS)}, http.StatusOK, []byte(usualReceive[:40])); err == nil {
		t.Errorf("got %+v of half an answer", out)
	}
}

// FuzzReceive holds what is read quickly against what the SDK reads.
func FuzzReceive(f *testing.F) {
	for _, seed := range []string{usualReceive, `{}`, `{"Messages":[]}`, `{"Messages":[{}],"Messages":[{"Body":"a"}]}`, `{"Messages":[{"Attributes":{}},{"Body":"\b\f\r"}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, ok := readMessages(body)
		if !ok {
			return
		}
		want, err := received(t, awsjson.New10(schemas.AmazonSQS), http.StatusOK, body)
		if err != nil {
			t.Fatalf("the SDK does not read it: %v", err)
		}
		if len(got)+len(want.Messages) > 0 && !reflect.DeepEqual(got, want.Messages) {
			t.Errorf("got %+v, want %+v", got, want.Messages)
		}
	})
}
