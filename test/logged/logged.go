// Package logged keeps what is logged, for tests that read it while it is written.
package logged

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
)

// Text is what was logged, ready to use. It is safe for concurrent use.
type Text struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write adds to the text.
func (t *Text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.Write(p)
}

// String returns the text that was not taken.
func (t *Text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}

// Take returns the text since the last Take.
func (t *Text) Take() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	defer t.buf.Reset()
	return t.buf.String()
}

// Logger returns a logger whose lines of a level and above become part of the text.
func (t *Text) Logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(t, &slog.HandlerOptions{Level: level}))
}

// Has reports whether part was logged.
func (t *Text) Has(part string) bool { return strings.Contains(t.String(), part) }

// Count returns how often part was logged.
func (t *Text) Count(part string) int { return strings.Count(t.String(), part) }
