package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
)

const private = "[private]"

// ErrPrivate is the error of every attempt to marshal a Private.
var ErrPrivate = errors.New("model: a buyer's data cannot be marshalled")

// Private is a text about a buyer. It cannot be printed, logged or marshalled
// by accident; only Reveal gives it away, so that every use can be found by
// that name.
type Private string

// Withheld stands for a text that was taken away: there was one.
const Withheld Private = private

// Reveal is the text itself.
func (p Private) Reveal() string { return string(p) }

// Format prints a placeholder, whatever the verb.
func (p Private) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(private)) }

// LogValue is a placeholder.
func (p Private) LogValue() slog.Value { return slog.StringValue(private) }

// MarshalText fails.
func (p Private) MarshalText() ([]byte, error) { return nil, ErrPrivate }

// MarshalJSON fails.
func (p Private) MarshalJSON() ([]byte, error) { return nil, ErrPrivate }

// UnmarshalJSON takes text. Anything else that Amazon may send it keeps as it is
// written, because an error would show it.
func (p *Private) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, (*string)(p))
	}
	if string(data) != "null" {
		*p = Private(data)
	}
	return nil
}
