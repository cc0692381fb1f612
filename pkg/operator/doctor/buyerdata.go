package doctor

import (
	"context"
	"fmt"
	"os"

	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
)

// buyerData makes a key for an order that does not exist, unwraps it again and keeps
// it nowhere. It also looks at who may read the file of keys.
func (d *doctor) buyerData(ctx context.Context) Finding {
	keys, err := d.Parts.BuyerKeys(ctx)
	if err == nil {
		nobody := buyerdata.Owner{Account: "doctor", OrderID: "doctor"}
		_, record, made := keys.New(ctx, nobody)
		if err = made; err == nil {
			_, err = keys.Unwrap(ctx, nobody, record)
		}
	}
	if err != nil {
		return fail(refusalText(err), "buyer data cannot be encrypted: orders of accounts that have it on wait",
			"mend what the message names; a key in KMS must allow kms:GenerateDataKey and kms:Decrypt to our AWS credentials").at("buyer_data")
	}
	name := d.Config.BuyerData.Keys.File
	if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o007 != 0 {
		return warn(fmt.Sprintf("%s has mode %04o", name, info.Mode().Perm()), "every user of this machine can read the keys of buyer data",
			"take the file's mode down to 0600, or 0640 for a group that may").at("buyer_data.keys")
	}
	return good("a key was made and unwrapped")
}
