// Package release checks .goreleaser.yaml with GoReleaser's own reader, which
// refuses what it does not know. It is a module of its own, since GoReleaser's
// requirements are none of ours; building all of GoReleaser for its command
// `check` would take minutes of CI.
package release

import (
	"os"
	"path/filepath"
	"regexp"
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
			if file.Source == "man/*.1" && strings.Contains(project.Before.Hooks[0], "sellerstream man man'") {
				continue // made before
			}
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

// A tag can be moved to other code by whoever owns it, or has their password.
func TestActionsArePinnedToCommits(t *testing.T) {
	pinned := regexp.MustCompile(`^[\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	files, err := filepath.Glob(filepath.Join(root, ".github/workflows/*.yml"))
	if err != nil || len(files) < 2 {
		t.Fatalf("%q, %v", files, err)
	}
	used := 0
	for _, file := range files {
		for _, use := range regexp.MustCompile(`(?m)\buses:\s*(.*)$`).FindAllStringSubmatch(read(t, file), -1) {
			used++
			if !pinned.MatchString(use[1]) {
				t.Errorf("%s uses %s: want OWNER/NAME@COMMIT # vX.Y.Z", file, use[1])
			}
		}
	}
	if used < 10 {
		t.Errorf("only %d uses of actions were found", used)
	}
}

// What is shipped is built in an image that is pinned by digest. The compose file is
// for trying out; its images are pinned where a digest could be confirmed.
func TestImagesArePinnedToDigests(t *testing.T) {
	byTag := []string{"apicurio/apicurio-registry", "motoserver/moto", "grafana/grafana"}
	digest := regexp.MustCompile(`^[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}$`)
	images := regexp.MustCompile(`(?m)^FROM (?:--platform=\S+ )?(\S+)`).FindAllStringSubmatch(read(t, filepath.Join(root, "deploy/Dockerfile")), -1)
	if len(images) != 2 {
		t.Errorf("the Dockerfile is built of %q", images)
	}
	images = append(images, regexp.MustCompile(`(?m)^\s+image: (\S+)$`).FindAllStringSubmatch(read(t, filepath.Join(root, "docker-compose.yml")), -1)...)
	for _, image := range images {
		name, _, tagged := strings.Cut(image[1], ":")
		ours := image[1] == "scratch" || name == "sellerstream"
		if !ours && !digest.MatchString(image[1]) && !(tagged && slices.Contains(byTag, name)) {
			t.Errorf("%s is not pinned: want NAME:TAG@sha256:DIGEST", image[1])
		}
	}
}

// Whoever downloads a release can see who made it: the checksums are signed, and
// name archives and bills of materials. An unsigned release is not published.
func TestReleasesAreSigned(t *testing.T) {
	project, err := config.Load(filepath.Join(root, ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(project.Signs) != 1 || project.Signs[0].Artifacts != "checksum" || project.Signs[0].Cmd != "cosign" || project.Signs[0].Signature == "" {
		t.Errorf("signed is %+v", project.Signs)
	}
	if project.Checksum.Disable || len(project.Checksum.IDs) > 0 {
		t.Errorf("checksums are of %+v, want of everything", project.Checksum)
	}
	if len(project.SBOMs) != 1 || project.SBOMs[0].Artifacts != "binary" {
		t.Errorf("bills of materials are of %+v", project.SBOMs)
	}
	const chart = "bin/chart/*.tgz"
	if files := project.Release.ExtraFiles; len(files) != 1 || files[0].Glob != chart {
		t.Errorf("attached to the release are %+v, want the chart", files)
	}
	if files := project.Checksum.ExtraFiles; len(files) != 1 || files[0].Glob != chart {
		t.Errorf("the checksums are of %+v too, want the chart", files)
	}
	workflow := read(t, filepath.Join(root, ".github/workflows/release.yml"))
	for _, part := range []string{
		"id-token: write", "uses: sigstore/cosign-installer@", "sbom: true", "provenance: mode=max",
		`cosign sign --yes --recursive "$IMAGE@$DIGEST"`, ".ci/chart bin/chart --push",
	} {
		if !strings.Contains(workflow, part) {
			t.Errorf("the release workflow has no %q, without which it cannot sign", part)
		}
	}
}

// What .ci/run claims to check, it checks: no model test is skipped in it.
func TestCIDoesNotSkip(t *testing.T) {
	if !regexp.MustCompile(`(?m)^export CI=true\b`).MatchString(read(t, filepath.Join(root, ".ci/run"))) {
		t.Error(".ci/run does not set CI=true: tests that miss Amazon's models would be skipped")
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
