package pipeline

import (
	"context"
	"errors"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/runtime/share"
	"github.com/sellerstream/sellerstream/schemas"
)

// sharing is the share.Groups of one unit, by the accounts of the moment. It is used by
// one goroutine.
type sharing struct {
	live  *live
	mine  func(account string) bool // whether an account is the unit's
	at    *accounts                 // that the terms are of
	terms map[[2]string]share.Terms // by group and operation
}

func (l *live) sharing(mine func(account string) bool) *sharing {
	return &sharing{live: l, mine: mine}
}

// Of names a group by its region and application.
func (s *sharing) Of(account, operation string) string {
	now := s.live.now.Load()
	c, ok := now.byID[account]
	if !ok {
		return ""
	}
	if _, limited := quota.OfApplication(operation); !limited {
		return ""
	}
	return now.group(c)
}

// group is the region of an account and its application, or the first application with
// the same client id: both are one application at Amazon.
func (a *accounts) group(c *configured) string {
	return string(c.Region) + "/" + a.first[a.applications[c.Application].ClientID]
}

// Terms counts a group's accounts, once for each state of the configuration.
func (s *sharing) Terms(group, operation string) share.Terms {
	now := s.live.now.Load()
	if s.at != now {
		s.at, s.terms = now, make(map[[2]string]share.Terms)
	}
	key := [2]string{group, operation}
	terms, known := s.terms[key]
	if !known {
		terms = s.count(now, group, operation)
		s.terms[key] = terms
	}
	return terms
}

func (s *sharing) count(now *accounts, group, operation string) share.Terms {
	_, application, _ := strings.Cut(group, "/")
	limit, _ := quota.OfApplication(operation)
	if q, ok := now.applications[application].Quotas[operation]; ok {
		limit = quota.Limit{Rate: q.Rate, Burst: q.Burst}
	}
	all, ours, rates := 0, 0, 0.0
	for i := range now.list {
		c := &now.list[i]
		if now.group(c) != group {
			continue
		}
		all++
		rates += quota.Limits(s.live.limit).Of(c.ID, operation).Rate
		if s.mine(c.ID) {
			ours++
		}
	}
	return share.Terms{Limit: limit, Part: float64(ours) / float64(max(all, 1)), Binds: rates > limit.Rate}
}

// binds reports whether some application's limit of an operation can bind.
func (l *live) binds(operations []string) bool {
	now, none := l.now.Load(), l.sharing(func(string) bool { return false })
	for i := range now.list {
		for _, operation := range operations {
			if group := none.Of(now.list[i].ID, operation); group != "" && none.Terms(group, operation).Binds {
				return true
			}
		}
	}
	return false
}

// followShares puts on the board what units of all processes tell each other, from now on,
// and has the units here hear of it. While no application's limit can bind it connects to
// nothing.
func (p *pipeline) followShares(ctx context.Context, logical string, operations []string, board *share.Board, wake func()) {
	changed := make(chan struct{}, 1)
	p.live.watch(func([]string) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	for !p.live.binds(operations) {
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
	client, err := kclient.NewClient(append(kafkaOptions(p.Config, p.Secrets),
		kgo.ConsumeTopics(p.Config.Prefix+logical), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtEnd()), kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()),
	)...)
	if err != nil {
		p.Logger.Error("units keep to their parts of applications' limits: what others do not use cannot be had", "error", err)
		return
	}
	defer client.Close()
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		for _, e := range kclient.Errors(fetches) {
			if !errors.Is(e.Err, context.Canceled) {
				p.Logger.Warn("what other units say about applications' limits cannot be read", "topic", e.Topic, "partition", e.Partition, "error", e.Err)
			}
		}
		fetches.EachRecord(func(rec *kgo.Record) { p.hearShare(ctx, logical, rec, board) })
		if !fetches.Empty() {
			wake()
		}
	}
}

// hearShare puts a record on the board, if it is about a share. One that cannot be read is
// passed over: loans that nobody hears of end by themselves.
func (p *pipeline) hearShare(ctx context.Context, logical string, rec *kgo.Record, board *share.Board) {
	if rec.Value == nil {
		return
	}
	value, err := p.codec.Decode(ctx, logical, rec.Value)
	if err != nil {
		p.Logger.Debug("what a unit says about an application's limit cannot be read", "partition", rec.Partition, "offset", rec.Offset, "error", err)
		return
	}
	if told, ok := value.(*schemas.ShareState); ok {
		board.Put(rec.Partition, told, p.Clock.Now())
	}
}
