package sqs

import (
	"strconv"
	"strings"
)

// unescaped resolves the escapes of JSON, of URLs and of XML that can stand for
// a letter. It looks at each byte once or twice, whatever stands in a body: bodies
// come from outside, and none may cost more than its size.
func unescaped(body string) string {
	var b strings.Builder
	for {
		at := strings.IndexAny(body, `\%&`)
		switch {
		case at < 0 && b.Len() == 0:
			return body
		case at < 0:
			b.WriteString(body)
			return b.String()
		}
		b.WriteString(body[:at])
		body = body[at:]
		letter, length, ok := escape(body)
		if ok {
			b.WriteByte(letter)
		} else {
			b.WriteString(body[:length])
		}
		body = body[length:]
	}
}

// escape reads the escape that text begins with. Where it is none, or none of an ASCII
// character, no escape begins within length.
func escape(text string) (letter byte, length int, ok bool) {
	switch text[0] {
	case '\\': // itself escaped any number of times
		run := len(text) - len(strings.TrimLeft(text, `\`))
		if digits, is := strings.CutPrefix(text[run:], "u00"); is {
			if letter, ok = character(digits[:min(2, len(digits))], 16); ok {
				return letter, run + 5, true
			}
		}
		return 0, run, false
	case '%':
		letter, ok = character(text[1:min(3, len(text))], 16)
		length = 3
	default:
		letter, length, ok = reference(text)
	}
	if !ok {
		return 0, 1, false
	}
	return letter, length, true
}

// reference reads a numeric character reference of XML.
func reference(text string) (letter byte, length int, ok bool) {
	digits, is := strings.CutPrefix(text, "&#")
	if !is {
		return 0, 0, false
	}
	base := 10
	if digits != "" && digits[0]|0x20 == 'x' {
		digits, base = digits[1:], 16
	}
	n := 0
	for n < len(digits) && ('0' <= digits[n] && digits[n] <= '9' || 'a' <= digits[n]|0x20 && digits[n]|0x20 <= 'f') {
		n++
	}
	if n == len(digits) || digits[n] != ';' {
		return 0, 0, false
	}
	letter, ok = character(digits[:n], base)
	return letter, len(text) - len(digits) + n + 1, ok
}

// character is the ASCII character of a number of two digits or more.
func character(digits string, base int) (byte, bool) {
	n, err := strconv.ParseUint(digits, base, 7)
	return byte(n), err == nil && len(digits) >= 2
}
