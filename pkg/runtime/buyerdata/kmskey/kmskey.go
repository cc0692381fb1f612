// Package kmskey wraps the keys of buyer data with a key of AWS KMS, which
// never leaves it.
package kmskey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/schemas"
)

const scheme = "kms:"

// Client is what is used of *kms.Client.
type Client interface {
	GenerateDataKey(context.Context, *kms.GenerateDataKeyInput, ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error)
	Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error)
}

// Wrapper is a buyerdata.Wrapper. It is safe for concurrent use.
//
// Which key decrypts is configured, never read from a record: whoever can write
// a record could name a key of their own there, and so choose what an order's
// data says.
type Wrapper struct {
	client Client
	arn    string   // wraps
	arns   []string // unwrap
}

// New makes a Wrapper that wraps with the key, or alias, of an ARN. It unwraps
// with it and with those of earlier keys. One without an ARN only unwraps.
func New(client Client, arn string, earlier ...string) *Wrapper {
	arns := slices.Clone(earlier)
	if arn != "" {
		arns = append(arns, arn)
	}
	return &Wrapper{client: client, arn: arn, arns: arns}
}

// Scheme implements buyerdata.Wrapper.
func (w *Wrapper) Scheme() string { return scheme }

// Wrap implements buyerdata.Wrapper.
func (w *Wrapper) Wrap(ctx context.Context, into *schemas.BuyerKey) ([]byte, error) {
	out, err := w.client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId: &w.arn, KeySpec: types.DataKeySpecAes256,
		EncryptionContext: encryptionContext(buyerdata.Owner{Account: into.Account, OrderID: into.OrderID}),
	})
	if err != nil {
		return nil, fmt.Errorf("kms:GenerateDataKey with %s: %w", w.arn, err)
	}
	into.WrappedBy, into.Wrapped = scheme+aws.ToString(out.KeyId), out.CiphertextBlob
	return out.Plaintext, nil
}

// Unwrap implements buyerdata.Wrapper. It asks KMS to decrypt with each
// configured key that may be the record's, until one is.
func (w *Wrapper) Unwrap(ctx context.Context, owner buyerdata.Owner, from *schemas.BuyerKey) ([]byte, error) {
	named := strings.TrimPrefix(from.WrappedBy, scheme)
	for _, arn := range w.candidates(named) {
		out, err := w.client.Decrypt(ctx, &kms.DecryptInput{
			KeyId: &arn, CiphertextBlob: from.Wrapped, EncryptionContext: encryptionContext(owner),
		})
		var other *types.IncorrectKeyException
		switch {
		case errors.As(err, &other): // an alias that stands for another key now
			continue
		case err != nil:
			return nil, lost(fmt.Errorf("kms:Decrypt with %s: %w", arn, err))
		case !isAlias(arn) && aws.ToString(out.KeyId) != arn:
			return nil, fmt.Errorf("%w: KMS decrypted it with key %.100q instead of %s", buyerdata.ErrLost, aws.ToString(out.KeyId), arn)
		}
		return out.Plaintext, nil
	}
	return nil, fmt.Errorf("%w: it was wrapped with the KMS key %.100q: if that key is yours, name it under buyer_data.kms_earlier", buyerdata.ErrLost, named)
}

// candidates returns the configured key that a record names, or else the
// aliases: the record has the key's own ARN, whatever it was wrapped by.
func (w *Wrapper) candidates(named string) []string {
	if slices.Contains(w.arns, named) {
		return []string{named}
	}
	return slices.DeleteFunc(slices.Clone(w.arns), func(arn string) bool { return !isAlias(arn) })
}

func isAlias(arn string) bool { return strings.Contains(arn, ":alias/") }

// encryptionContext binds a wrapped key to its order, and names the order in
// AWS's own log of who used the key.
func encryptionContext(owner buyerdata.Owner) map[string]string {
	return map[string]string{"account": owner.Account, "order": owner.OrderID}
}

// lost marks the errors that no waiting mends.
func lost(err error) error {
	var ciphertext *types.InvalidCiphertextException
	var gone *types.NotFoundException
	if errors.As(err, &ciphertext) || errors.As(err, &gone) {
		return fmt.Errorf("%w: %w", buyerdata.ErrLost, err)
	}
	return err
}
