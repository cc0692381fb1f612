package exclusion

import (
	"context"
	"fmt"
	"os"
)

// File is a list in a file, in a form that Parse reads. It should be replaced by
// renaming another over it: one that is written in place can be read half.
type File string

// Load reads the file.
func (f File) Load(context.Context, *List) (*List, error) {
	in, err := os.Open(string(f))
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	list, err := Parse(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", string(f), err)
	}
	return list, nil
}

// String names the file.
func (f File) String() string { return "file " + string(f) }
