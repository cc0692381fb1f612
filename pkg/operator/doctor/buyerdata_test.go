package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/schemas"
)

// deaf is KMS where our credentials may make keys and not unwrap them.
type deaf struct{}

func (deaf) Scheme() string { return "kms:" }
func (deaf) Wrap(_ context.Context, into *schemas.BuyerKey) ([]byte, error) {
	into.WrappedBy, into.Wrapped = "kms:arn", []byte("x")
	return make([]byte, buyerdata.KeyBytes), nil
}
func (deaf) Unwrap(context.Context, buyerdata.Owner, *schemas.BuyerKey) ([]byte, error) {
	return nil, errors.New("kms:Decrypt is not allowed")
}

func TestKeysOfBuyerDataAreTried(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "keys")
	line := buyerdata.GenerateKey()
	file, err := buyerdata.ParseKeyFile(line, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		mode os.FileMode
		keys buyerdata.Keys
		err  error
		want Status
		says string
	}{
		{0o600, buyerdata.NewKeys(file), nil, OK, "made and unwrapped"},
		{0o640, buyerdata.NewKeys(file), nil, OK, "made and unwrapped"},
		{0o644, buyerdata.NewKeys(file), nil, Warning, "has mode 0644"},
		{0o600, buyerdata.Keys{}, errors.New("line 2 of the key file"), Failed, "line 2"},
		{0o600, buyerdata.NewKeys(deaf{}), nil, Failed, "kms:Decrypt is not allowed"},
	} {
		if err := errors.Join(os.WriteFile(name, []byte(line), 0o600), os.Chmod(name, test.mode)); err != nil {
			t.Fatal(err)
		}
		d := &doctor{Options: Options{
			Config: config.Config{BuyerData: config.BuyerData{Keys: config.Secret{File: name}}},
			Parts:  Parts{BuyerKeys: func(context.Context) (buyerdata.Keys, error) { return test.keys, test.err }},
		}}
		if got := d.buyerData(t.Context()); got.Status != test.want || !strings.Contains(got.Found, test.says) {
			t.Errorf("mode %v: %+v, want %v with %q", test.mode, got, test.want, test.says)
		}
	}
}
