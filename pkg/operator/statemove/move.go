package statemove

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/operator/statefile"
)

// Unmoved is nil when nothing has come to the topics of a pipeline since it was exported, and
// nothing can come by the end of a transaction.
// The bridge and producers are in no group: what they write shows that they still run.
func (p *Pipeline) Unmoved(ctx context.Context, end statefile.End) error {
	if err := p.Settled(ctx); err != nil {
		return err
	}
	var late []string
	for _, topic := range slices.Sorted(maps.Keys(end.Ends)) {
		now, err := p.reader().Ends(ctx, p.Prefix+topic)
		if err != nil {
			return err
		}
		for _, partition := range slices.Sorted(maps.Keys(now)) {
			if before := end.Ends[topic][partition]; now[partition] != before {
				late = append(late, fmt.Sprintf("%s, partition %d (offsets %d to %d)", p.Prefix+topic, partition, before, now[partition]))
			}
		}
	}
	if len(late) == 0 {
		return nil
	}
	return fmt.Errorf("records have come since the export, and nobody reads them: %s", strings.Join(late, "; "))
}
