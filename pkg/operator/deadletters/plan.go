package deadletters

import (
	"context"
	"slices"
	"strings"
	"time"
)

// maxRefusals bounds how many different refusals a Plan names.
const maxRefusals = 20

// Plan describes what a retry would do.
type Plan struct {
	Parts   []Part
	Refused []Refusal // most of them by their words; see Letters for all
	Kept    int       // letters that go nowhere
}

// Part is what goes to one topic or queue.
type Part struct {
	Route
	Letters int
}

// Refusal is why letters go nowhere, and what to do instead.
type Refusal struct {
	Why     string
	Letters int
	ID      string // of one of them
}

// Letters is how many would be retried.
func (p *Plan) Letters() int {
	n := 0
	for _, part := range p.Parts {
		n += part.Letters
	}
	return n
}

// Plan looks where the letters that match would go.
func (l *Letters) Plan(ctx context.Context, f Filter, now time.Time) (Plan, error) {
	var p Plan
	err := l.Each(ctx, f, func(letter *Letter) error {
		route, err := l.Route(ctx, letter, now)
		if err != nil {
			return err
		}
		p.add(letter, route)
		return nil
	})
	slices.SortFunc(p.Parts, func(a, b Part) int { return strings.Compare(a.Target(), b.Target()) })
	return p, err
}

func (p *Plan) add(letter *Letter, route Route) {
	if route.Refusal == "" {
		for i := range p.Parts {
			if p.Parts[i].Route == route {
				p.Parts[i].Letters++
				return
			}
		}
		p.Parts = append(p.Parts, Part{route, 1})
		return
	}
	p.Kept++
	for i := range p.Refused {
		if p.Refused[i].Why == route.Refusal {
			p.Refused[i].Letters++
			return
		}
	}
	if len(p.Refused) < maxRefusals {
		p.Refused = append(p.Refused, Refusal{route.Refusal, 1, letter.ID})
	}
}
