package secrets

import (
	"context"
	"strings"
)

// Hiding is a source whose errors do not repeat some texts: what stands where a
// secret's name belongs may be the secret itself. Whoever reads an error has the name
// of the setting before it.
func Hiding(source Source, texts ...string) Source {
	var pairs []string
	for _, text := range texts {
		if text != "" {
			pairs = append(pairs, text, "that is configured")
		}
	}
	if source == nil || pairs == nil {
		return source
	}
	return hiding{source, strings.NewReplacer(pairs...)}
}

type hiding struct {
	Source
	words *strings.Replacer
}

// Secret implements Source.
func (h hiding) Secret(ctx context.Context) (Secret, error) {
	secret, err := h.Source.Secret(ctx)
	if err != nil {
		return secret, hiddenError{err, h.words.Replace(err.Error())}
	}
	return secret, nil
}

// refused passes on that a secret was refused; see Renew.
func (h hiding) refused(ctx context.Context, secret Secret) {
	if keeps, ok := h.Source.(interface{ refused(context.Context, Secret) }); ok {
		keeps.refused(ctx, secret)
	}
}

// hiddenError is an error in other words.
type hiddenError struct {
	error
	text string
}

func (e hiddenError) Error() string { return e.text }

func (e hiddenError) Unwrap() error { return e.error }
