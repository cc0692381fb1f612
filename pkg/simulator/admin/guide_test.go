package admin

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/simulator/fault"
)

// What a rule may say of a feed is explained too.
func TestGuideExplainsFeeds(t *testing.T) {
	t.Parallel()
	for field := range strings.SplitSeq(fieldsOf(reflect.TypeFor[fault.FeedOutcome]()), ", ") {
		if !regexp.MustCompile(`\b` + field + `\b`).MatchString(guide) {
			t.Errorf("the guide does not explain %q", field)
		}
	}
}
