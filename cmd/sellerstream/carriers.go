package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/spapi/carriers"
	"github.com/sellerstream/sellerstream/schemas"
)

// shownCarriers is how many codes find shows at most: all that begin with DHL, and more.
const shownCarriers = 15

func newCarriersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "carriers",
		Short: "Find Amazon's code of a carrier, and what is sent for a name",
	}
	cmd.AddCommand(newCarriersFindCommand())
	return cmd
}

type carriersFlags struct {
	config string
	json   bool
}

func newCarriersFindCommand() *cobra.Command {
	var f carriersFlags
	cmd := &cobra.Command{
		Use:   "find TEXT",
		Short: "Show the carrier codes that resemble a text, and what is sent to Amazon for it",
		Long: `Find takes a carrier as a warehouse writes it, into carrierCode or carrierName of a
shipment. It prints what Sellerstream sends to Amazon for it, and why, and the codes of
Amazon's list that resemble it. It needs no network. Where there is a configuration
file it knows shipments.carriers of it too.

A code of the list is sent as it is: several differ only in case. Any other text is
mapped by shipments.carriers, or where exactly one code is spelled like it: case, spaces
and punctuation do not count. Else it is sent as Other with that name. Amazon may count
the tracking of such a package as invalid, so map the name, or write the code.

COUNTRIES are those whose own list of Amazon's names the code: Amazon publishes few of
them, and "-" means that it is not known. REPORTED codes are in no copy of Amazon's schema
that is public, only in programs that talk to Amazon.`,
		Example: `  sellerstream carriers find "DHL Paket"
  sellerstream carriers find --config sellerstream.yaml Evri
  sellerstream carriers find --json hermes | jq -r '.codes[].code'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.find(cmd, args[0]) },
	}
	cmd.Flags().StringVar(&f.config, "config", "", "configuration file, for shipments.carriers; without it the one that other commands find, if there is one")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object")
	return cmd
}

// foundCarriers is what find shows.
type foundCarriers struct {
	Text  string         `json:"text"`
	Sends sentCarrier    `json:"sends"`
	Codes []foundCarrier `json:"codes"` // the nearest first
}

type sentCarrier struct {
	Code   string          `json:"carrierCode"`
	Name   string          `json:"carrierName,omitempty"`
	Origin carriers.Origin `json:"origin"`
	Listed bool            `json:"listed"` // whether the code is on the list; a configured one need not be
}

type foundCarrier struct {
	Code      string   `json:"code"`
	Countries []string `json:"countries"`
	Reported  bool     `json:"reported"`
}

func (f *carriersFlags) find(cmd *cobra.Command, text string) error {
	if carriers.Key(text) == "" {
		return usageError{errors.New("the text has neither letters nor digits: write the carrier as the warehouse does")}
	}
	var configured map[string]string
	if f.config != "" {
		cfg, err := loadConfig(f.config)
		if err != nil {
			return err
		}
		configured = cfg.Shipments.Carriers
	}
	table := carriers.New(configured)
	choice := table.Choose("", text)
	found := foundCarriers{
		Text:  text,
		Sends: sentCarrier{Code: choice.Code, Name: choice.Name, Origin: choice.Origin, Listed: table.Lists(choice.Code)},
		Codes: []foundCarrier{},
	}
	for _, c := range table.Near(text, shownCarriers) {
		found.Codes = append(found.Codes, foundCarrier{Code: c.Code, Countries: append([]string{}, c.Countries...), Reported: c.Reported})
	}
	if f.json {
		return columns.JSON(cmd.OutOrStdout(), found)
	}
	return found.write(cmd.OutOrStdout())
}

func (f foundCarriers) write(w io.Writer) error {
	text := schemas.Brief(strings.TrimSpace(f.Text))
	fmt.Fprintf(w, "Sellerstream sends %s: %s.\n", schemas.Printable(f.Sends.String()), f.Sends.why())
	if f.Sends.Origin == carriers.Unknown && len(f.Codes) > 0 {
		fmt.Fprintf(w, "To map it, write under shipments.carriers, with the right code or %s:\n  %q: %s\n", f.Sends.Code, text, f.Codes[0].Code)
	}
	if len(f.Codes) == 0 {
		_, err := fmt.Fprintf(w, "No code of Amazon's list resembles %q.\n", text)
		return err
	}
	fmt.Fprintln(w)
	table := columns.New(w)
	table.Printf("CODE\tCOUNTRIES\tREPORTED\n")
	for _, c := range f.Codes {
		reported := "-"
		if c.Reported {
			reported = "reported"
		}
		table.Printf("%s\t%s\t%s\n", c.Code, cmp.Or(strings.Join(c.Countries, ", "), "-"), reported)
	}
	return table.Flush()
}

func (s sentCarrier) String() string {
	if s.Name != "" {
		return fmt.Sprintf("%s with the name %q", s.Code, schemas.Brief(s.Name))
	}
	return s.Code
}

// why returns where a choice comes from, in words.
func (s sentCarrier) why() string {
	switch {
	case s.Origin == carriers.Configured && !s.Listed:
		return "shipments.carriers says so, but the code is on no list known here, so Amazon may refuse it"
	case s.Origin == carriers.Configured:
		return "shipments.carriers says so"
	case s.Origin == carriers.Listed:
		return "it is one of Amazon's codes"
	case s.Origin == carriers.Spelled:
		return "exactly one code is spelled so, if case, spaces and punctuation do not count"
	}
	return "no code is that name, or several are spelled like it"
}
