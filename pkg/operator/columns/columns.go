// Package columns writes what commands show: tables for people, and JSON for programs.
// Text that stands in a table comes from outside, and is written so that it can neither
// steer the terminal nor break a row (containment rule 6).
package columns

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/sellerstream/sellerstream/schemas"
)

// Writer writes rows whose cells are parted by tabs. Flush writes them in columns.
type Writer struct{ tabs *tabwriter.Writer }

// New makes a Writer to w.
func New(w io.Writer) *Writer { return &Writer{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)} }

// Printf writes a row, or a part of one. Tabs and line ends are the format's alone.
func (w *Writer) Printf(format string, args ...any) {
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			args[i] = schemas.Printable(arg)
		case error:
			args[i] = schemas.Printable(arg.Error())
		case fmt.Stringer:
			args[i] = schemas.Printable(arg.String())
		default:
			if text := fmt.Sprint(arg); text != schemas.Printable(text) {
				args[i] = schemas.Printable(text)
			}
		}
	}
	fmt.Fprintf(w.tabs, format, args...)
}

// Flush writes the rows. Its error is the first of all writes.
func (w *Writer) Flush() error { return w.tabs.Flush() }

// JSON shows a value to a program.
func JSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// Counted is a number of things in words.
func Counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
