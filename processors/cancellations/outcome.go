package cancellations

import (
	"strings"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// Outcomes; see schemas.CancellationResult.
const (
	accepted   = "ACCEPTED"
	rejected   = "REJECTED"
	superseded = "SUPERSEDED"
	failed     = "FAILED"
)

// maxWords bounds what is passed on of Amazon's words.
const maxWords = 1000

// answer writes the one outcome of a cancellation.
func (m *Machine) answer(tx *machine.Tx, o *order, c *schemas.PendingCancellation, v verdict) {
	result := &schemas.CancellationResult{
		EventID: tx.EventID("CancellationResult", c.SourceID), CancellationID: c.CancellationID,
		SourcePartition: c.SourcePartition, SourceOffset: schemas.SourceOffset(c.SourceOffset), Account: o.Account, OrderID: o.OrderID,
		MarketplaceID: o.MarketplaceID, Items: c.Items, Reason: c.Reason,
		Outcome: v.outcome, FeedID: v.feedID, Code: v.code, Message: cut(v.message), Replay: c.Replay, DecidedTime: tx.Now,
	}
	switch v.outcome {
	case superseded:
		result.SupersededBy, result.SupersededByEventTime = v.by.CancellationID, v.by.EventTime
	case failed:
		o.Failure = schemas.FailureOf(tx.Now, schemas.Brief(v.code), schemas.Brief(v.message), c.SourcePartition, c.SourceOffset)
	}
	tx.Emit(machine.Output{Topic: schemas.CancellationResults, Account: o.Account, Value: result})
}

func cut(message string) string {
	return strings.ToValidUTF8(message[:min(len(message), maxWords)], "?")
}
