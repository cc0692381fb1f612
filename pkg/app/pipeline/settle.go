package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka"
)

// What a start waits for that heals by itself: brokers that do not all know new topics yet
// (UNKNOWN_TOPIC_OR_PARTITION), that elect leaders and coordinators, or
// that have not all registered yet (INVALID_REPLICATION_FACTOR). Kafka says the first of
// a topic too that we may not see, so that the wait ends.
const (
	settleFor   = time.Minute
	settleFirst = 100 * time.Millisecond
	settleMost  = 2 * time.Second
)

// settled does what needs Kafka, again while Kafka says that another try may help, for
// settleFor at most. It logs one line when it begins to wait. do must be able to do it
// twice, where the first time failed.
func settled(ctx context.Context, log *slog.Logger, what string, do func() error) error {
	began := time.Now()
	for attempt := 0; ; attempt++ {
		err := do()
		if err == nil || ctx.Err() != nil || !heals(err) || time.Since(began) >= settleFor {
			return err
		}
		if attempt == 0 {
			log.Warn("waiting until all brokers of Kafka know what is new, or have elected leaders", "for", what, "at_most", settleFor.String(), "error", err)
		}
		if clock.Sleep(ctx, clock.Real{}, clock.Backoff(attempt, settleFirst, settleMost)) != nil {
			return err
		}
	}
}

// heals reports whether Kafka says that another try may help.
func heals(err error) bool {
	var answer *kerr.Error
	return errors.As(err, &answer) && (answer.Retriable || errors.Is(answer, kerr.InvalidReplicationFactor))
}

// warnOldKafka warns of brokers before Kafka 4.0 in the words of doctor. It is no error: they
// may have done so far.
func warnOldKafka(ctx context.Context, admin *kadm.Client, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, aclsAnswer)
	defer cancel()
	versions, err := kafka.AskVersions(ctx, admin)
	switch {
	case err != nil: // whatever keeps Kafka from answering is told by who needs it
	case len(versions.Old) > 0:
		log.Error("Kafka 4.0 or later is needed, and nothing here is tried with older brokers: upgrade them; going on",
			"brokers", strings.Join(versions.Old, ", "))
	case versions.Unfinished():
		log.Warn("an upgrade of the Kafka cluster was not finished: finish it with kafka-features.sh upgrade --release-version 4.0 or later",
			"metadata_version", versions.Finalized)
	}
}
