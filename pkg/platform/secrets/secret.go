// Package secrets owns how a secret is held and where it comes from. A Secret
// cannot be printed, logged, marshalled or compared by accident; only Reveal
// gives it away, so that every use can be found by that name.
package secrets

import (
	"errors"
	"fmt"
	"log/slog"
)

const redacted = "[secret]"

// ErrMarshal is the error of every attempt to marshal a Secret.
var ErrMarshal = errors.New("secrets: a secret cannot be marshalled")

// Secret holds a secret text. The zero Secret is empty.
type Secret struct {
	_     [0]func() // makes == a compile error: it would neither be constant-time nor meant
	value *string   // a pointer, so that reflection-based printers show an address at most
}

// New holds value.
func New(value string) Secret { return Secret{value: &value} }

// Reveal is the secret itself.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Empty reports whether there is nothing to reveal.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// Format prints a placeholder, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// String is a placeholder.
func (s Secret) String() string { return redacted }

// GoString is a placeholder.
func (s Secret) GoString() string { return redacted }

// LogValue is a placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText fails; encoders of JSON, XML and TOML honour it.
func (s Secret) MarshalText() ([]byte, error) { return nil, ErrMarshal }

// MarshalJSON fails.
func (s Secret) MarshalJSON() ([]byte, error) { return nil, ErrMarshal }

// MarshalBinary fails; gob honours it.
func (s Secret) MarshalBinary() ([]byte, error) { return nil, ErrMarshal }

// MarshalYAML fails.
func (s Secret) MarshalYAML() (any, error) { return nil, ErrMarshal }
