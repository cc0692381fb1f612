// Package columns writes what commands show: tables for people, and JSON for programs.
// Text that stands in a table comes from outside, and is written so that it can neither
// steer the terminal nor break a row (containment rule 6).
package columns

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/sellerstream/sellerstream/schemas"
)

// Writer writes rows whose cells are parted by tabs. Flush writes them in columns.
type Writer struct {
	w      io.Writer
	screen Screen
	rows   strings.Builder
}

// New makes a Writer to w, which fits rows to a terminal's width and colours states there.
func New(w io.Writer) *Writer { return NewOn(w, ScreenOf(w)) }

// NewOn makes a Writer to w, which is shown on screen.
func NewOn(w io.Writer, screen Screen) *Writer { return &Writer{w: w, screen: screen} }

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
	fmt.Fprintf(&w.rows, format, args...)
}

// Flush writes the rows.
func (w *Writer) Flush() error {
	var aligned strings.Builder
	tabs := tabwriter.NewWriter(&aligned, 0, 0, 2, ' ', 0)
	fmt.Fprint(tabs, mark(w.rows.String()))
	w.rows.Reset()
	if err := tabs.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(aligned.String()) {
		text, ended := strings.CutSuffix(line, "\n")
		text = w.screen.fit(text)
		if ended {
			text += "\n"
		}
		if _, err := io.WriteString(w.w, text); err != nil {
			return err
		}
	}
	return nil
}

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
