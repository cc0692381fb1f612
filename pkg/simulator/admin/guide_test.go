package admin

import (
	"regexp"
	"strings"
	"testing"
)

// What a rule may say of a feed is explained too.
func TestGuideExplainsFeeds(t *testing.T) {
	t.Parallel()
	for field := range strings.SplitSeq(fieldsOf(new(feedScript)), ", ") {
		if !regexp.MustCompile(`\b` + field + `\b`).MatchString(guide) {
			t.Errorf("the guide does not explain %q", field)
		}
	}
}
