package schemas_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/property"
)

// Ids never change: consumers deduplicate by them.
func TestEventIDsAreStable(t *testing.T) {
	t.Parallel()
	if got := schemas.EventID("c1/sellerstream.", "FeedResult", "FeedCompleted", "acme-eu", "50021"); got != "4155d9e57da77646b3a36107245589d8" {
		t.Errorf("the id is %s", got)
	}
}

// No two lists of parts have one id, however their texts run together.
func TestEventIDsTellPartsApart(t *testing.T) {
	t.Parallel()
	property.Check(t, func(rt *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("1:a\x00")), 0, 4, -1)
		a, b := rapid.SliceOfN(text, 0, 4).Draw(rt, "a"), rapid.SliceOfN(text, 0, 4).Draw(rt, "b")
		same := len(a) == len(b)
		for i := 0; same && i < len(a); i++ {
			same = a[i] == b[i]
		}
		if got := schemas.EventID(a...) == schemas.EventID(b...); got != same {
			rt.Fatalf("%q and %q: the same id is %v", a, b, got)
		}
	})
}
