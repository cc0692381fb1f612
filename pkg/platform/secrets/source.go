package secrets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
		return Secret{}, errors.New("the value that is configured is empty: write the secret there, or name a file or a variable that has it")
	}
	return l.secret, nil
}

type env string

func (e env) Secret(context.Context) (Secret, error) {
	value := os.Getenv(string(e))
	if value == "" {
		return Secret{}, fmt.Errorf("the environment variable %s is not set or is empty: set it for this process", string(e))
	}
	return New(value), nil
}

type file string

func (f file) Secret(context.Context) (Secret, error) {
	in, err := os.Open(string(f))
	if err != nil {
		return Secret{}, f.unreadable(err)
	}
	defer func() { _ = in.Close() }()
	text, err := io.ReadAll(io.LimitReader(in, maxBytes+1))
	if err != nil {
		return Secret{}, f.unreadable(err)
	}
	if len(text) > maxBytes {
		return Secret{}, fmt.Errorf("the file %s is larger than %d KiB: name the one that holds the secret and nothing else", string(f), maxBytes>>10)
	}
	value := strings.TrimRight(string(text), "\r\n")
	if value == "" {
		return Secret{}, fmt.Errorf("the file %s is empty: write the secret into it", string(f))
	}
	return New(value), nil
}

func (f file) unreadable(err error) error {
	var at *fs.PathError // which names the file again
	if errors.As(err, &at) {
		err = at.Err
	}
	return fmt.Errorf("the file %s cannot be read: %w: see that it is there, and that this process may read it", string(f), err)
}
