package integration

import (
	"context"
	"os"
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

	if out, code := e.deadletters(ctx, "list"); code != 0 || !strings.Contains(out, "2 open dead letters") {
		t.Errorf("list: exit %d\n%s", code, out)
	}
	for range 2 { // the second time nothing is left of it
		out, code := e.deadletters(ctx, "retry", "--yes", ids["unknown_account"], ids["not_json"])
		switch {
		case code == 0 && strings.Contains(out, "retried 2 dead letters"):
			for _, letter := range await(2) {
				if letter.Reason == "unknown_account" && string(letter.Attributes[schemas.RetryOfHeader]) != ids["unknown_account"] {
					t.Errorf("what failed again does not say of which it is the retry: %v", letter.Attributes)
				}
			}
		case code == 1 && strings.Contains(out, "RETRIED at "):
		default:
			t.Errorf("retry: exit %d\n%s", code, out)
		}
	}
	if n := len(e.readAll(ctx, t, schemas.InventoryUpdates)); n != 2 {
		t.Errorf("%d records on the topic, want the first and its retry", n)
	}
	if out, code := e.deadletters(ctx, "discard", "--yes", "--since", "1h"); code != 0 || !strings.Contains(out, "discarded 2 dead letters") {
		t.Errorf("discard: exit %d\n%s", code, out)
	}
	if out, _ := e.deadletters(ctx, "list"); !strings.Contains(out, "no open dead letter") {
		t.Errorf("afterwards:\n%s", out)
	}
	if err := p.Stop(time.Minute); err != nil {
		t.Errorf("stop the pipeline: %v", err)
	}
}

// deadletters runs the operator's command.
func (e *environment) deadletters(ctx context.Context, args ...string) (out string, code int) {
	command := exec.CommandContext(ctx, e.binary, append([]string{"deadletters", "--config", e.config}, args...)...)
	command.Env = append(os.Environ(), "SELLERSTREAM_TEST_AWS_SECRET=test")
	text, _ := command.CombinedOutput() // the status says it
	return string(text), command.ProcessState.ExitCode()
}
