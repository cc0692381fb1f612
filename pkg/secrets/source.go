package secrets

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxBytes bounds a secret: LWA refresh tokens are a few hundred bytes.
const maxBytes = 64 << 10

// Source is where a secret comes from. It is asked at each use, so that a
// rotated secret is taken up without a restart.
type Source interface {
	// Secret reads the secret. Its errors name the place, never the content.
	Secret(ctx context.Context) (Secret, error)
}

// Literal is a source that holds the secret itself.
func Literal(s Secret) Source { return literal{s} }

// Env is the environment variable name.
func Env(name string) Source { return env(name) }

// File is the content of a file, without the line end at its end.
func File(path string) Source { return file(path) }

type literal struct{ secret Secret }

func (l literal) Secret(context.Context) (Secret, error) {
	if l.secret.Empty() {
		return Secret{}, fmt.Errorf("secret: the literal value is empty")
	}
	return l.secret, nil
}

type env string

func (e env) Secret(context.Context) (Secret, error) {
	value := os.Getenv(string(e))
	if value == "" {
		return Secret{}, fmt.Errorf("secret: the environment variable %s is not set or is empty", string(e))
	}
	return New(value), nil
}

type file string

func (f file) Secret(context.Context) (Secret, error) {
	in, err := os.Open(string(f))
	if err != nil {
		return Secret{}, fmt.Errorf("secret: %w", err)
	}
	defer func() { _ = in.Close() }()
	text, err := io.ReadAll(io.LimitReader(in, maxBytes+1))
	if err != nil {
		return Secret{}, fmt.Errorf("secret: %w", err)
	}
	if len(text) > maxBytes {
		return Secret{}, fmt.Errorf("secret: the file %s is larger than %d KiB: is it the right one?", string(f), maxBytes>>10)
	}
	value := strings.TrimRight(string(text), "\r\n")
	if value == "" {
		return Secret{}, fmt.Errorf("secret: the file %s is empty", string(f))
	}
	return New(value), nil
}
