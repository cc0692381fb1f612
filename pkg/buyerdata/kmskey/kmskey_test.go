package kmskey

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/sellerstream/sellerstream/pkg/buyerdata"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	alias = "arn:aws:kms:eu-west-1:123456789012:alias/buyers"
	arn   = "arn:aws:kms:eu-west-1:123456789012:key/1234"
)

// fake is a KMS with one key. The end-to-end test asks moto's.
type fake struct {
	context map[string]string // of what was wrapped
	err     error
}

func (f *fake) GenerateDataKey(_ context.Context, in *kms.GenerateDataKeyInput, _ ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
	f.context = in.EncryptionContext
	if *in.KeyId != alias || in.KeySpec != types.DataKeySpecAes256 {
		return nil, errors.New("another key than is configured")
	}
	return &kms.GenerateDataKeyOutput{KeyId: aws.String(arn), Plaintext: bytes.Repeat([]byte{7}, buyerdata.KeyBytes), CiphertextBlob: []byte("wrapped")}, f.err
}

func (f *fake) Decrypt(_ context.Context, in *kms.DecryptInput, _ ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	if f.err != nil {
		return nil, f.err
	}
	if *in.KeyId != arn || string(in.CiphertextBlob) != "wrapped" || !reflect.DeepEqual(in.EncryptionContext, f.context) {
		return nil, &types.InvalidCiphertextException{}
	}
	return &kms.DecryptOutput{Plaintext: bytes.Repeat([]byte{7}, buyerdata.KeyBytes)}, nil
}

func TestKeysOfKMS(t *testing.T) {
	t.Parallel()
	client := &fake{}
	keys := buyerdata.NewKeys(New(client, alias))
	made, record, err := keys.New(t.Context(), buyerdata.Owner{Account: "acme-eu", OrderID: "1"})
	if err != nil || record.WrappedBy != "kms:"+arn {
		t.Fatalf("%+v, %v; want the key's own ARN, since an alias can move", record, err)
	}
	if want := map[string]string{"account": "acme-eu", "order": "1"}; !reflect.DeepEqual(client.context, want) {
		t.Errorf("the encryption context is %v, want %v", client.context, want)
	}
	again, err := keys.Unwrap(t.Context(), record)
	if err != nil || !bytes.Equal(again.Seal("a", "b"), made.Seal("a", "b")) {
		t.Errorf("unwrapped another key, %v", err)
	}
	other := *record
	other.OrderID = "2"
	if _, err := keys.Unwrap(t.Context(), &other); !errors.Is(err, buyerdata.ErrLost) {
		t.Errorf("unwrapped for another order: %v", err)
	}
}

// What passes must not cost an order its key; what does not must not hold it back.
func TestWhichErrorsAreForGood(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		lost bool
	}{
		"changed":   {&types.InvalidCiphertextException{}, true},
		"other key": {&types.IncorrectKeyException{}, true},
		"gone":      {&types.NotFoundException{}, true},
		"disabled":  {&types.DisabledException{}, false},
		"scheduled": {&types.KMSInvalidStateException{}, false},
		"throttled": {&types.LimitExceededException{}, false},
		"no way":    {errors.New("no route to host"), false},
	} {
		record := &schemas.BuyerKey{WrappedBy: "kms:" + arn, Wrapped: []byte("wrapped")}
		_, err := New(&fake{err: c.err}, alias).Unwrap(t.Context(), record)
		if err == nil || errors.Is(err, buyerdata.ErrLost) != c.lost {
			t.Errorf("%s: %v, lost %v", name, err, c.lost)
		}
	}
}
