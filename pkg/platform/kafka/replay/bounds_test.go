package replay

import (
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"2026-11-23T18:00:00+01:00": "2026-11-23T17:00:00Z", "90m": "2026-11-24T10:30:00Z", "3d": "2026-11-21T12:00:00Z", "0s": "2026-11-24T12:00:00Z",
		"-2h": "", "d": "", "-1d": "", "99999d": "", "2026-11-23": "",
	} {
		got, err := ParseTime(text, now)
		if want == "" && err == nil || want != "" && got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s is %v (%v), want %q", text, got, err, want)
		}
	}
}
