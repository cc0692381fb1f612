package parts

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// CreateBus creates an event bus with a name that the test alone uses. The SDK sends a
// request again when its answer is lost: then the bus exists, and it is the one asked for.
func CreateBus(t testing.TB, client *eventbridge.Client, name string) {
	t.Helper()
	_, err := client.CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: &name})
	if exists := (*types.ResourceAlreadyExistsException)(nil); err != nil && !errors.As(err, &exists) {
		t.Fatalf("create event bus %s: %v", name, err)
	}
}
