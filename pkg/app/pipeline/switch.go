package pipeline

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topics"
	"github.com/sellerstream/sellerstream/pkg/platform/pause"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

// OpenSwitches connects an operator's command to the switches. close must be
// called when they are no longer used.
func OpenSwitches(ctx context.Context, s Settings) (opened *pause.Switches, stop func(), err error) {
	p := &pipeline{Settings: s}
	if err := p.lookAtSwitches(ctx); err != nil {
		p.close()
		return nil, nil, err
	}
	return p.switches, p.close, nil
}

// lookAtSwitches opens the switches and makes no topic: that is for those who
// know how many partitions and replicas it should have.
func (p *pipeline) lookAtSwitches(ctx context.Context) error {
	client, err := OpenKafka(ctx, p.Settings)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := checkACLs(ctx, client, p.Config, p.TransactionalPrefix, []string{"operator"}); err != nil {
		return err
	}
	// With what we may do in the answer, no more is asked for than we may see.
	report, err := topics.Check(kadm.WithAuthorizedOps(ctx), kadm.NewClient(client), topics.Options{Prefix: p.Config.Prefix, Topics: []string{schemas.Switches}})
	switch {
	case err != nil:
		return fmt.Errorf("topics on %v: %w", p.Config.Kafka.Brokers, err)
	case len(report.Missing) > 0:
		return fmt.Errorf("there is no topic %s: create it with `sellerstream topics apply`, or start the pipeline once", report.Missing[0])
	}
	options, err := registryOptions(ctx, p.Config, p.Secrets)
	if err != nil {
		return err
	}
	p.codec, err = registry.New(ctx, codecConfig(p.Config, options, p.Logger, schemas.Switches))
	if err != nil {
		return err
	}
	return p.openSwitches(ctx)
}
