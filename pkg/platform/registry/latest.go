package registry

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"
)

// Smaller is the latest version of a subject that others write, where it lacks fields of
// our schema: a producer that takes the latest version loses them, without an error.
type Smaller struct {
	Subject string
	Version int
	Lacks   []string // fields of our schema
}

// SmallerVersions returns those of all subjects.
func SmallerVersions(ctx context.Context, cfg Config) ([]Smaller, error) {
	client, err := connect(cfg.Client)
	if err != nil {
		return nil, err
	}
	c := &Codec{client: client, prefix: cfg.Prefix}
	return c.smaller(ctx, c.subjects(cfg.Topics))
}

// SmallerRemedy is what to do about a Smaller.
const SmallerRemedy = "have its producer set auto.register.schemas=false and use our schema, then delete that version by DELETE /subjects/SUBJECT/versions/VERSION"

func (c *Codec) smaller(ctx context.Context, subjects []subject) ([]Smaller, error) {
	var found []Smaller
	for _, s := range subjects {
		if !s.topic.FromOthers() {
			continue
		}
		latest, err := c.client.SchemaByVersion(ctx, s.name, -1)
		var answer *sr.ResponseError
		switch err = worded(err); {
		case errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound:
			continue // no version is there yet
		case err != nil:
			return nil, err
		}
		if lacks := lacking(s, latest.Schema); len(lacks) > 0 {
			found = append(found, Smaller{Subject: s.name, Version: latest.Version, Lacks: lacks})
		}
	}
	return found, nil
}

// lacking returns the fields of our schema that another one does not have. A schema that
// cannot be read has none that we could name.
func lacking(s subject, theirs sr.Schema) (names []string) {
	w, err := parse(theirs)
	if err != nil {
		return nil
	}
	ours, err := parse(sr.Schema{Schema: s.record.Schema()})
	if err != nil {
		return nil
	}
	root := w.schema.Root()
	for _, f := range ours.schema.Root().Fields {
		if typeOf(root, f.Name) == nil {
			names = append(names, f.Name)
		}
	}
	return names
}

// tellSmaller logs them. A registry that does not answer now is no reason not to start.
func (c *Codec) tellSmaller(ctx context.Context, subjects []subject) {
	found, err := c.smaller(ctx, subjects)
	if err != nil {
		c.log.WarnContext(ctx, "the schema registry does not say which versions are the latest", "error", err)
	}
	for _, s := range found {
		c.log.WarnContext(ctx, "the latest version of a subject lacks fields of our schema: producers that take it lose them; "+SmallerRemedy,
			"subject", s.Subject, "version", s.Version, "lacks", strings.Join(s.Lacks, ","))
	}
}
