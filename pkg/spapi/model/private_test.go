package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestPrivateTextsStayPrivate(t *testing.T) {
	t.Parallel()
	answer := GetOrderResponse{Order: Order{Buyer: &Buyer{Name: "Eve Canary"}, Recipient: &Recipient{Address: &CustomerAddress{Name: "Eve Canary"}}}}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("seen", "name", answer.Order.Buyer.Name, "buyer", *answer.Order.Buyer)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("seen", "name", answer.Order.Buyer.Name, "buyer", *answer.Order.Buyer)
	for _, shown := range []string{
		log.String(), fmt.Sprintf("%v %+v %#v", *answer.Order.Buyer, *answer.Order.Recipient.Address, answer.Order.Buyer.Name), fmt.Sprintf("%s %q %x", answer.Order.Buyer.Name, answer.Order.Buyer.Name, answer.Order.Buyer.Name),
	} {
		if strings.Contains(shown, "Canary") || !strings.Contains(shown, private) {
			t.Errorf("shown as %s", shown)
		}
	}
	if text, err := json.Marshal(answer); !errors.Is(err, ErrPrivate) {
		t.Errorf("marshalled as %s, %v", text, err)
	}
}

func TestPrivateTextsAreRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Private{`"Eve \u0026 Co"`: "Eve & Co", `null`: "", `48110`: "48110", `{"a": 1}`: `{"a": 1}`} {
		var got struct{ Name Private }
		if err := json.Unmarshal([]byte(`{"Name":`+text+`}`), &got); err != nil || got.Name != want {
			t.Errorf("%s is read as %q, %v", text, string(got.Name), err)
		}
	}
}
