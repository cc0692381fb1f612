package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// refuseRepeats makes every flag of a command and of those below it count: one
// that is given again adds to what it holds, where it holds several values, and is
// refused elsewhere. The flag package would silently use the last.
func refuseRepeats(cmd *cobra.Command) {
	for _, set := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
		set.VisitAll(func(flag *pflag.Flag) {
			switch _, several := flag.Value.(pflag.SliceValue); {
			case several:
			case flag.Value.Type() == "stringToString":
				flag.Value = &pairs{Value: flag.Value, given: map[string]bool{}}
			default:
				flag.Value = &once{Value: flag.Value}
			}
		})
	}
	for _, below := range cmd.Commands() {
		refuseRepeats(below)
	}
}

// once is a flag that holds one value.
type once struct {
	pflag.Value
	given bool
}

// Set implements pflag.Value.
func (o *once) Set(text string) error {
	if o.given {
		return errors.New("it is given twice, and holds one value: keep one, or write a list with commas where the flag takes one")
	}
	o.given = true
	return o.Value.Set(text)
}

// pairs is a flag that holds values by name.
type pairs struct {
	pflag.Value
	given map[string]bool
}

// Set implements pflag.Value.
func (p *pairs) Set(text string) error {
	fields, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		fields = []string{text} // which the flag refuses, or takes as one
	}
	for _, field := range fields {
		name, _, _ := strings.Cut(field, "=")
		if p.given[name] {
			return fmt.Errorf("%q is given twice: keep one", name)
		}
		p.given[name] = true
	}
	return p.Value.Set(text)
}
