package tail

import (
	"context"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

type avroOnly struct{}

func (avroOnly) DecodeJSON(context.Context, []byte) ([]byte, error) {
	return nil, errors.New("not in the wire format")
}

// A switch that was written without the registry is JSON already.
func TestASwitchInJSONIsShown(t *testing.T) {
	t.Parallel()
	topic := Topic{Decoder: avroOnly{}}
	const pause = `{"subject":"acme","paused":true}`
	if got, err := topic.shown(t.Context(), &kgo.Record{Value: []byte(pause)}); err != nil || got.Error != "" || string(got.Value) != pause {
		t.Errorf("%+v: %v", got, err)
	}
	if got, err := topic.shown(t.Context(), &kgo.Record{Value: []byte("{")}); err != nil || got.Error == "" || string(got.Bytes) != "{" {
		t.Errorf("what is no JSON: %+v: %v", got, err)
	}
}
