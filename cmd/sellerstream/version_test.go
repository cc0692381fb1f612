package main

import (
	"bytes"
	"encoding/json"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestDescribeBuild(t *testing.T) {
	t.Parallel()
	noted := []debug.BuildSetting{
		{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.time", Value: "2026-11-24T07:00:00Z"}, {Key: "vcs.modified", Value: "true"},
	}
	platform := " (" + runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH
	for name, c := range map[string]struct {
		stamped build
		noted   []debug.BuildSetting
		want    string
	}{
		"nothing is known":          {build{Version: "dev"}, nil, "dev" + platform + ")"},
		"noted by Go":               {build{Version: "dev"}, noted, "dev" + platform + ", commit abc of 2026-11-24T07:00:00Z with changes)"},
		"stamped":                   {build{Version: "v1.2.3", Commit: "def", Date: "2026-11-25T07:00:00Z"}, nil, "v1.2.3" + platform + ", commit def of 2026-11-25T07:00:00Z)"},
		"stamped as dirty":          {build{Version: "v1.2.3-dirty", Commit: "def"}, nil, "v1.2.3-dirty" + platform + ", commit def with changes)"},
		"stamped goes before noted": {build{Version: "v1.2.3", Commit: "def"}, noted[:2], "v1.2.3" + platform + ", commit def)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, want := describeBuild(c.stamped, c.noted).String(), "sellerstream "+c.want; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestVersionAsJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if status := runCommandLine([]string{"version", "--json"}, nil, &out, &out); status != 0 {
		t.Fatalf("status %d: %s", status, &out)
	}
	var got build
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Version != "dev" || got.Go != runtime.Version() || got.Platform == "" {
		t.Errorf("got %+v, want the version dev and this Go", got)
	}
}
