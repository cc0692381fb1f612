package schemas

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable is text from outside for a person to read (containment rule 6): what
// could steer a terminal, break a table's row or mislead the eye is written out,
// as Go's escapes are. Such are control characters, line breaks, escape sequences,
// marks that turn the direction of text, and what cannot be seen.
func Printable(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		text = text[size:]
	}
	return b.String()
}

// Shorten is the beginning of a text, of at most limit bytes, with "…" behind it; the
// whole text where it is no longer.
func Shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// maxBrief is how many bytes Brief shows.
const maxBrief = 120

// Brief is the beginning of a text from outside, as Printable, with its length
// where it is longer: such as a record's key in a log line.
func Brief(text string) string {
	if len(text) <= maxBrief {
		return Printable(text)
	}
	end := maxBrief
	for end > maxBrief-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d bytes)", Printable(text[:end]), len(text))
}

// PanicText returns a panic's text for a log, without what it may quote of its input: the
// runtime's own errors in their words, every other value by its type.
func PanicText(fault any) string {
	if err, ok := fault.(runtime.Error); ok {
		return Brief(err.Error())
	}
	return fmt.Sprintf("a panic with a %T", fault)
}
