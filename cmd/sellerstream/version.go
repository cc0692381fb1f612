package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// version, commit and date are stamped by the build: -ldflags "-X main.version=v1.2.3".
var (
	version = "dev"
	commit  string //nolint:gochecknoglobals // only a global can be stamped
	date    string //nolint:gochecknoglobals // as above; the commit's, RFC 3339
)

// build describes what this binary was made of. What a build stamped (see
// GO_BUILD in the Makefile) goes before what Go itself noted from the repository.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Date     string `json:"date,omitempty"` // of the commit, RFC 3339: a build's own time would not be reproducible
	Dirty    bool   `json:"dirty"`          // whether files differed from the commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersionCommand() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version, and what it was built of",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := builtFrom()
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(b)
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), b)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as a JSON object")
	return cmd
}

// builtFrom describes this binary.
func builtFrom() build {
	var settings []debug.BuildSetting
	if info, ok := debug.ReadBuildInfo(); ok {
		settings = info.Settings
	}
	return describeBuild(build{Version: version, Commit: commit, Date: date}, settings)
}

// describeBuild completes what was stamped with what Go noted.
func describeBuild(stamped build, settings []debug.BuildSetting) build {
	b := stamped
	b.Go, b.Platform = runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH
	noted := map[string]string{}
	for _, s := range settings {
		noted[s.Key] = s.Value
	}
	if b.Commit == "" {
		b.Commit, b.Date = noted["vcs.revision"], noted["vcs.time"]
	}
	b.Dirty = noted["vcs.modified"] == "true" || strings.HasSuffix(b.Version, "-dirty")
	return b
}

// String implements fmt.Stringer.
func (b build) String() string {
	of := ""
	if b.Commit != "" {
		of = fmt.Sprintf(", commit %s", b.Commit)
		if b.Date != "" {
			of += " of " + b.Date
		}
		if b.Dirty {
			of += " with changes"
		}
	}
	return fmt.Sprintf("sellerstream %s (%s, %s%s)", b.Version, b.Go, b.Platform, of)
}
