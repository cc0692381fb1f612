// Package keyfile makes the files of keys that buyer data is encrypted with, and puts
// new keys into them.
package keyfile

import (
	"errors"
	"fmt"
	"os"

	"github.com/sellerstream/sellerstream/pkg/platform/commands"
	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
)

// ErrUnusable is for a file whose text is none of a key file.
var ErrUnusable = errors.New("not a key file")

// unusable is ErrUnusable in the words of the fault.
type unusable struct{ error }

func (unusable) Is(target error) bool { return target == ErrUnusable }

// New makes a file with one key. It fails with fs.ErrExist where there is a file.
func New(name string) error { return write(name, buyerdata.GenerateKey()+"\n") }

// Rotate puts a new key in front of those of a file.
func Rotate(name string) error {
	text, err := os.ReadFile(name) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	if _, err := buyerdata.ParseKeyFile(string(text), commands.MakeBuyerKeys); err != nil {
		return unusable{fmt.Errorf("%s: %w", name, err)}
	}
	// Beside the file and then in its place: a stop in between loses no key.
	next := name + ".new"
	if err := write(next, buyerdata.GenerateKey()+"\n"+string(text)); err != nil {
		return err
	}
	return os.Rename(next, name)
}

// write writes a new file that only its owner reads.
func write(name, text string) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Sync(), file.Close())
}
