package eventbridge

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
)

// commit commits offsets and does not return before they are, unless this
// process is no longer of the group or ctx ends: the partitions' next owner
// then sends the request's events again.
//
// A commit of a partition that has moved would be accepted and would set its
// new owner back. It cannot happen here: the group's callbacks wait for mu, so
// the client cannot give a partition up or join anew under another member id
// meanwhile. An illegal generation, on the other hand, only says that a
// rebalance has ended on the broker and its answer is still on its way to us.
func (p *Publisher) commit(ctx context.Context, offsets map[string]map[int32]kgo.EpochOffset) {
	for failures := 0; ; failures++ {
		err := p.commitOnce(ctx, offsets)
		if err == nil {
			return
		}
		if errors.Is(err, kerr.UnknownMemberID) || errors.Is(err, kerr.FencedInstanceID) {
			p.opts.Logger.Error("this process was put out of its group before it could commit: its last request's events will be published again",
				"group", p.group(), "error", err)
			return
		}
		delay := backoff(failures)
		p.opts.Logger.Warn("cannot commit offsets; trying again", "group", p.group(), "again_in", delay, "error", err)
		if clock.Sleep(ctx, clock.Real{}, delay) != nil {
			p.opts.Logger.Error("stopped before the offsets could be committed: the last request's events will be published again",
				"group", p.group(), "error", err)
			return
		}
	}
}

func (p *Publisher) commitOnce(ctx context.Context, offsets map[string]map[int32]kgo.EpochOffset) error {
	var failure error
	p.client.CommitOffsetsSync(p.annotated(ctx), offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error) {
		if err != nil {
			failure = err
			return
		}
		for i := range answer.Topics {
			for j := range answer.Topics[i].Partitions {
				if err := kerr.ErrorForCode(answer.Topics[i].Partitions[j].ErrorCode); err != nil {
					failure = err
				}
			}
		}
	})
	return failure
}
