package shipments

import (
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// What was REJECTED, by Amazon or by the check against the order, stays in the
// state until the same shipment is sent again or a newer one of the package comes.
func TestWhatWasRejectedStaysKnownUntilItIsSentAgain(t *testing.T) {
	t.Parallel()
	for name, sendAgain := range map[string]func(r *runtime, rejected *machine.Record) []*machine.Record{
		"a replay": func(_ *runtime, rejected *machine.Record) []*machine.Record {
			return []*machine.Record{machinetest.Again(rejected, "r1")}
		},
		"a newer shipment": func(r *runtime, _ *machine.Record) []*machine.Record {
			return r.Records(shipped("s2", orderID(1), "p1", 2, testStart.Add(time.Second)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRuntime(t, Config{})
			r.Take(known(orderID(1), 2, testStart))
			records := r.Records(shipped("s1", orderID(1), "p1", 2, testStart))
			call := r.Tick(records)[0]
			no := refusal(400, model.Invalid, "InvalidInput", "no such carrier")
			r.End(call, no)
			calls := r.Pass(blame.VagueFor)
			if len(calls) != 1 {
				t.Fatalf("%d calls a minute after a vague refusal", len(calls))
			}
			r.End(calls[0], no)
			r.Restart()
			f := r.failure()
			if f == nil || f.Code != "InvalidInput" || *f.SourceOffset != records[0].Offset || *f.SourcePartition != records[0].Partition {
				t.Fatalf("the state says %+v, want InvalidInput of offset %d", f, records[0].Offset)
			}
			calls = r.Tick(sendAgain(r, records[0]))
			if len(calls) != 1 || r.failure() != nil {
				t.Fatalf("%d calls, failure %+v", len(calls), r.failure())
			}
			r.End(calls[0], done())
			if c := r.outcomes[len(r.outcomes)-1]; c.Outcome != confirmed || r.failure() != nil {
				t.Errorf("outcome %+v, failure %+v", c, r.failure())
			}
		})
	}
	r := newRuntime(t, Config{})
	r.Take(known(orderID(1), 2, testStart), shipped("s1", orderID(1), "p1", 3, testStart))
	if f := r.failure(); f == nil || f.Code != codeTooLarge {
		t.Errorf("by the check: %+v", f)
	}
}

// Nobody needs to know about a rejected shipment that a newer one supersedes.
func TestARejectedShipmentBehindANewerOneIsNoFailure(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	call := r.Take(known(orderID(1), 2, testStart), shipped("s1", orderID(1), "p1", 2, testStart))[0]
	r.Take(shipped("s2", orderID(1), "p1", 2, testStart.Add(time.Second)))
	calls := r.End(call, refusal(400, model.Invalid, "InvalidInput", "no such carrier"))
	if len(calls) != 1 || r.failure() != nil {
		t.Errorf("%d calls, failure %+v", len(calls), r.failure())
	}
}

func (r *runtime) failure() *schemas.Failure { return r.orderState(orderID(1)).Packages[0].Failure }
