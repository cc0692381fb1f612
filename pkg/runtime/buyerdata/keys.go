package buyerdata

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/sellerstream/sellerstream/schemas"
)

// ErrLost says that a wrapped key cannot be unwrapped, now or later: the key that
// wrapped it is gone, or it was changed.
var ErrLost = errors.New("buyer data: the order's key cannot be unwrapped")

// ErrDeleted says that an order's key was deleted, as its time had come.
var ErrDeleted = errors.New("buyer data: the order's key was deleted")

// Wrapper wraps keys with one kind of operator's key.
type Wrapper interface {
	// Scheme is what WrappedBy of its keys begins with, such as "kms:".
	Scheme() string
	// Wrap makes a key for an order and fills in how it is wrapped.
	Wrap(ctx context.Context, into *schemas.BuyerKey) (key []byte, err error)
	// Unwrap returns the key of a record, if it was wrapped for owner and with a
	// key that the wrapper was configured with. An error that matches ErrLost is
	// for good; any other may pass.
	Unwrap(ctx context.Context, owner Owner, from *schemas.BuyerKey) (key []byte, err error)
}

// Keys are the keys of all orders. The zero Keys has none.
type Keys struct{ wrappers []Wrapper }

// NewKeys makes Keys of wrappers: the first wraps, all unwrap.
func NewKeys(wrappers ...Wrapper) Keys { return Keys{wrappers} }

// Given reports whether there is anything to wrap with.
func (k Keys) Given() bool { return len(k.wrappers) > 0 }

// New makes an order's key, and the record of it without its times.
func (k Keys) New(ctx context.Context, owner Owner) (*DataKey, *schemas.BuyerKey, error) {
	if !k.Given() {
		return nil, nil, errors.New("buyer data: there is no key to wrap with: write buyer_data.keys or buyer_data.kms, then start again")
	}
	if err := owner.valid(); err != nil {
		return nil, nil, err
	}
	id := make([]byte, 8)
	_, _ = rand.Read(id) // never fails
	record := &schemas.BuyerKey{Account: owner.Account, OrderID: owner.OrderID, KeyID: hex.EncodeToString(id)}
	key, err := k.wrappers[0].Wrap(ctx, record)
	if err != nil {
		return nil, nil, err
	}
	data, err := NewDataKey(owner, key)
	return data, record, err
}

// Unwrap returns the key that a record holds for owner. Its error matches ErrLost
// where the record is of another order.
func (k Keys) Unwrap(ctx context.Context, owner Owner, record *schemas.BuyerKey) (*DataKey, error) {
	if err := owner.valid(); err != nil {
		return nil, err
	}
	if of := (Owner{record.Account, record.OrderID}); of != owner {
		return nil, fmt.Errorf("%w: it is the key of order %s, and not of %s", ErrLost, of, owner)
	}
	if len(record.Wrapped) == 0 {
		return nil, ErrDeleted
	}
	for _, w := range k.wrappers {
		if !strings.HasPrefix(record.WrappedBy, w.Scheme()) {
			continue
		}
		key, err := w.Unwrap(ctx, owner, record)
		if err != nil {
			return nil, err
		}
		return NewDataKey(owner, key)
	}
	return nil, fmt.Errorf("%w: it was wrapped by %.100q, which is not configured under buyer_data", ErrLost, record.WrappedBy)
}

// Open decrypts the fields of the order owner with the record of its key. The
// caller says whose order it is; what the records say of it is not believed.
func (k Keys) Open(ctx context.Context, owner Owner, data *schemas.BuyerData, record *schemas.BuyerKey) (map[string]string, error) {
	key, err := k.Unwrap(ctx, owner, record)
	if err != nil {
		return nil, err
	}
	if data.KeyID != record.KeyID {
		return nil, fmt.Errorf("%w: it was key %.40q; the order has another key now, which only its newer records are encrypted with", ErrLost, data.KeyID)
	}
	fields := make(map[string]string, len(data.Fields))
	for name, sealed := range data.Fields {
		if fields[name], err = key.Open(name, sealed); err != nil {
			return nil, err
		}
	}
	return fields, nil
}
