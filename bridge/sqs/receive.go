package sqs

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// quickly is an option of ReceiveMessage: see quick.
func quickly(o *sqs.Options) { o.Protocol = quick{o.Protocol} }

// quick is the SDK's protocol, except that it reads what ReceiveMessage brings itself, in
// a fraction of the time: of all that the bridge does, that took most. An answer that has
// anything unusual in it is left to the SDK.
type quick struct{ smithyhttp.ClientProtocol }

// usualAnswer is what is expected of an answer's size, in bytes: ten messages of a few KiB.
const usualAnswer = 64 << 10

// DeserializeResponse implements smithyhttp.ClientProtocol.
func (q quick) DeserializeResponse(ctx context.Context, schema *smithy.OperationSchema, known *smithy.TypeRegistry, resp *smithyhttp.Response, out smithy.Deserializable) error {
	if answer, ok := out.(*sqs.ReceiveMessageOutput); ok && resp.StatusCode == http.StatusOK {
		var body bytes.Buffer
		body.Grow(int(min(max(resp.ContentLength, 0), usualAnswer)) + bytes.MinRead)
		if _, err := body.ReadFrom(resp.Body); err != nil {
			return &smithy.DeserializationError{Err: err}
		}
		if messages, ok := readMessages(body.Bytes()); ok {
			answer.Messages = messages
			return nil
		}
		if err := resp.Body.Close(); err != nil {
			return &smithy.DeserializationError{Err: err}
		}
		resp.Body = io.NopCloser(&body)
	}
	return q.ClientProtocol.DeserializeResponse(ctx, schema, known, resp, out)
}

// readMessages reads the answer to a ReceiveMessage; it is not ok for one with anything
// in it that answers do not usually have.
func readMessages(data []byte) (messages []types.Message, ok bool) {
	s := scanner{data: data, usual: utf8.Valid(data)}
	s.object(func(name []byte) {
		if string(name) != "Messages" {
			s.usual = false
			return
		}
		messages = make([]types.Message, 0, batchSize)
		s.list('[', ']', func() {
			messages = append(messages, types.Message{})
			s.message(&messages[len(messages)-1])
		})
	})
	s.space()
	return messages, s.usual && s.at == len(s.data)
}

func (s *scanner) message(m *types.Message) {
	s.object(func(name []byte) {
		switch string(name) {
		case "MessageId":
			m.MessageId = aws.String(string(s.text()))
		case "ReceiptHandle":
			m.ReceiptHandle = aws.String(string(s.text()))
		case "MD5OfBody":
			m.MD5OfBody = aws.String(string(s.text()))
		case "Body":
			m.Body = aws.String(string(s.text()))
		case "Attributes":
			m.Attributes = make(map[string]string, 2)
			s.object(func(name []byte) {
				key := string(name)
				m.Attributes[key] = string(s.text())
			})
		default:
			s.usual = false
		}
	})
}

// scanner reads JSON that is as SQS usually writes it. Once something is not, usual is
// false and it reads nothing more.
type scanner struct {
	data  []byte
	at    int
	plain []byte // of the string that is being read
	usual bool
}

func (s *scanner) space() {
	for s.at < len(s.data) && (s.data[s.at] == ' ' || s.data[s.at] == '\n' || s.data[s.at] == '\t' || s.data[s.at] == '\r') {
		s.at++
	}
}

// take takes a character that is expected, and reports whether it is there.
func (s *scanner) take(c byte) bool {
	s.space()
	if s.at < len(s.data) && s.data[s.at] == c {
		s.at++
		return true
	}
	return false
}

// list reads what stands between two brackets, with a comma between one and the next.
func (s *scanner) list(open, end byte, element func()) {
	s.usual = s.usual && s.take(open)
	if !s.usual || s.take(end) {
		return
	}
	for s.usual {
		element()
		if s.take(end) {
			return
		}
		s.usual = s.usual && s.take(',')
	}
}

func (s *scanner) object(member func(name []byte)) {
	s.list('{', '}', func() {
		name := s.text()
		s.usual = s.usual && s.take(':')
		member(name)
	})
}

// text reads a string. What it returns is good until the next one is read.
func (s *scanner) text() []byte {
	s.usual = s.usual && s.take('"')
	if !s.usual {
		return nil
	}
	s.plain = s.plain[:0]
	begin := s.at
	for i := begin; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '"':
			s.at = i + 1
			if len(s.plain) == 0 {
				return s.data[begin:i]
			}
			s.plain = append(s.plain, s.data[begin:i]...)
			return s.plain
		case c == '\\' && i+1 < len(s.data):
			s.plain = append(s.plain, s.data[begin:i]...)
			i++
			letter := unescapedByte(s.data[i])
			if letter == 0 {
				s.usual = false
				return nil
			}
			s.plain = append(s.plain, letter)
			begin = i + 1
		case c < ' ':
			s.usual = false
			return nil
		}
	}
	s.usual = false
	return nil
}

// unescapedByte is the character for which a backslash and c stand in JSON; 0 for \u, which
// SQS uses for control characters only, and for what is no escape.
func unescapedByte(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	}
	return 0
}
