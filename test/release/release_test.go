// Package release checks .goreleaser.yaml with GoReleaser's own reader, which
// refuses what it does not know. It is a module of its own, since GoReleaser's
// requirements are none of ours; building all of GoReleaser for its command
// `check` would take minutes of CI.
package release

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

const root = "../.."

func TestConfigurationIsGoReleasers(t *testing.T) {
	project, err := config.Load(filepath.Join(root, ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if project.Version != 2 || len(project.Builds) != 1 {
		t.Fatalf("version %d, %d builds: want 2 and 1", project.Version, len(project.Builds))
	}
	build := project.Builds[0]
	if _, err := os.Stat(filepath.Join(root, build.Main, "main.go")); err != nil {
		t.Errorf("main: %v", err)
	}
	for _, archive := range project.Archives {
		for _, file := range archive.Files {
			if found, err := filepath.Glob(filepath.Join(root, file.Source)); err != nil || len(found) == 0 {
				t.Errorf("no file is %s (%v)", file.Source, err)
			}
		}
	}
}

// The archive, the image and `make build` have the same binary only as long as
// they are built with the same flags.
func TestBuildsAgree(t *testing.T) {
	project, err := config.Load(filepath.Join(root, ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	flags := project.Builds[0].Flags
	if !slices.Equal(flags, []string{"-trimpath", "-buildvcs=false"}) {
		t.Errorf("GoReleaser builds with %q", flags)
	}
	stamps := project.Builds[0].Ldflags[0]
	for _, file := range []string{"Makefile", "deploy/Dockerfile"} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range append([]string{"-s -w", "CGO_ENABLED=0"}, flags...) {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s builds without %s", file, part)
			}
		}
		for _, variable := range []string{"version", "commit", "date"} {
			stamp := "-X main." + variable + "="
			if !strings.Contains(stamps, stamp) || !strings.Contains(string(text), stamp) {
				t.Errorf("%s or GoReleaser does not stamp %s", file, variable)
			}
		}
	}
}
