package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// manyAccounts is a broken setup of 10,000 accounts: 9,990 are well, eight have
// one fault and two have another.
func manyAccounts() Report {
	config := &exam{part: partConfiguration}
	config.add(checkFile, good("sellerstream.yaml: 10000 accounts, 1 application, 1 queue"))
	queue := &exam{part: partQueue, name: "notifications"}
	queue.add(checkReachable, good("we may read its attributes"))
	queue.add(checkPolicy, policyFinding(`{"Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sqs:*","Resource":"*"}]}`,
		"arn", "queue", "sqs:SendMessage", "sqs:GetQueueAttributes"))
	results := append(config.results, queue.results...)
	for i := range 10_000 {
		e := &exam{part: partAccount, name: fmt.Sprintf("seller-%d", i)}
		switch {
		case i%1250 == 3:
			e.add(checkToken, fail("400 invalid_grant [request "+e.name+"]", "the seller withdrew", "authorize again").at("accounts[%d].refresh_token", i))
			e.check(context.Background(), checkSeller, []string{checkToken}, nil)
		case i%5000 == 7:
			e.add(checkToken, good("fine"))
			e.add(checkSeller, warn("429", "the quota is in use", "nothing").at("accounts[%d]", i))
		default:
			e.add(checkToken, good("fine"))
			e.add(checkSeller, good("fine"))
		}
		results = append(results, e.results...)
	}
	return Report{Results: results, Took: 90 * time.Second}
}

func TestTheTableIsForAPerson(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	manyAccounts().Table(&text, false)
	golden(t, "many.txt", text.String())
	text.Reset()
	Unusable("sellerstream.yaml", errors.New("configuration: open sellerstream.yaml: no such file or directory")).Table(&text, false)
	golden(t, "unusable.txt", text.String())
}

func TestTheJSONIsForAProgram(t *testing.T) {
	t.Parallel()
	for _, all := range []bool{false, true} {
		var text strings.Builder
		if err := manyAccounts().JSON(&text, all); err != nil {
			t.Fatal(err)
		}
		var read struct {
			Healthy  bool
			Counts   struct{ OK, Warnings, Failed, Skipped int }
			Accounts struct{ Examined, Well int }
			Results  []Result
		}
		if err := json.Unmarshal([]byte(text.String()), &read); err != nil {
			t.Fatal(err)
		}
		want := 3 + 8*2 + 2
		if all {
			want = 3 + 20_000
		}
		if len(read.Results) != want || read.Healthy || read.Counts.Failed != 9 || read.Counts.Warnings != 2 || read.Counts.Skipped != 8 ||
			read.Accounts.Examined != 10_000 || read.Accounts.Well != 9_990 {
			t.Errorf("%d results, want %d; %+v %+v", len(read.Results), want, read.Counts, read.Accounts)
		}
	}
}
