package parts

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// installTimeout bounds the making of one virtual environment.
const installTimeout = 5 * time.Minute

// Python is the path of a Python 3 that has what a requirements.txt names. Its
// virtual environment is made once, in PARTS_CACHE or the repository's .cache.
func Python(t testing.TB, requirements string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), installTimeout)
	defer cancel()
	python, err := virtualEnvironment(ctx, requirements)
	if err != nil {
		missing(t, fmt.Sprintf("a Python with %s cannot be made: %v", requirements, err))
	}
	return python
}

func virtualEnvironment(ctx context.Context, requirements string) (string, error) {
	want, err := os.ReadFile(requirements)
	if err != nil {
		return "", err
	}
	home := os.Getenv("PARTS_CACHE")
	if home == "" {
		root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
		if err != nil {
			return "", fmt.Errorf("find the repository: %w", err)
		}
		home = filepath.Join(string(bytes.TrimSpace(root)), ".cache", "parts")
	}
	home = filepath.Join(home, fmt.Sprintf("python-%.4x", sha256.Sum256(want)))
	python, installed := filepath.Join(home, "bin", "python"), filepath.Join(home, "installed")
	if _, err := os.Stat(installed); err == nil {
		return python, nil
	}
	if err := os.RemoveAll(home); err != nil {
		return "", err
	}
	for _, command := range [][]string{
		{"python3", "-m", "venv", home},
		{python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements},
	} {
		if out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%v: %w\n%s", command, err, out)
		}
	}
	return python, os.WriteFile(installed, nil, 0o600) // last: it says that all is there
}
