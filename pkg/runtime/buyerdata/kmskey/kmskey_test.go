package kmskey

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	alias = "arn:aws:kms:eu-west-1:123456789012:alias/buyers"
	arn   = "arn:aws:kms:eu-west-1:123456789012:key/1234"
)

// fake is a KMS with a key of ours and one of somebody else's, which our
// credentials may use too. The end-to-end test asks moto's.
type fake struct {
	context map[string]string // of what was wrapped
	alias   string            // the key that the alias stands for; arn by default
	asked   []string          // keys to decrypt with
	err     error
}

const theirs = "arn:aws:kms:eu-west-1:666666666666:key/6666"

func (f *fake) GenerateDataKey(_ context.Context, in *kms.GenerateDataKeyInput, _ ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
	f.context = in.EncryptionContext
	if *in.KeyId != alias || in.KeySpec != types.DataKeySpecAes256 {
		return nil, errors.New("another key than is configured")
	}
	return &kms.GenerateDataKeyOutput{KeyId: aws.String(arn), Plaintext: bytes.Repeat([]byte{7}, buyerdata.KeyBytes), CiphertextBlob: []byte("wrapped")}, f.err
}

func (f *fake) Decrypt(_ context.Context, in *kms.DecryptInput, _ ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	f.asked = append(f.asked, *in.KeyId)
	if f.err != nil {
		return nil, f.err
	}
	with, plain := arn, byte(7)
	if string(in.CiphertextBlob) == "theirs" {
		with, plain = theirs, 66
	}
	asked := *in.KeyId
	if asked == alias {
		asked = cmp.Or(f.alias, arn)
	}
	if asked != with {
		return nil, &types.IncorrectKeyException{}
	}
	if plain == 7 && (string(in.CiphertextBlob) != "wrapped" || !reflect.DeepEqual(in.EncryptionContext, f.context)) {
		return nil, &types.InvalidCiphertextException{}
	}
	return &kms.DecryptOutput{KeyId: &with, Plaintext: bytes.Repeat([]byte{plain}, buyerdata.KeyBytes)}, nil
}

var owner = buyerdata.Owner{Account: "acme-eu", OrderID: "1"}

func TestKeysOfKMS(t *testing.T) {
	t.Parallel()
	client := &fake{}
	keys := buyerdata.NewKeys(New(client, alias))
	made, record, err := keys.New(t.Context(), owner)
	if err != nil || record.WrappedBy != "kms:"+arn {
		t.Fatalf("%+v, %v; want the key's own ARN, since an alias can move", record, err)
	}
	if want := map[string]string{"account": "acme-eu", "order": "1"}; !reflect.DeepEqual(client.context, want) {
		t.Errorf("the encryption context is %v, want %v", client.context, want)
	}
	again, err := keys.Unwrap(t.Context(), owner, record)
	if err != nil || !bytes.Equal(again.Seal("a", "b"), made.Seal("a", "b")) {
		t.Errorf("unwrapped another key, %v", err)
	}
	other := *record
	other.OrderID = "2"
	if _, err := keys.Unwrap(t.Context(), buyerdata.Owner{Account: "acme-eu", OrderID: "2"}, &other); !errors.Is(err, buyerdata.ErrLost) {
		t.Errorf("unwrapped for another order: %v", err)
	}
}

// Whoever can write a record could name a key of their own in it, and so choose
// what an order's data says: where a label sends a parcel.
func TestOnlyConfiguredKeysUnwrap(t *testing.T) {
	t.Parallel()
	const former = "arn:aws:kms:eu-west-1:123456789012:key/former"
	for name, c := range map[string]struct {
		wrappedBy, wrapped string
		configured         []string
		alias              string // what it stands for now
		asked              []string
		opens              bool
	}{
		"the key":                      {arn, "wrapped", []string{arn}, "", []string{arn}, true},
		"the alias's":                  {arn, "wrapped", []string{alias}, "", []string{alias}, true},
		"an earlier one":               {arn, "wrapped", []string{former, arn}, "", []string{arn}, true},
		"earlier, of a moved alias":    {arn, "wrapped", []string{alias, arn}, former, []string{arn}, true},
		"a moved alias's":              {arn, "wrapped", []string{alias}, former, []string{alias}, false},
		"theirs":                       {theirs, "theirs", []string{arn}, "", nil, false},
		"theirs, beside an alias":      {theirs, "theirs", []string{alias}, "", []string{alias}, false},
		"theirs, by our name":          {arn, "theirs", []string{arn}, "", []string{arn}, false},
		"theirs, by our alias's name":  {alias, "theirs", []string{alias}, "", []string{alias}, false},
		"ours, by their name":          {theirs, "wrapped", []string{arn}, "", nil, false},
		"of no name":                   {"", "wrapped", []string{arn}, "", nil, false},
		"of a name that is configured": {former, "wrapped", []string{arn, former}, "", []string{former}, false},
	} {
		client := &fake{alias: c.alias, context: encryptionContext(owner)}
		record := &schemas.BuyerKey{Account: owner.Account, OrderID: owner.OrderID, WrappedBy: "kms:" + c.wrappedBy, Wrapped: []byte(c.wrapped)}
		key, err := New(client, c.configured[0], c.configured[1:]...).Unwrap(t.Context(), owner, record)
		if (err == nil) != c.opens || !c.opens && !errors.Is(err, buyerdata.ErrLost) || !slices.Equal(client.asked, c.asked) {
			t.Errorf("%s: key %v, %v, asked with %v", name, key, err, client.asked)
		}
	}
}

// A KMS that does not heed which key it is asked for is not believed.
func TestAnotherKeyThanAskedIsRefused(t *testing.T) {
	t.Parallel()
	record := &schemas.BuyerKey{WrappedBy: "kms:" + arn, Wrapped: []byte("theirs")}
	if key, err := New(&heedless{}, arn).Unwrap(t.Context(), owner, record); !errors.Is(err, buyerdata.ErrLost) {
		t.Errorf("unwrapped %v, %v", key, err)
	}
}

type heedless struct{ fake }

func (heedless) Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	return &kms.DecryptOutput{KeyId: aws.String(theirs), Plaintext: make([]byte, buyerdata.KeyBytes)}, nil
}

// Keys of KMS that only unwrap, as after a change to a key file, make none.
func TestEarlierKeysOnlyUnwrap(t *testing.T) {
	t.Parallel()
	client := &fake{context: encryptionContext(owner)}
	file, err := buyerdata.ParseKeyFile(buyerdata.GenerateKey(), "")
	if err != nil {
		t.Fatal(err)
	}
	keys := buyerdata.NewKeys(file, New(client, "", arn))
	if _, record, err := keys.New(t.Context(), owner); err != nil || !strings.HasPrefix(record.WrappedBy, "file:") {
		t.Errorf("wrapped with %+v, %v", record, err)
	}
	record := &schemas.BuyerKey{Account: owner.Account, OrderID: owner.OrderID, WrappedBy: "kms:" + arn, Wrapped: []byte("wrapped")}
	if _, err := keys.Unwrap(t.Context(), owner, record); err != nil {
		t.Error(err)
	}
}

// An error that passes must not cost an order its key; one that stays must not hold the
// order back.
func TestWhichErrorsAreForGood(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		lost bool
	}{
		"changed":   {&types.InvalidCiphertextException{}, true},
		"other key": {&types.IncorrectKeyException{}, true},
		"forbidden": {&smithy.GenericAPIError{Code: "AccessDeniedException"}, false},
		"gone":      {&types.NotFoundException{}, true},
		"disabled":  {&types.DisabledException{}, false},
		"scheduled": {&types.KMSInvalidStateException{}, false},
		"throttled": {&types.LimitExceededException{}, false},
		"no way":    {errors.New("no route to host"), false},
	} {
		record := &schemas.BuyerKey{WrappedBy: "kms:" + arn, Wrapped: []byte("wrapped")}
		_, err := New(&fake{err: c.err}, alias).Unwrap(t.Context(), owner, record)
		if err == nil || errors.Is(err, buyerdata.ErrLost) != c.lost {
			t.Errorf("%s: %v, lost %v", name, err, c.lost)
		}
	}
}
