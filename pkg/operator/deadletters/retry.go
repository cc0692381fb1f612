package deadletters

import (
	"context"
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/schemas"
)

// Done is what a retry did, even if it failed on its way.
type Done struct {
	Retried int
	Kept    int // letters that went nowhere; see Plan
	Same    int // letters of an id that was retried by the same run: a message that had come twice
}

// Retry sends the letters that match back to where they came from, each once. A
// Kafka record is committed together with the note of it. Before a message is
// sent to a queue, RETRYING is noted, and RETRIED after: who dies in between
// leaves a letter that may have been sent, and is retried only if f means
// letters that are settled.
func (l *Letters) Retry(ctx context.Context, f Filter, now time.Time) (Done, error) {
	var done Done
	w, err := l.newWriter(ctx)
	if err != nil {
		return done, err
	}
	defer w.close()
	seen := make(map[[16]byte]bool)
	err = l.Each(ctx, f, func(letter *Letter) error {
		if seen[markKey(letter.ID)] {
			done.Same++
			return nil
		}
		letter, route, err := l.route(ctx, letter, now)
		switch {
		case err != nil:
			return err
		case route.Refusal != "":
			done.Kept++
			return nil
		}
		seen[markKey(letter.ID)] = true
		if route.Queue != "" {
			return w.send(ctx, letter, route.Queue)
		}
		rec := recordOf(letter, route.Topic)
		if id, ok := orderOf(letter); ok {
			if rec, err = l.changeOf(letter, id, now); err != nil {
				return err
			}
		}
		w.add(rec)
		return w.note(ctx, letter, Retried, route.Topic)
	})
	if err == nil {
		err = w.commit(ctx)
	}
	done.Retried = w.written[Retried]
	return done, err
}

// Discard marks the letters that match as needing nothing, and returns how many
// they are.
func (l *Letters) Discard(ctx context.Context, f Filter) (int, error) {
	w, err := l.newWriter(ctx)
	if err != nil {
		return 0, err
	}
	defer w.close()
	seen := make(map[[16]byte]bool)
	err = l.Each(ctx, f, func(letter *Letter) error {
		if seen[markKey(letter.ID)] {
			return nil
		}
		seen[markKey(letter.ID)] = true
		return w.note(ctx, letter, Discarded, "")
	})
	if err == nil {
		err = w.commit(ctx)
	}
	return w.written[Discarded], err
}

// send sends a letter's message to its queue.
func (w *writer) send(ctx context.Context, letter *Letter, queue string) error {
	if err := w.noteNow(ctx, letter, Retrying, queue); err != nil {
		return err
	}
	definite, err := w.letters.opts.Queues.Send(ctx, queue, letter.Value)
	// What was learned is noted even where the operator has had enough meanwhile.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	switch {
	case err == nil:
		return w.noteNow(after, letter, Retried, queue)
	case !definite:
		return fmt.Errorf("send dead letter %s to queue %s: whether it arrived is not known, and it stays %s: look into the queue, then `retry --again` or `discard` it: %w",
			letter.ID, queue, Retrying, err)
	}
	if err := w.noteNow(after, letter, Reopened, queue); err != nil {
		return err
	}
	return fmt.Errorf("send dead letter %s to queue %s (that wants sqs:SendMessage and, where a KMS key encrypts the queue, kms:GenerateDataKey and kms:Decrypt): %w",
		letter.ID, queue, err)
}

func (w *writer) noteNow(ctx context.Context, letter *Letter, action, target string) error {
	if err := w.note(ctx, letter, action, target); err != nil {
		return err
	}
	return w.commit(ctx)
}

// resolution is the note that something was done about a letter.
func (l *Letters) resolution(letter *Letter, action, target string) *schemas.DeadLetterResolution {
	return &schemas.DeadLetterResolution{ID: letter.ID, Action: action, Time: time.Now().UTC(), By: l.opts.By, Target: target}
}
