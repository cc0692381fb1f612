package registry

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/platform/boundedhttp"
)

// maxAnswerBytes bounds an answer of the registry: a schema of maxSchemaBytes
// with every byte escaped in JSON, or a list of a subject's versions.
const maxAnswerBytes = 4 << 20

// connect makes the registry's client. Its answers are bounded, and redirects
// to another host refused, whatever HTTP client the options name.
func connect(options []sr.ClientOpt) (*sr.Client, error) {
	client, err := sr.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("schema registry client: %w", err)
	}
	given, _ := client.OptValue(sr.HTTPClient).(*http.Client)
	next := given.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	bounded := boundedhttp.NewClient(next, maxAnswerBytes, given.Timeout)
	client, err = sr.NewClient(append(slices.Clone(options), sr.HTTPClient(bounded))...)
	if err != nil {
		return nil, fmt.Errorf("schema registry client: %w", err)
	}
	return client, nil
}

// maxWords bounds what an error repeats of a registry's answer.
const maxWords = 300

// wordedError is an error of a registry whose text from outside is cut and holds
// no control characters: it goes to logs and dead letters.
type wordedError struct {
	text string
	err  error
}

func (e *wordedError) Error() string { return e.text }
func (e *wordedError) Unwrap() error { return e.err }

// worded leaves err as it is: others may hold it too.
func worded(err error) error {
	var answer *sr.ResponseError
	if !errors.As(err, &answer) {
		return err
	}
	said := answer.Error()
	return &wordedError{strings.Replace(err.Error(), said, words(said), 1), err}
}

func words(text string) string {
	if len(text) > maxWords {
		text = text[:maxWords] + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}
