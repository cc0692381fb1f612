package buyerdata

import (
	"bufio"
	"context"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/sellerstream/sellerstream/schemas"
)

const (
	fileScheme = "file:"
	wrapLabel  = "sellerstream buyer key 1"
)

// KeyFile wraps with keys of a file: a line for each, its id and its bytes in
// base64. The first wraps, all unwrap. It is a Wrapper.
type KeyFile struct {
	first string
	keys  map[string]cipher.AEAD // by id
}

// GenerateKey makes a line of a key file.
func GenerateKey() string {
	key := make([]byte, KeyBytes)
	_, _ = rand.Read(key) // never fails
	return keyID(key) + " " + base64.StdEncoding.EncodeToString(key)
}

// keyID names a key by a hash of it, so that no two keys have one name.
func keyID(key []byte) string {
	sum := sha256.Sum256(append([]byte("sellerstream buyer key id\x00"), key...))
	return hex.EncodeToString(sum[:4])
}

// ParseKeyFile reads a key file's text. Its errors do not repeat any of it. Where the
// text has no key, the error ends with remedy: how to make one.
func ParseKeyFile(text, remedy string) (*KeyFile, error) {
	f := &KeyFile{keys: map[string]cipher.AEAD{}}
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Fields(line)
		if len(parts) != 2 {
			return nil, fmt.Errorf("buyer data: line %d of the key file is not an id and a key: %s", n, remedy)
		}
		key, err := base64.StdEncoding.DecodeString(parts[1])
		if err != nil || len(key) != KeyBytes {
			return nil, fmt.Errorf("buyer data: the key on line %d of the key file is not %d bytes in base64", n, KeyBytes)
		}
		if parts[0] != keyID(key) {
			return nil, fmt.Errorf("buyer data: the key on line %d of the key file is not the one that its id names: was a line copied in part?", n)
		}
		aead, err := newGCM(key)
		if err != nil {
			return nil, err
		}
		if f.first == "" {
			f.first = parts[0]
		}
		f.keys[parts[0]] = aead
	}
	if err := lines.Err(); err != nil {
		return nil, errors.New("buyer data: the key file has a line that is too long for a key")
	}
	if f.first == "" {
		return nil, errors.New("buyer data: the key file has no key: " + remedy)
	}
	return f, nil
}

// Scheme implements Wrapper.
func (f *KeyFile) Scheme() string { return fileScheme }

// Wrap implements Wrapper.
func (f *KeyFile) Wrap(_ context.Context, into *schemas.BuyerKey) ([]byte, error) {
	key := make([]byte, KeyBytes)
	_, _ = rand.Read(key)
	f.wrap(into, key)
	return key, nil
}

func (f *KeyFile) wrap(into *schemas.BuyerKey, key []byte) {
	nonce := make([]byte, nonceBytes)
	_, _ = rand.Read(nonce)
	into.WrappedBy = fileScheme + f.first
	into.Wrapped = f.keys[f.first].Seal(nonce, nonce, key, aboutKey(Owner{into.Account, into.OrderID}, into.KeyID))
}

// Unwrap implements Wrapper.
func (f *KeyFile) Unwrap(_ context.Context, owner Owner, from *schemas.BuyerKey) ([]byte, error) {
	id := strings.TrimPrefix(from.WrappedBy, fileScheme)
	aead, ok := f.keys[id]
	if !ok {
		return nil, fmt.Errorf("%w: it was wrapped with key %.40q, which the key file does not have", ErrLost, id)
	}
	if len(from.Wrapped) < nonceBytes {
		return nil, fmt.Errorf("%w: it is too short", ErrLost)
	}
	key, err := aead.Open(nil, from.Wrapped[:nonceBytes], from.Wrapped[nonceBytes:], aboutKey(owner, from.KeyID))
	if err != nil {
		return nil, fmt.Errorf("%w: it was changed, or wrapped for another order", ErrLost)
	}
	return key, nil
}

// aboutKey binds a wrapped key to its order.
func aboutKey(owner Owner, keyID string) []byte {
	return fmt.Appendf(nil, "%s\x00%s\x00%s\x00%s", wrapLabel, owner.Account, owner.OrderID, keyID)
}
