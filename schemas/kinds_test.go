package schemas_test

import (
	"os"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/schemas"
)

// Each kind of record on a topic has the feature level from which on it may be written, or
// "carried" for one in the state that an older version leaves aside (UPGRADING.md), or
// "command" for one that an operator's command alone writes, with the way back in
// UPGRADING.md. So who adds a kind thinks of the processes of the version before.
func TestEachKindHasItsLevel(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/kinds.txt")
	if err != nil {
		t.Fatal(err)
	}
	levels := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 {
			levels[fields[0]+" "+fields[1]] = fields[2]
		}
	}
	for _, topic := range schemas.Topics() {
		for _, record := range topic.Records {
			kind := topic.Name + " " + record
			switch level := levels[kind]; {
			case level == "":
				t.Errorf("%s is a new kind: can the version before leave it aside (docs/ARCHITECTURE.md, \"Versions that run together\")? "+
					"Write it to testdata/kinds.txt, with the feature level that it needs, as carried or as a command's", kind)
			case level == "carried" && !topic.Compacted():
				t.Errorf("%s cannot be carried along: on a topic that is no state an older version sets it aside", kind)
			}
			delete(levels, kind)
		}
	}
	for kind := range levels {
		t.Errorf("%s is gone: the version before still reads or writes it", kind)
	}
}
