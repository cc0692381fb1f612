package buyerdata

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
)

const (
	// KeyBytes is the length of every key: those of AES-256.
	KeyBytes = 32

	sealedVersion = 1
	nonceBytes    = 12
	tagBytes      = 16
	// padTo hides how long a value is: its length is a multiple of it.
	padTo = 32
	// padMark ends a value; zeros follow it.
	padMark = 0x80

	fieldLabel      = "sellerstream buyer data 1"
	encryptionLabel = fieldLabel + " encryption"
	nonceLabel      = fieldLabel + " nonce"
)

// Owner is the order that a key belongs to. It is authenticated: what was
// encrypted or wrapped for one order opens for no other.
type Owner struct {
	Account string // our name of it
	OrderID string
}

func (o Owner) String() string { return fmt.Sprintf("%.40q of account %.40q", o.OrderID, o.Account) }

// valid returns an error where a part of the owner has a zero byte. Zero bytes separate
// the parts, so it could be read as another owner.
func (o Owner) valid() error {
	if o.Account == "" || o.OrderID == "" || strings.ContainsRune(o.Account+o.OrderID, 0) {
		return fmt.Errorf("buyer data: order %s cannot own a key: give the order's account and its id, both without zero bytes", o)
	}
	return nil
}

// DataKey encrypts the fields of one order.
type DataKey struct {
	owner Owner
	aead  cipher.AEAD
	nonce []byte // key of the nonces
}

// NewDataKey makes the order's key of its KeyBytes bytes.
func NewDataKey(owner Owner, key []byte) (*DataKey, error) {
	if err := owner.valid(); err != nil {
		return nil, err
	}
	if len(key) != KeyBytes {
		return nil, fmt.Errorf("buyer data: a key of %d bytes instead of %d", len(key), KeyBytes)
	}
	encryption, err1 := hkdf.Key(sha256.New, key, nil, encryptionLabel, KeyBytes)
	nonce, err2 := hkdf.Key(sha256.New, key, nil, nonceLabel, KeyBytes)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("buyer data: %w", err)
	}
	aead, err := newGCM(encryption)
	if err != nil {
		return nil, err
	}
	return &DataKey{owner: owner, aead: aead, nonce: nonce}, nil
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("buyer data: %w", err)
	}
	return cipher.NewGCM(block)
}

// Seal encrypts a field's value. The same value under the same key gives the
// same bytes, so that an order that has not changed shows as unchanged: the
// nonce is a keyed hash of field and value. Equal nonces for different values
// would take a collision in 96 bits among an order's few dozen values.
func (k *DataKey) Seal(field, value string) []byte {
	about := k.about(field)
	padded := make([]byte, (len(value)/padTo+1)*padTo)
	copy(padded, value)
	padded[len(value)] = padMark
	mac := hmac.New(sha256.New, k.nonce)
	mac.Write(about)
	mac.Write([]byte{0})
	mac.Write(padded)
	sealed := make([]byte, 1, 1+nonceBytes+len(padded)+tagBytes)
	sealed[0] = sealedVersion
	sealed = append(sealed, mac.Sum(nil)[:nonceBytes]...)
	return k.aead.Seal(sealed, sealed[1:], padded, about)
}

// Open decrypts a field's value.
func (k *DataKey) Open(field string, sealed []byte) (string, error) {
	if len(sealed) < 1+nonceBytes+tagBytes || sealed[0] != sealedVersion {
		return "", fmt.Errorf("buyer data: field %.40q is not in a form that this version knows", field)
	}
	padded, err := k.aead.Open(nil, sealed[1:1+nonceBytes], sealed[1+nonceBytes:], k.about(field))
	if err != nil {
		return "", fmt.Errorf("buyer data: field %.40q was not encrypted with this key, for this order and under this name", field)
	}
	end := bytes.LastIndexByte(padded, padMark)
	if end < 0 || len(bytes.Trim(padded[end+1:], "\x00")) > 0 {
		return "", fmt.Errorf("buyer data: field %.40q has no end", field)
	}
	return string(padded[:end]), nil
}

// about binds what is encrypted to its place. The owner has no zero byte, so no
// two places have the same text.
func (k *DataKey) about(field string) []byte {
	return fmt.Appendf(nil, "%s\x00%s\x00%s\x00%s", fieldLabel, k.owner.Account, k.owner.OrderID, field)
}
