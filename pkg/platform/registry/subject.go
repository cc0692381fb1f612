package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/schemas"
)

// ofTopic returns an error unless a schema is registered under one of the
// topic's own subjects.
func (c *Codec) ofTopic(ctx context.Context, w *writer, key readerKey) error {
	if c.shared || w.text == "" {
		return nil
	}
	if e, ok := c.strangers.get(key); ok && time.Now().Before(e.until) {
		return e
	}
	subjects := c.ownSubjects(key.topic, w.name)
	for _, subject := range subjects {
		// A version that was deleted since has written what is on the topic.
		_, err := c.client.LookupSchema(sr.WithParams(ctx, sr.ShowDeleted), subject, sr.Schema{Schema: w.text, Type: sr.TypeAvro})
		var answer *sr.ResponseError
		switch err = worded(err); {
		case err == nil:
			c.waits.over(key.id)
			return nil
		case errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound && (fromRegistry(answer) || c.gives(ctx)):
			continue // no such subject, or not there
		}
		if verdict := c.unanswered(ctx, key.id, err); verdict != "" {
			return refuse(&c.strangers, key, verdict)
		}
		return fmt.Errorf("%w: schema id %d, subject %s: %w", ErrUnavailable, key.id, subject, err)
	}
	return refuse(&c.strangers, key, fmt.Sprintf("schema id %d is registered, but not under %v: register it there, "+
		"or set registry.shared_schemas if schemas are shared between subjects", key.id, subjects))
}

// fromRegistry reports whether a 404 has a code of the registry's own. Without
// one it may be that of a proxy, or of a wrong path.
func fromRegistry(answer *sr.ResponseError) bool { return answer.ErrorCode/100 == http.StatusNotFound }

// ownSubjects are the subjects whose schemas are accepted on a topic: ours, and
// the one that a standard producer uses.
func (c *Codec) ownSubjects(topic, name string) []string {
	t, ok := schemas.TopicOf(topic)
	if !ok {
		return nil
	}
	var subjects []string
	if record, ok := readAs(t, name); ok {
		subjects = append(subjects, t.Subject(c.prefix, record))
	}
	if standard := c.prefix + topic + "-value"; !slices.Contains(subjects, standard) {
		subjects = append(subjects, standard)
	}
	return subjects
}
