package buyerdata

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/schemas"
)

// vectorKMS is a KMS with the key of the vectors.
type vectorKMS struct {
	kms
	vectors
}

func (k vectorKMS) Unwrap(_ context.Context, owner Owner, record *schemas.BuyerKey) ([]byte, error) {
	if owner != k.KMS.owner() || record.WrappedBy != "kms:"+k.KMS.ARN || string(record.Wrapped) != string(k.KMS.Key.Wrapped) {
		return nil, ErrLost
	}
	return k.KMS.DataKey, nil
}

// An order's data opens for that order only: not for another whose records
// someone put in its place, with whatever those records say of themselves.
func TestBuyerDataOfAnotherOrderDoesNotOpen(t *testing.T) {
	t.Parallel()
	v := loadVectors(t)
	keys := NewKeys(keyFile(t, v.Keys), vectorKMS{vectors: v})
	all := map[string]vector{"first": v.vector, "other": v.Other, "kms": v.KMS.vector}
	for asked, want := range all {
		for given, of := range all {
			for renamed, claimed := range all { // the records say that they are of this order
				record := of.Key
				record.Account, record.OrderID = claimed.Key.Account, claimed.Key.OrderID
				got, err := keys.Open(t.Context(), want.owner(), of.Data, &record)
				if asked == given && given == renamed {
					if err != nil || !reflect.DeepEqual(got, want.Fields) {
						t.Errorf("%s: opened %v, %v", asked, got, err)
					}
					continue
				}
				if err == nil || got != nil || strings.Contains(err.Error(), of.Fields["recipient.name"]) {
					t.Errorf("asked for order %s, given the records of %s that say %s: %v, %v", asked, given, renamed, got, err)
				}
			}
		}
	}
}

// A Wrapper holds the owner that it is given to what was wrapped, whatever the
// record says: it must not lean on others' checks.
func TestAKeyFileUnwrapsForTheOwnerItIsGiven(t *testing.T) {
	t.Parallel()
	v := loadVectors(t)
	file := keyFile(t, v.Keys)
	if _, err := file.Unwrap(t.Context(), v.owner(), &v.Key); err != nil {
		t.Error(err)
	}
	if key, err := file.Unwrap(t.Context(), v.Other.owner(), &v.Key); !errors.Is(err, ErrLost) {
		t.Errorf("unwrapped %v for another order, %v", key, err)
	}
	renamed := v.Key
	renamed.OrderID = v.Other.Key.OrderID
	if _, err := file.Unwrap(t.Context(), v.owner(), &renamed); err != nil {
		t.Errorf("what the record says of its order counts: %v", err)
	}
}

// A zero byte stands between the parts of what is authenticated, so none may
// hold one: else the order 1 of account "a\x002" would be the order 2\x001 of a.
func TestOwnersCannotBeMistaken(t *testing.T) {
	t.Parallel()
	keys := NewKeys(keyFile(t, GenerateKey()))
	for _, owner := range []Owner{{}, {"a", ""}, {"", "1"}, {"a\x002", "1"}, {"a", "2\x001"}} {
		if _, record, err := keys.New(t.Context(), owner); err == nil {
			t.Errorf("%q has the key %+v", owner, record)
		}
		if key, err := NewDataKey(owner, make([]byte, KeyBytes)); err == nil {
			t.Errorf("%q has the key %v", owner, key)
		}
		if _, err := keys.Unwrap(t.Context(), owner, &schemas.BuyerKey{Account: owner.Account, OrderID: owner.OrderID}); err == nil || errors.Is(err, ErrDeleted) {
			t.Errorf("%q: %v", owner, err)
		}
	}
}
