package registry

import (
	"context"
	"errors"
	"net/http"

	"github.com/twmb/franz-go/pkg/sr"
)

// WantedCompatibility is set on the subjects of topics that others write: a
// schema that a producer registers there must be readable with every schema
// before it, which ours are among.
const WantedCompatibility = "FORWARD_TRANSITIVE"

// Compatibility is what a registry demands of new schemas of a subject that
// others than Sellerstream write.
type Compatibility struct {
	Subject string
	Level   string // the subject's, or else the registry's; "" where it gives none
	Err     error  // why it gives none
}

// Protects reports whether the level keeps a producer from registering a schema
// whose records could not be read.
func (c Compatibility) Protects() bool {
	switch c.Level {
	case WantedCompatibility, "FULL_TRANSITIVE", "FORWARD", "FULL":
		return true
	}
	return false
}

// Compatibilities returns those of all subjects that others write.
func Compatibilities(ctx context.Context, cfg Config) ([]Compatibility, error) {
	client, err := connect(cfg.Client)
	if err != nil {
		return nil, err
	}
	c := &Codec{client: client, prefix: cfg.Prefix}
	var all []Compatibility
	for _, s := range c.subjects(cfg.Topics) {
		if s.topic.FromOthers() {
			all = append(all, c.compatibility(ctx, s.name))
		}
	}
	return all, nil
}

func (c *Codec) compatibility(ctx context.Context, subject string) Compatibility {
	found := c.client.Compatibility(sr.WithParams(ctx, sr.DefaultToGlobal), subject)[0]
	if err := worded(found.Err); err != nil {
		return Compatibility{Subject: subject, Err: err}
	}
	return Compatibility{Subject: subject, Level: found.Level.String()}
}

// protect sets the wanted level on subjects that others write and for which
// nobody has chosen one. A registry that cannot do that serves on: doctor and
// `topics plan` show it.
func (c *Codec) protect(ctx context.Context, subjects []subject) {
	for _, s := range subjects {
		if !s.topic.FromOthers() || !c.open(ctx, s) {
			continue
		}
		set := c.client.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatForwardTransitive}, s.name)[0]
		if err := worded(set.Err); err != nil {
			c.log.WarnContext(ctx, "the schema registry does not take a compatibility level: a producer could register a schema whose records cannot be read",
				"subject", s.name, "level", WantedCompatibility, "error", err)
			continue
		}
		c.log.InfoContext(ctx, "the subject's compatibility is set: others write its topic", "subject", s.name, "level", WantedCompatibility)
	}
}

// open reports whether a subject has no protecting level, and none of its own. A
// registry answers a subject without one with 404, or with its global level.
func (c *Codec) open(ctx context.Context, s subject) bool {
	own := c.client.Compatibility(ctx, s.name)[0]
	var answer *sr.ResponseError
	if errors.As(own.Err, &answer) && answer.StatusCode == http.StatusNotFound {
		return true
	}
	if own.Err != nil || (Compatibility{Level: own.Level.String()}).Protects() {
		return false
	}
	global := c.client.Compatibility(ctx)[0]
	return global.Err == nil && global.Level == own.Level
}
