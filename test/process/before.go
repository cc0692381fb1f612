package process

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// pinned is the release before until there is a tag: version 0.1.0.
const pinned = "1512433"

// BuildBefore builds the release before into a folder: the last tag v* before HEAD, else
// the pinned commit, else the oldest commit at hand that builds, as in a shallow clone. of
// is the commit, and note says in words where that is not the release before. Without any
// that builds the binary is "".
func BuildBefore(ctx context.Context, dir string) (binary, of, note string) {
	var notes []string
	for _, commit := range before(ctx) {
		built, err := buildCommit(ctx, filepath.Join(dir, "before-"+commit), commit)
		if err == nil {
			return built, commit, strings.Join(notes, "; ")
		}
		notes = append(notes, fmt.Sprintf("%s is not at hand or does not build: %v", commit, err))
	}
	return "", "", strings.Join(notes, "; ")
}

// before are the commits to try, the best first.
func before(ctx context.Context) []string {
	var commits []string
	if tag, err := git(ctx, "describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD^"); err == nil {
		commits = append(commits, tag)
	}
	commits = append(commits, pinned)
	if all, err := git(ctx, "rev-list", "--first-parent", "--reverse", "--abbrev-commit", "HEAD"); err == nil {
		oldest := strings.Fields(all)
		commits = append(commits, oldest[:min(3, len(oldest))]...)
	}
	return commits
}

// buildCommit builds a commit's files, beside the work tree.
func buildCommit(ctx context.Context, dir, commit string) (string, error) {
	root, err := git(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "sellerstream")
	script := `set -eo pipefail; mkdir -p "$2/source"; git -C "$1" archive "$3" | tar -x -C "$2/source"; cd "$2/source"; ` +
		`go build -buildvcs=false -ldflags "-X main.version=$3" -o "$2/sellerstream" ./cmd/sellerstream`
	if out, err := exec.CommandContext(ctx, "bash", "-c", script, "build", root, dir, commit).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build commit %s: %w: %.500s", commit, err, out)
	}
	return binary, nil
}

func git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", args...).Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}
