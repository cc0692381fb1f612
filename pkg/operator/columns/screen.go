package columns

import (
	"io"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// Screen is where a table is shown, as far as that is known.
type Screen struct {
	Width  int  // columns; 0 for one that takes lines of any length, as files do
	Colour bool // whether it shows the states' colours
}

// ScreenOf returns what w shows. Colours are left out where NO_COLOR is set or TERM is
// dumb, and shown where CLICOLOR_FORCE is set (no-color.org, bixense.com/clicolors).
func ScreenOf(w io.Writer) Screen {
	var s Screen
	if file, ok := w.(interface{ Fd() uintptr }); ok && term.IsTerminal(int(file.Fd())) {
		s.Width, _, _ = term.GetSize(int(file.Fd())) // 0 where it does not say
		s.Colour = os.Getenv("TERM") != "dumb"
	}
	if force := os.Getenv("CLICOLOR_FORCE"); force != "" && force != "0" {
		s.Colour = true
	}
	s.Colour = s.Colour && os.Getenv("NO_COLOR") == ""
	return s
}

// The colours of states: what wants a person, what may want one, and what is well.
const (
	red, yellow, green, plain = "\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[0m"
)

// shouted are the states that have a colour wherever they stand in a text.
var shouted = regexp.MustCompile(`\b(STOPPED|PARKED|FAILED|PAUSED)\b`)

// spoken is the colour of a state in lower case. Such words are of texts too, so they have
// it only where they are all of a row's last cell.
func spoken(state string) (colour string) {
	switch state {
	case "failed", "missing", "firing":
		return red
	case "warning", "narrowed", "duplicate", "foreign", "RETRYING":
		return yellow
	case "ok", "good", "created":
		return green
	}
	return ""
}

// Paint gives the states in a text their colours, where the screen shows any.
func (s Screen) Paint(text string) string {
	if !s.Colour {
		return text
	}
	return shouted.ReplaceAllStringFunc(text, func(state string) string {
		if state == "PAUSED" {
			return yellow + state + plain
		}
		return red + state + plain
	})
}

// lastCell marks where the last cell of a row begins. A cell cannot hold it: it is not
// printable.
const lastCell = "\x01"

// mark puts lastCell into each row of a table whose cells are still parted by tabs.
func mark(rows string) string {
	lines := strings.SplitAfter(rows, "\n")
	for i, line := range lines {
		if at := strings.LastIndex(line, "\t"); at >= 0 {
			lines[i] = line[:at+1] + lastCell + line[at+1:]
		}
	}
	return strings.Join(lines, "")
}

// minLast is how many columns a last cell takes at least before it is broken.
const minLast = 24

// fit breaks a row's last cell between words, so that the row fits the screen, and cuts
// what stands before it where there is no room.
func (s Screen) fit(row string) string {
	before, last, _ := strings.Cut(row, lastCell)
	if colour := spoken(last); s.Colour && colour != "" {
		return before + colour + last + plain
	}
	width := utf8.RuneCountInString(before)
	if s.Width == 0 || width+utf8.RuneCountInString(last) <= s.Width {
		return s.Paint(before + last)
	}
	if most := max(s.Width-minLast, 1); width > most {
		before, width = string([]rune(before)[:most-1])+"…", most
	}
	if last == "" {
		return s.Paint(before)
	}
	lines := wrap(last, max(s.Width-width, 1))
	return s.Paint(before + strings.Join(lines, "\n"+strings.Repeat(" ", width)))
}

// wrap breaks a text into lines of a width, between words where it can.
func wrap(text string, width int) (lines []string) {
	rest := []rune(text)
	for len(rest) > width {
		at := width
		for at > 0 && rest[at] != ' ' {
			at--
		}
		if at == 0 {
			at = width
		}
		lines = append(lines, strings.TrimRight(string(rest[:at]), " "))
		for rest = rest[at:]; len(rest) > 0 && rest[0] == ' '; {
			rest = rest[1:]
		}
	}
	return append(lines, string(rest))
}
