package doctor

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/schemas"
)

// lineWidth is where texts are broken.
const lineWidth = 110 // at most: a terminal may be narrower

// Table writes the report for a person: each part's checks, of accounts only what
// is not ok unless all is set, and what is the same for many accounts once.
func (r Report) Table(w io.Writer, all bool) {
	t := &table{w: w, screen: columns.ScreenOf(w), width: lineWidth, names: 12}
	if most := t.screen.Width; most > 0 {
		t.width = min(lineWidth, max(most, 60))
	}
	rows := r.rows(all)
	for _, row := range rows {
		t.names = max(t.names, utf8.RuneCountInString(row.Check))
	}
	heading := ""
	for _, row := range rows {
		if h := row.heading(r); h != heading {
			if heading != "" {
				fmt.Fprintln(w)
			}
			fmt.Fprintln(w, schemas.Printable(h))
			heading = h
		}
		t.row(row)
	}
	if examined, sound := r.accounts(); examined > 0 && !slices.ContainsFunc(rows, func(r row) bool { return r.Part == partAccount }) {
		all := fmt.Sprintf("all %d are", sound)
		if sound == 1 {
			all = "the one that was looked at is"
		}
		fmt.Fprintf(w, "\naccounts: %s well\n", all)
	}
	fmt.Fprintf(w, "\n%d ok, %s, %d failed, %d skipped in %s\n",
		r.Count(OK), columns.Counted(r.Count(Warning), "warning"), r.Count(Failed), r.Count(Skipped), r.Took.Round(10*time.Millisecond))
}

// row is a result, or the same result of many accounts.
type row struct {
	Result
	names []string // of the accounts, with the key where it differs
}

func (r row) heading(report Report) string {
	if r.Part == partAccount {
		examined, sound := report.accounts()
		return fmt.Sprintf("accounts: %d of %d are well", sound, examined)
	}
	return strings.TrimSpace(r.Part + " " + r.Name)
}

// rows are what is shown. Accounts' results are put together by what they say,
// what is worst first.
func (r Report) rows(all bool) []row {
	var rows, accounts []row
	at := map[Result]int{}
	for _, result := range r.Results {
		if result.Part != partAccount {
			rows = append(rows, row{Result: result})
			continue
		}
		if result.Status == OK && !all {
			continue
		}
		name := result.Name
		if result.Key != "" {
			name += " (" + result.Key + ")"
		}
		same := result
		same.Name, same.Key = "", ""
		if result.Status != Skipped {
			same.Found = "" // request ids and the like
		}
		i, known := at[same]
		if !known {
			i = len(accounts)
			at[same] = i
			accounts = append(accounts, row{Result: result})
		}
		accounts[i].names = append(accounts[i].names, name)
	}
	order := []Status{Failed, Warning, Skipped, OK}
	slices.SortStableFunc(accounts, func(a, b row) int {
		return cmp.Compare(slices.Index(order, a.Status), slices.Index(order, b.Status))
	})
	return append(rows, accounts...)
}

// accounts is how many were examined, and how many of them have nothing that is
// not ok.
func (r Report) accounts() (examined, sound int) {
	state := map[string]bool{}
	for _, result := range r.Results {
		if result.Part == partAccount {
			well, known := state[result.Name]
			state[result.Name] = (well || !known) && result.Status == OK
		}
	}
	for _, well := range state {
		if well {
			sound++
		}
	}
	return len(state), sound
}

type table struct {
	w      io.Writer
	screen columns.Screen
	width  int // of its lines
	names  int // width of the checks' column
}

func (t *table) row(r row) {
	status := string(r.Status)
	if r.Status == Failed {
		status = "FAILED"
	}
	text := r.Found
	if r.names != nil {
		text = few(r.names)
		if len(r.names) == 1 && r.Found != "" || r.Status == Skipped {
			text += ": " + r.Found
		}
	}
	margin := 2 + 8 + 1 + t.names + 2
	t.paragraph(fmt.Sprintf("  %-8s %-*s  ", status, t.names, r.Check), margin, text)
	explain := func(label, text string) {
		if text != "" {
			t.paragraph(strings.Repeat(" ", margin)+label, margin+len(label), text)
		}
	}
	explain("cause: ", r.Cause)
	explain("fix:   ", r.Fix)
	if r.names == nil {
		explain("key:   ", r.Key)
	}
}

// paragraph writes text behind a beginning, broken between words, with a margin.
func (t *table) paragraph(beginning string, margin int, text string) {
	line := beginning
	free := true // nothing stands behind the beginning or the margin yet
	for word := range strings.FieldsSeq(text) {
		word = schemas.Printable(word)
		if !free && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > t.width {
			fmt.Fprintln(t.w, t.screen.Paint(line))
			line, free = strings.Repeat(" ", margin), true
		}
		if !free {
			line += " "
		}
		line += word
		free = false
	}
	fmt.Fprintln(t.w, t.screen.Paint(strings.TrimRight(line, " ")))
}

// JSON writes the report for a program. Of accounts it holds what is not ok,
// unless all is set; the counts are of everything.
func (r Report) JSON(w io.Writer, all bool) error {
	type counts struct {
		OK       int `json:"ok"`
		Warnings int `json:"warnings"`
		Failed   int `json:"failed"`
		Skipped  int `json:"skipped"`
	}
	type accounts struct {
		Examined int `json:"examined"`
		Well     int `json:"well"`
	}
	shown := slices.DeleteFunc(slices.Clone(r.Results), func(x Result) bool { return x.Part == partAccount && x.Status == OK && !all })
	examined, sound := r.accounts()
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		Healthy  bool     `json:"healthy"`
		Counts   counts   `json:"counts"`
		Accounts accounts `json:"accounts"`
		Seconds  float64  `json:"seconds"`
		Results  []Result `json:"results"`
	}{
		r.Healthy(), counts{r.Count(OK), r.Count(Warning), r.Count(Failed), r.Count(Skipped)}, accounts{examined, sound}, r.Took.Seconds(), shown,
	})
}
