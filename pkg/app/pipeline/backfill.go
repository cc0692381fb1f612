package pipeline

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/schemas"
)

// RequestBackfill writes an operator's wish for a backfill, or for its end.
func RequestBackfill(ctx context.Context, s Settings, asked *schemas.Backfill) error {
	connecting, cancel := s.Connecting(ctx)
	defer cancel()
	client, err := openTopic(connecting, s, schemas.OrderBackfills,
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	if err != nil {
		return err
	}
	defer client.Close()
	codec, err := s.registered(connecting, schemas.OrderBackfills)
	if err != nil {
		return err
	}
	value, err := codec.AppendEncode(nil, schemas.OrderBackfills, asked)
	if err != nil {
		return fmt.Errorf("encode the backfill of account %s: %w", asked.Account, err)
	}
	rec := &kgo.Record{Topic: s.Config.Prefix + schemas.OrderBackfills, Key: []byte(asked.Account), Value: value}
	if err := client.ProduceSync(ctx, rec).FirstErr(); err != nil {
		return fmt.Errorf("write the backfill of account %s to topic %s: %w", asked.Account, rec.Topic, err)
	}
	return nil
}
