package buyerdata

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// keyPause is how long an account's calls wait when a key could not be made or
// unwrapped.
const keyPause = 30 * time.Second

// Request is a machine's read that brings buyer data.
type Request struct {
	Read  any // *model.GetOrderRequest or *model.GetOrderV0Request
	Order Owner
	Key   *schemas.BuyerKey // the order's, if it has one
}

// Answer is what a machine gets for a Request.
type Answer struct {
	Response any // to Request.Read, without buyer data
	Sealed
}

// Sealed is what an answer held of an order's buyer.
type Sealed struct {
	Data *schemas.BuyerData // nil where Amazon gave none
	Key  *schemas.BuyerKey  // that Data is encrypted with: the Request's, or a new one without its times
}

// Execute carries out a call.
type Execute = func(context.Context, machine.Call) machine.Result

// setting is what has to be mended when keys cannot be made or unwrapped.
const setting = "buyer_data"

// Sealer encrypts what answers hold of buyers. It may be used from any goroutine.
type Sealer struct {
	keys  Keys
	tally *blame.Tally
	now   func() time.Time
	log   *slog.Logger
	// keyless means that the last key could not be made: then the next is made before
	// Amazon is asked. At other times none is made for an order without buyer data.
	keyless atomic.Bool
}

// NewSealer makes a Sealer. Without keys it holds back what would bring buyer data.
// tally is that of all calls of the process, and is told the time.
func NewSealer(keys Keys, tally *blame.Tally, now func() time.Time, log *slog.Logger) *Sealer {
	return &Sealer{keys: keys, tally: tally, now: now, log: log}
}

// Guard stands between a machine and next, which makes its calls. What is about a person
// comes to the machine encrypted or, by a call of another kind, not at all.
func (s *Sealer) Guard(next Execute) Execute {
	return func(ctx context.Context, call machine.Call) machine.Result {
		switch req := call.Request.(type) {
		case *Request:
			return s.order(ctx, next, call, req)
		case *PageRequest:
			return s.page(ctx, next, call, req)
		}
		res := next(ctx, call)
		if done, ok := res.Outcome.(machine.Done); ok {
			withhold(done.Response)
		}
		return res
	}
}

// order carries out the read of one order.
func (s *Sealer) order(ctx context.Context, next Execute, call machine.Call, req *Request) machine.Result {
	if !s.keys.Given() {
		return s.wait(ctx, call, machine.Result{}, machine.Snooze{For: keyPause, Unspent: true, Err: errors.New("buyer_data is on for the account, but this process was started without a key: write buyer_data.keys or buyer_data.kms, then start it again")})
	}
	// Before Amazon is asked: without the key the answer is of no use.
	key, err := s.known(ctx, req.Order, req.Key)
	if err != nil {
		return s.wait(ctx, call, machine.Result{}, machine.Snooze{For: keyPause, Own: true, Unspent: true, Err: err})
	}
	if key == nil && s.keyless.Load() {
		if key, err = s.fresh(ctx, req.Order); err != nil {
			return s.wait(ctx, call, machine.Result{}, machine.Snooze{For: keyPause, Unspent: true, Err: err})
		}
	}
	read := call
	read.Request = req.Read
	res := next(ctx, read)
	res.Call = call
	done, ok := res.Outcome.(machine.Done)
	if !ok {
		return res
	}
	sealed, err := s.seal(ctx, req.Order, key, take(done.Response))
	if err != nil {
		return s.wait(ctx, call, res, machine.Snooze{For: keyPause, Err: err})
	}
	res.Outcome = machine.Done{Response: &Answer{Response: done.Response, Sealed: sealed}}
	return res
}

// wait is the result of a call whose answer cannot be used now. A late order is better
// than one without what a label needs. All orders that wait like this share one cause:
// our keys.
func (s *Sealer) wait(ctx context.Context, call machine.Call, res machine.Result, why machine.Snooze) machine.Result {
	level := slog.LevelDebug
	if ctx.Err() == nil { // otherwise the work is handed over, and no key is to blame
		about := blame.Call{Account: call.Account, Operation: call.Operation, Key: call.Key}
		found := s.tally.Ended(about, &model.Error{
			Class: model.Unavailable, Operation: call.Operation, Account: call.Account, Setting: setting, Message: "buyer data cannot be encrypted", Err: why.Err,
		}, s.now())
		res.Blame, res.Shared = found.Party, found.Shared
		if found.Shared.Speaks { // one line for all
			level = slog.LevelWarn
		}
	}
	s.log.Log(ctx, level, "orders wait, since their buyer data cannot be encrypted", "account", call.Account, "operation", call.Operation,
		"key", call.Key, "retry_in", keyPause, "error", why.Err)
	res.Call, res.Outcome = call, why
	return res
}

// sealingKey is an order's key with its record.
type sealingKey struct {
	*DataKey
	record *schemas.BuyerKey
}

// seal encrypts an order's fields with its key or, where it has none, a new one.
func (s *Sealer) seal(ctx context.Context, owner Owner, key *sealingKey, fields map[string]string) (Sealed, error) {
	if len(fields) == 0 {
		return Sealed{}, nil
	}
	if key == nil {
		var err error
		if key, err = s.fresh(ctx, owner); err != nil {
			return Sealed{}, err
		}
	}
	data := &schemas.BuyerData{KeyID: key.record.KeyID, Fields: make(map[string][]byte, len(fields))}
	for name, value := range fields {
		data.Fields[name] = key.Seal(name, value)
	}
	return Sealed{Data: data, Key: key.record}, nil
}

// known is the order's own key; nil where it has none, or has lost it. A lost key is
// replaced: the order's newest state is what counts, and the new key opens it.
func (s *Sealer) known(ctx context.Context, owner Owner, record *schemas.BuyerKey) (*sealingKey, error) {
	if record == nil {
		return nil, nil
	}
	key, err := s.keys.Unwrap(ctx, owner, record)
	switch {
	case err == nil:
		return &sealingKey{key, record}, nil
	case !errors.Is(err, ErrLost):
		return nil, fmt.Errorf("unwrap the key of order %s: %w", owner.OrderID, err)
	}
	s.log.WarnContext(ctx, "an order gets a new key; its older records stay unreadable", "account", owner.Account, "order", owner.OrderID, "error", err)
	return nil, nil
}

// fresh is a new key for the order.
func (s *Sealer) fresh(ctx context.Context, owner Owner) (*sealingKey, error) {
	key, record, err := s.keys.New(ctx, owner)
	s.keyless.Store(err != nil && ctx.Err() == nil) // a handover is no failure
	if err != nil {
		return nil, fmt.Errorf("make a key for order %s: %w", owner.OrderID, err)
	}
	return &sealingKey{key, record}, nil
}
