package buyerdata

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sellerstream/sellerstream/pkg/machine"
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
	Response any                // to Request.Read, without buyer data
	Data     *schemas.BuyerData // nil where Amazon gave none
	Key      *schemas.BuyerKey  // that Data is encrypted with: the Request's, or a new one without its times
}

// Execute carries out a call.
type Execute = func(context.Context, machine.Call) machine.Result

// Sealer encrypts what answers hold of buyers. It may be used from any goroutine.
type Sealer struct {
	keys Keys
	log  *slog.Logger
}

// NewSealer makes a Sealer. Without keys it holds back what would bring buyer data.
func NewSealer(keys Keys, log *slog.Logger) *Sealer { return &Sealer{keys: keys, log: log} }

// Guard stands between a machine and next, which makes its calls.
func (s *Sealer) Guard(next Execute) Execute {
	return func(ctx context.Context, call machine.Call) machine.Result {
		req, ok := call.Request.(*Request)
		if !ok {
			return next(ctx, call)
		}
		if !s.keys.Given() {
			return s.wait(ctx, call, machine.Result{}, machine.Snooze{For: keyPause, Unspent: true, Err: errors.New("buyer_data is on for the account, but this process was started without a key: write buyer_data.keys or buyer_data.kms, then start it again")})
		}
		known, err := s.known(ctx, req) // before Amazon is asked: without it the answer is of no use
		if err != nil {
			return s.wait(ctx, call, machine.Result{}, machine.Snooze{For: keyPause, Own: true, Unspent: true, Err: err})
		}
		read := call
		read.Request = req.Read
		res := next(ctx, read)
		res.Call = call
		done, ok := res.Outcome.(machine.Done)
		if !ok {
			return res
		}
		answer, err := s.seal(ctx, req, known, done.Response)
		if err != nil {
			return s.wait(ctx, call, res, machine.Snooze{For: keyPause, Err: err})
		}
		res.Outcome = machine.Done{Response: answer}
		return res
	}
}

// wait is the result of a call that cannot be used now. Better late than
// without what a label needs.
func (s *Sealer) wait(ctx context.Context, call machine.Call, res machine.Result, why machine.Snooze) machine.Result {
	level := slog.LevelWarn
	if ctx.Err() != nil { // the work is handed over, and the key is not to blame
		level = slog.LevelDebug
	}
	s.log.Log(ctx, level, "orders wait, since their buyer data cannot be encrypted", "account", call.Account, "operation", call.Operation,
		"key", call.Key, "retry_in", keyPause, "error", why.Err)
	res.Call, res.Outcome = call, why
	return res
}

func (s *Sealer) seal(ctx context.Context, req *Request, known *DataKey, response any) (*Answer, error) {
	fields := take(response)
	answer := &Answer{Response: response}
	if len(fields) == 0 {
		return answer, nil
	}
	key, record, err := s.key(ctx, req, known)
	if err != nil {
		return nil, err
	}
	answer.Key = record
	answer.Data = &schemas.BuyerData{KeyID: record.KeyID, Fields: make(map[string][]byte, len(fields))}
	for name, value := range fields {
		answer.Data.Fields[name] = key.Seal(name, value)
	}
	return answer, nil
}

// known is the order's own key; nil where it has none, or one that is lost. Such a
// one is replaced: the order's newest state is what counts, and it can be read
// with the new one.
func (s *Sealer) known(ctx context.Context, req *Request) (*DataKey, error) {
	if req.Key == nil {
		return nil, nil
	}
	key, err := s.keys.Unwrap(ctx, req.Key)
	switch {
	case err == nil:
		return key, nil
	case !errors.Is(err, ErrLost):
		return nil, fmt.Errorf("unwrap the key of order %s: %w", req.Order.OrderID, err)
	}
	s.log.WarnContext(ctx, "an order gets a new key; its older records stay unreadable", "account", req.Order.Account, "order", req.Order.OrderID, "error", err)
	return nil, nil
}

// key is the order's, or a new one.
func (s *Sealer) key(ctx context.Context, req *Request, known *DataKey) (*DataKey, *schemas.BuyerKey, error) {
	if known != nil {
		return known, req.Key, nil
	}
	key, record, err := s.keys.New(ctx, req.Order)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key for order %s: %w", req.Order.OrderID, err)
	}
	return key, record, nil
}
