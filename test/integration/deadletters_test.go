package integration

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/sellerstream/sellerstream/schemas"
)

// What is set aside goes back to its topic or queue once, and what fails again is
// another letter that names the first.
func TestDeadLettersGoBackOnce(t *testing.T) {
	e := newEnvironment(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p := e.begin(ctx, t)
	ctx, cancel = p.Watch(ctx)
	defer cancel()

	e.kcat(ctx, t, schemas.InventoryUpdates, update("stray", "nobody", "ECHO-POP", 1, time.Now()))
	_, err := e.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &e.queue, MessageBody: aws.String("no JSON")})
	if err != nil {
		t.Fatal(err)
	}
	letters := e.read(t, schemas.DeadLetters)
	positions := map[int32]int64{}
	await := func(n int) (found []*schemas.DeadLetter) {
		t.Helper()
		for len(found) < n {
			for _, value := range letters.next(ctx, t, positions) {
				found = append(found, value.(*schemas.DeadLetter))
			}
		}
		return found
	}
	ids := map[string]string{} // by reason
	for _, letter := range await(2) {
		ids[letter.Reason] = letter.ID
	}

	if out, err := e.says(ctx, "deadletters", "list", "--config", e.config); err != nil || !strings.Contains(out, "2 open dead letters") {
		t.Errorf("list: %v\n%s", err, out)
	}
	for range 2 { // the second time nothing is left of it
		out, err := e.says(ctx, "deadletters", "retry", "--config", e.config, "--yes", ids["unknown_account"], ids["not_json"])
		var failed *exec.ExitError
		switch {
		case err == nil && strings.Contains(out, "retried 2 dead letters"):
			for _, letter := range await(2) {
				if letter.Reason == "unknown_account" && string(letter.Attributes[schemas.RetryOfHeader]) != ids["unknown_account"] {
					t.Errorf("what failed again does not say of which it is the retry: %v", letter.Attributes)
				}
			}
		case errors.As(err, &failed) && failed.ExitCode() == 1 && strings.Contains(out, "RETRIED at "):
		default:
			t.Errorf("retry: %v\n%s", err, out)
		}
	}
	if n := len(e.readAll(ctx, t, schemas.InventoryUpdates)); n != 2 {
		t.Errorf("%d records on the topic, want the first and its retry", n)
	}
	if out, err := e.says(ctx, "deadletters", "discard", "--config", e.config, "--yes", "--since", "1h"); err != nil || !strings.Contains(out, "discarded 2 dead letters") {
		t.Errorf("discard: %v\n%s", err, out)
	}
	if out, _ := e.says(ctx, "deadletters", "list", "--config", e.config); !strings.Contains(out, "no open dead letter") {
		t.Errorf("afterwards:\n%s", out)
	}
	if err := p.Stop(time.Minute); err != nil {
		t.Errorf("stop the pipeline: %v", err)
	}
}
