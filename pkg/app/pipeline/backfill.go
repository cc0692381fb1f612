package pipeline

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topics"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

// RequestBackfill writes an operator's wish for a backfill, or for its end.
func RequestBackfill(ctx context.Context, s Settings, asked *schemas.Backfill) error {
	client, err := OpenKafka(ctx, s, kgo.DisableClientMetrics(), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := checkACLs(ctx, client, s.Config, s.TransactionalPrefix, []string{"operator"}); err != nil {
		return err
	}
	report, err := topics.Check(kadm.WithAuthorizedOps(ctx), kadm.NewClient(client), topics.Options{Prefix: s.Config.Prefix, Topics: []string{schemas.OrderBackfills}})
	switch {
	case err != nil:
		return fmt.Errorf("topics on %v: %w", s.Config.Kafka.Brokers, err)
	case len(report.Missing) > 0:
		return fmt.Errorf("there is no topic %s: create it with `sellerstream topics apply`, or start the pipeline once", report.Missing[0])
	}
	options, err := registryOptions(ctx, s.Config, s.Secrets)
	if err != nil {
		return err
	}
	codec, err := registry.New(ctx, codecConfig(s.Config, options, s.Logger, schemas.OrderBackfills))
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
