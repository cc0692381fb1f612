package sqs

import (
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// postalCode is the one field of a notification that is a buyer's.
const postalCode = "DestinationPostalCode"

// withoutPostalCode is a body whose postal codes are empty, for a dead letter.
// Such a body may be any JSON, JSON as a text in JSON, a part of it, or
// something else. So the field is first taken out as JSON has it, and then by
// its name, wherever that stands.
func withoutPostalCode(body string) string {
	return scanned(parsed(body))
}

// parsed empties the field where body can be read as JSON, to where it cannot.
func parsed(body string) string {
	var b strings.Builder
	in := jsontext.NewDecoder(strings.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	copied := 0
	for {
		token, err := in.ReadToken()
		if err != nil {
			return b.String() + body[copied:]
		}
		if kind, members := in.StackIndex(in.StackDepth()); kind != '{' || members%2 != 1 || !strings.EqualFold(token.String(), postalCode) {
			continue
		}
		value, err := in.ReadValue()
		if err != nil {
			return b.String() + body[copied:]
		}
		end := int(in.InputOffset())
		b.WriteString(body[copied:end-len(value)] + `""`)
		copied = end
	}
}

// scanned empties whatever follows the field's name, in any case and depth of
// escaping. What is not known to end a value is taken for a part of it.
func scanned(body string) string {
	name := regexp.MustCompile(`(?i)` + postalCode + `[\\":=>\s]*`)
	var b strings.Builder
	copied := 0
	for _, found := range name.FindAllStringIndex(body, -1) {
		if found[1] <= copied { // within what was taken out
			continue
		}
		b.WriteString(body[copied:found[1]])
		copied = found[1]
		if !strings.HasPrefix(body[copied:], "null") {
			copied += valueEnd(body[copied:])
		}
	}
	return b.String() + body[copied:]
}

// valueEnd is where a value ends that text begins with.
func valueEnd(text string) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"', ',', '}', ']', '<', '\n', '\r':
			return i
		case '\\': // ends a value if it escapes a quote, however often it is escaped itself
			rest := strings.TrimLeft(text[i:], `\`)
			if strings.HasPrefix(rest, `"`) {
				return i
			}
			i = len(text) - len(rest) - 1
		}
	}
	return len(text)
}
