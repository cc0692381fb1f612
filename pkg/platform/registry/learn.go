package registry

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
	"golang.org/x/sync/errgroup"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	firstWait = 500 * time.Millisecond
	maxWait   = 10 * time.Second
	// How many subjects are registered at a time.
	parallel = 8
)

// subject is one record of one topic in the registry.
type subject struct {
	name   string
	topic  schemas.Topic
	record schemas.Record
}

// subjects lists what this version writes to the named topics, or to all.
func (c *Codec) subjects(topics []string) []subject {
	var all []subject
	for _, t := range schemas.Topics() {
		if len(topics) > 0 && !slices.Contains(topics, t.Name) {
			continue
		}
		for _, name := range t.Records {
			if r, ok := schemas.Of(name); ok {
				all = append(all, subject{t.Subject(c.prefix, r), t, r})
			}
		}
	}
	return all
}

// learn fills the codec's tables of what this version writes.
func (c *Codec) learn(ctx context.Context, cfg Config) error {
	subjects := c.subjects(cfg.Topics)
	ids := make([]int, len(subjects))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, s := range subjects {
		if i == 0 { // alone, so that one voice says that the registry is awaited
			var err error
			if ids[0], err = c.learnID(ctx, s, cfg.Register); err != nil {
				return err
			}
			continue
		}
		group.Go(func() (err error) {
			ids[i], err = c.learnID(groupCtx, s, cfg.Register)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if cfg.Register {
		c.protect(ctx, subjects)
	}
	c.tellSmaller(ctx, subjects)
	parsed := make(map[string]*avro.Schema)
	for i, s := range subjects {
		schema := parsed[s.record.Name]
		if schema == nil {
			var err error
			if schema, err = avro.Parse(s.record.Schema()); err != nil {
				return fmt.Errorf("schema %s: %w", s.record.Name, err)
			}
			parsed[s.record.Name] = schema
		}
		c.add(s, ids[i], schema)
	}
	return nil
}

// add enters one subject into the tables.
func (c *Codec) add(s subject, id int, schema *avro.Schema) {
	var header [headerBytes]byte
	binary.BigEndian.PutUint32(header[1:], uint32(id))
	typ := reflect.TypeOf(s.record.New())
	c.headers[headerKey{s.topic.Name, typ}] = header
	c.probe = id
	c.own[id] = &writer{schema: schema, name: s.record.FullName(), ours: s.record}
	c.ownRead[readerKey{id, s.topic.Name}] = reader{schema: schema, new: s.record.New, typ: typ}
}

// learnID asks for the id of one subject's schema until there is an answer.
func (c *Codec) learnID(ctx context.Context, s subject, register bool) (int, error) {
	schema := sr.Schema{Schema: s.record.Schema(), Type: sr.TypeAvro}
	for wait := firstWait; ; wait = min(2*wait, maxWait) {
		id, err := c.ask(ctx, s.name, schema, register)
		if err = worded(err); err == nil {
			return id, nil
		}
		if !transient(err) {
			return 0, refusal(s.name, register, err)
		}
		if ctx.Err() == nil {
			c.log.Warn("waiting for the schema registry; if it is up, check its URL", "subject", s.name, "error", err, "retry_in", wait)
		}
		if over := clock.Sleep(ctx, clock.Real{}, wait); over != nil {
			return 0, fmt.Errorf("%w: subject %s: %w (gave up: %w)", ErrUnavailable, s.name, err, over)
		}
	}
}

func (c *Codec) ask(ctx context.Context, name string, schema sr.Schema, register bool) (int, error) {
	if register {
		return c.client.RegisterSchema(ctx, name, schema, -1, -1)
	}
	found, err := c.client.LookupSchema(ctx, name, schema)
	return found.ID, err
}

// transient reports whether a registry's failure can pass by itself. No answer at
// all, an answer that is not a registry's (a proxy's page) and a server's own
// failure can.
func transient(err error) bool {
	var answer *sr.ResponseError
	if !errors.As(err, &answer) {
		return true
	}
	return answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode == http.StatusRequestTimeout
}

// refusal words a failure that trying again cannot mend.
func refusal(name string, register bool, err error) error {
	var answer *sr.ResponseError
	errors.As(err, &answer)
	remedy := "check the registry's URL"
	switch {
	case answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden:
		remedy = "check the registry's credentials and what they allow"
	case answer.StatusCode == http.StatusConflict:
		remedy = "the subject holds a schema that is not compatible with this version's; run the version that wrote it, or set another topic prefix"
	case answer.StatusCode == http.StatusUnprocessableEntity:
		remedy = "the registry does not accept the schema; check that it supports Avro"
	case answer.StatusCode == http.StatusNotFound && !register && strings.HasPrefix(fmt.Sprint(answer.ErrorCode), "404"):
		remedy = "the registry does not have this version's schema; start once without --no-register, or register what `sellerstream encode --topic TOPIC --schema` prints"
	}
	return fmt.Errorf("schema registry, subject %s: %w: %s", name, err, remedy)
}
