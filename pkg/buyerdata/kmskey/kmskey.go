// Package kmskey wraps the keys of buyer data with a key of AWS KMS, which
// never leaves it.
package kmskey

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/sellerstream/sellerstream/pkg/buyerdata"
	"github.com/sellerstream/sellerstream/schemas"
)

const scheme = "kms:"

// Client is what is used of *kms.Client.
type Client interface {
	GenerateDataKey(context.Context, *kms.GenerateDataKeyInput, ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error)
	Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error)
}

// Wrapper is a buyerdata.Wrapper. It may be used from any goroutine.
type Wrapper struct {
	client Client
	arn    string
}

// New makes a Wrapper that wraps with the key, or alias, of an ARN. It unwraps
// whatever the client's credentials may decrypt.
func New(client Client, arn string) *Wrapper { return &Wrapper{client: client, arn: arn} }

// Scheme implements buyerdata.Wrapper.
func (w *Wrapper) Scheme() string { return scheme }

// Wrap implements buyerdata.Wrapper.
func (w *Wrapper) Wrap(ctx context.Context, into *schemas.BuyerKey) ([]byte, error) {
	out, err := w.client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId: &w.arn, KeySpec: types.DataKeySpecAes256, EncryptionContext: encryptionContext(into),
	})
	if err != nil {
		return nil, fmt.Errorf("kms:GenerateDataKey with %s: %w", w.arn, err)
	}
	into.WrappedBy, into.Wrapped = scheme+aws.ToString(out.KeyId), out.CiphertextBlob
	return out.Plaintext, nil
}

// Unwrap implements buyerdata.Wrapper.
func (w *Wrapper) Unwrap(ctx context.Context, from *schemas.BuyerKey) ([]byte, error) {
	arn := strings.TrimPrefix(from.WrappedBy, scheme)
	out, err := w.client.Decrypt(ctx, &kms.DecryptInput{
		KeyId: &arn, CiphertextBlob: from.Wrapped, EncryptionContext: encryptionContext(from),
	})
	if err != nil {
		return nil, lost(fmt.Errorf("kms:Decrypt with %s: %w", arn, err))
	}
	return out.Plaintext, nil
}

// encryptionContext binds a wrapped key to its order, and names the order in
// AWS's own log of who used the key.
func encryptionContext(record *schemas.BuyerKey) map[string]string {
	return map[string]string{"account": record.Account, "order": record.OrderID}
}

// lost marks the errors that no waiting mends.
func lost(err error) error {
	var ciphertext *types.InvalidCiphertextException
	var key *types.IncorrectKeyException
	var gone *types.NotFoundException
	if errors.As(err, &ciphertext) || errors.As(err, &key) || errors.As(err, &gone) {
		return fmt.Errorf("%w: %w", buyerdata.ErrLost, err)
	}
	return err
}
