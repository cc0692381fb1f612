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
// that is given again with another value adds to what it holds, where it holds several,
// and is refused elsewhere. The flag package would silently use the last.
func refuseRepeats(cmd *cobra.Command) {
	for _, set := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
		set.VisitAll(func(flag *pflag.Flag) {
			switch _, several := flag.Value.(pflag.SliceValue); {
			case several:
			case flag.Value.Type() == "stringToString":
				flag.Value = &pairs{Value: flag.Value, given: map[string]string{}}
			default:
				flag.Value = &once{Value: flag.Value}
			}
		})
	}
	for _, below := range cmd.Commands() {
		refuseRepeats(below)
	}
}

// once is a flag that holds one value. The same one may come again: completion reads
// the command line twice.
type once struct {
	pflag.Value
	given bool
	text  string
}

// Set implements pflag.Value.
func (o *once) Set(text string) error {
	if o.given && o.text != text {
		return errors.New("it is given twice, and holds one value: keep one, or write a list with commas where the flag takes one")
	}
	o.given, o.text = true, text
	return o.Value.Set(text)
}

// pairs is a flag that holds values by name.
type pairs struct {
	pflag.Value
	given map[string]string
}

// Set implements pflag.Value.
func (p *pairs) Set(text string) error {
	fields, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		fields = []string{text} // which the flag refuses, or takes as one
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, "=")
		if before, again := p.given[name]; again && before != value {
			return fmt.Errorf("%q is given twice: keep one", name)
		}
		p.given[name] = value
	}
	return p.Value.Set(text)
}
