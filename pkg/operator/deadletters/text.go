package deadletters

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/roles"
	"github.com/sellerstream/sellerstream/schemas"
)

// maxDump bounds the hex dump of a value that is neither Avro nor text.
const maxDump = 4 << 10

// Text shows the letters to a person: all of them, or the open ones.
func (s Summary) Text(w io.Writer, f Filter) error {
	kind, none := "open dead letter", "there is no %s\n"
	if f.Settled {
		kind = "dead letter"
	}
	if f.Selects() {
		none = "no %s matches\n"
	}
	if s.Total == 0 {
		_, err := fmt.Fprintf(w, none, kind)
		return err
	}
	fmt.Fprintln(w, columns.Counted(s.Total, kind))
	if err := s.CountsText(w); err != nil || len(s.Newest) == 0 {
		return err
	}
	fmt.Fprintf(w, "\nthe newest, %s:\n", columns.Counted(len(s.Newest), "letter"))
	table := columns.New(w)
	table.Printf("TIME\tID\tROLE\tREASON\tACCOUNT\tFROM\tSTATE\n")
	for _, l := range s.Newest {
		table.Printf("%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Written.UTC().Format(time.RFC3339), schemas.Printable(l.ID), schemas.Printable(l.Role),
			schemas.Printable(l.Reason), schemas.Printable(cmp.Or(l.Account, "-")), schemas.Printable(origin(l)), schemas.Printable(cmp.Or(l.Mark.Action, "open")))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "\n`sellerstream deadletters show ID` tells more, and what to do")
	return err
}

// CountsText shows to a person how many letters there are of each reason.
func (s Summary) CountsText(w io.Writer) error {
	table := columns.New(w)
	table.Printf("REASON\tROLE\tLETTERS\tOLDEST\tNEWEST\n")
	for _, c := range s.Counts {
		table.Printf("%s\t%s\t%d\t%s\t%s\n", schemas.Printable(c.Reason), schemas.Printable(c.Role), c.Letters,
			c.Oldest.UTC().Format(time.RFC3339), c.Newest.UTC().Format(time.RFC3339))
	}
	return table.Flush()
}

// letterJSON is a letter as JSON.
type letterJSON struct {
	schemas.DeadLetter
	Written time.Time `json:"written"` // when Kafka took it
	State   string    `json:"state"`   // open, or what was done about it
	By      string    `json:"by,omitempty"`
	At      time.Time `json:"at,omitzero"`
	RetryOf string    `json:"retryOf,omitempty"`
	// Of show alone.
	Decoded json.RawMessage `json:"decoded,omitempty"`
	RetryTo string          `json:"retryTo,omitempty"`
	Refusal string          `json:"refusal,omitempty"` // why it cannot be retried, and what to do instead
}

func newLetterJSON(l *Letter) letterJSON {
	return letterJSON{
		DeadLetter: l.DeadLetter, Written: l.Written.UTC(), State: cmp.Or(l.Mark.Action, "open"), By: l.Mark.By, At: l.Mark.Time,
		RetryOf: string(l.Attributes[schemas.RetryOfHeader]),
	}
}

// JSON shows the letters to a program.
func (s Summary) JSON(w io.Writer) error {
	out := struct {
		Total   int          `json:"total"`
		Reasons []Count      `json:"reasons"`
		Newest  []letterJSON `json:"newest"` // without their values
	}{s.Total, append([]Count{}, s.Counts...), []letterJSON{}}
	for _, l := range s.Newest {
		out.Newest = append(out.Newest, newLetterJSON(l))
	}
	return columns.JSON(w, out)
}

// Shown is what there is to say about one letter.
type Shown struct {
	letter  *Letter
	route   Route
	decoded []byte // the value as JSON; nil where it is no Avro of a schema that is there
}

// Show finds what there is to say about a letter.
func (l *Letters) Show(ctx context.Context, codec *registry.Codec, letter *Letter) (Shown, error) {
	route, err := l.Route(ctx, letter, time.Now())
	if err != nil {
		return Shown{}, err
	}
	decoded, err := codec.DecodeJSON(ctx, letter.Value)
	if err != nil {
		decoded = nil
	}
	return Shown{letter, route, decoded}, nil
}

// JSON shows the letter to a program.
func (s Shown) JSON(w io.Writer) error {
	out := newLetterJSON(s.letter)
	out.Decoded, out.RetryTo, out.Refusal = s.decoded, s.route.Target(), s.route.Refusal
	return columns.JSON(w, out)
}

// Text shows the letter to a person. What came from outside cannot steer the
// terminal.
func (s Shown) Text(w io.Writer) error {
	l := s.letter
	table := columns.New(w)
	row := func(name, value string) {
		if value != "" {
			table.Printf("%s\t%s\n", name, schemas.Printable(value))
		}
	}
	row("id", l.ID)
	row("set aside", l.Written.UTC().Format(time.RFC3339))
	row("role", l.Role)
	row("reason", l.Reason)
	row("message", l.Message)
	row("account", l.Account)
	row("from", origin(l))
	row("cut", cutText(l))
	if !l.SourceTime.IsZero() {
		row("its time", l.SourceTime.UTC().Format(time.RFC3339))
	}
	row("key", string(l.Key))
	row("retry of", string(l.Attributes[schemas.RetryOfHeader]))
	row("state", l.Mark.String())
	if err := table.Flush(); err != nil {
		return err
	}
	if len(l.Attributes) > 0 {
		fmt.Fprintln(w, "\nattributes")
		for _, name := range slices.Sorted(maps.Keys(l.Attributes)) {
			fmt.Fprintf(w, "  %s: %s\n", schemas.Printable(name), schemas.Printable(string(l.Attributes[name])))
		}
	}
	s.value(w)
	_, err := fmt.Fprintf(w, "\nwhat to do\n  %s\n", schemas.Printable(s.advice()))
	return err
}

func (s Shown) value(w io.Writer) {
	value := s.letter.Value
	switch {
	case len(value) == 0:
	case s.decoded != nil:
		fmt.Fprintf(w, "\nvalue (%d bytes of Avro)\n%s\n", len(value), indented(s.decoded))
	case utf8.Valid(value):
		fmt.Fprintf(w, "\nvalue (%d bytes of text)\n%s\n", len(value), indented(value))
	default:
		fmt.Fprintf(w, "\nvalue (%d bytes, neither Avro of a known schema nor text)\n%s", len(value), hex.Dump(value[:min(len(value), maxDump)]))
		if len(value) > maxDump {
			fmt.Fprintln(w, "… --raw writes all of it")
		}
	}
}

// indented is JSON for the eye, and other text as it may be shown.
func indented(text []byte) string {
	var b bytes.Buffer
	b.WriteString("  ")
	if err := json.Indent(&b, text, "  ", "  "); err != nil {
		return "  " + schemas.Printable(string(text))
	}
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = schemas.Printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

func (s Shown) advice() string {
	switch {
	case s.route.Refusal != "":
		return s.route.Refusal
	case s.letter.Mark.Action != "":
		return "nothing, unless it is to go to " + s.route.Target() + " again: `sellerstream deadletters retry --again " + s.letter.ID + "`"
	}
	switch remedy := roles.Remedy(s.letter.Role, s.letter.Reason); {
	case remedy == "":
	case !strings.Contains(remedy, "retry"):
		return remedy + " (`sellerstream deadletters discard " + s.letter.ID + "`)"
	default:
		return remedy + ". `sellerstream deadletters retry " + s.letter.ID + "` sends it to " + s.route.Target() + " once more; `discard` marks it as done with"
	}
	return "mend what the message names; then `sellerstream deadletters retry " + s.letter.ID + "` sends it to " + s.route.Target() + " once more, or `discard` marks it as done with"
}

// Text shows to a person where a retry sends letters.
func (p *Plan) Text(w io.Writer) {
	for _, part := range p.Parts {
		kind, writes := "topic", ""
		if part.Queue != "" {
			kind = "queue"
		}
		if part.Writes {
			writes = ", whose records make calls that write at Amazon"
		}
		fmt.Fprintf(w, "%6d to %s %s%s\n", part.Letters, kind, schemas.Printable(part.Target()), writes)
	}
	if p.Kept == 0 {
		return
	}
	fmt.Fprintf(w, "%6d cannot be retried:\n", p.Kept)
	named := 0
	for _, r := range p.Refused {
		fmt.Fprintf(w, "         %d (such as %s): %s\n", r.Letters, schemas.Printable(r.ID), schemas.Printable(r.Why))
		named += r.Letters
	}
	if named < p.Kept {
		fmt.Fprintf(w, "         %d more; `show` says why\n", p.Kept-named)
	}
}

// origin is where a letter came from, in one word or a few.
func origin(l *Letter) string {
	if l.DeadLetter.Partition == nil || l.DeadLetter.Offset == nil {
		return l.Source
	}
	from := fmt.Sprintf("%s[%d]@%d", l.Source, *l.DeadLetter.Partition, *l.DeadLetter.Offset)
	if l.LastOffset != nil {
		from += fmt.Sprintf(" to %d", *l.LastOffset)
	}
	return from
}

// cutText names what a letter holds only the beginning of; "" for nothing.
func cutText(l *Letter) string {
	var parts []string
	for _, part := range slices.Sorted(maps.Keys(l.Cut)) {
		parts = append(parts, fmt.Sprintf("%s had %d bytes", part, l.Cut[part]))
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ", ") + ": the letter holds only the beginning"
}

// String is what was done about a letter, by whom and when.
func (m Mark) String() string {
	switch m.Action {
	case "":
		return "open"
	case Retrying:
		return fmt.Sprintf("%s since %s by %s: it may have been sent to %s, or not", m.Action, m.Time.Format(time.RFC3339), m.By, m.Target)
	}
	text := fmt.Sprintf("%s at %s by %s", m.Action, m.Time.Format(time.RFC3339), m.By)
	if m.Target != "" {
		text += " to " + m.Target
	}
	return text
}
