package registry

import (
	"context"
	"errors"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"
	"golang.org/x/sync/errgroup"
)

// Standing is how one of our schemas stands in the registry.
type Standing string

// The standings.
const (
	Registered   Standing = "registered"
	Absent       Standing = "absent"       // the registry does not have the subject
	Acceptable   Standing = "acceptable"   // the subject has other versions, and would take ours
	Incompatible Standing = "incompatible" // the subject has other versions, and would not
)

// Subject is a subject and how our schema fits it.
type Subject struct {
	Name     string
	Standing Standing
	Reason   string // why the registry would refuse it
}

// Check says of each subject that New would need how it stands. It registers
// nothing, and does not wait: its error is about the registry as a whole.
func Check(ctx context.Context, cfg Config) ([]Subject, error) {
	client, err := connect(cfg.Client)
	if err != nil {
		return nil, err
	}
	c := &Codec{client: client, prefix: cfg.Prefix}
	subjects := c.subjects(cfg.Topics)
	found := make([]Subject, len(subjects))
	var group *errgroup.Group
	group, ctx = errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, s := range subjects {
		group.Go(func() (err error) {
			found[i], err = c.check(ctx, s)
			return err
		})
	}
	return found, group.Wait()
}

func (c *Codec) check(ctx context.Context, s subject) (Subject, error) {
	schema := sr.Schema{Schema: s.record.Schema(), Type: sr.TypeAvro}
	is := func(standing Standing) (Subject, error) { return Subject{Name: s.name, Standing: standing}, nil }
	_, err := c.client.LookupSchema(ctx, s.name, schema)
	err = worded(err)
	var answer *sr.ResponseError
	switch {
	case err == nil:
		return is(Registered)
	case !errors.As(err, &answer):
		return Subject{}, err
	case answer.ErrorCode == sr.ErrSubjectNotFound.Code:
		return is(Absent)
	case answer.ErrorCode != sr.ErrSchemaNotFound.Code:
		return Subject{}, err
	}
	verdict, err := c.client.CheckCompatibility(sr.WithParams(ctx, sr.Verbose), s.name, -1, schema)
	switch err = worded(err); {
	case errors.As(err, &answer) && answer.ErrorCode == sr.ErrVersionNotFound.Code:
		return is(Absent)
	case err != nil:
		return Subject{}, err
	case verdict.Is:
		return is(Acceptable)
	}
	return Subject{Name: s.name, Standing: Incompatible, Reason: strings.Join(verdict.Messages, "; ")}, nil
}
