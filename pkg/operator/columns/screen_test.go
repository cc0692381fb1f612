package columns_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/test/property"
)

func shown(screen columns.Screen, rows ...string) string {
	var b strings.Builder
	table := columns.NewOn(&b, screen)
	for _, row := range rows {
		table.Printf(strings.Repeat("%s\t", strings.Count(row, "|"))+"%s\n", cells(row)...)
	}
	if err := table.Flush(); err != nil {
		panic(err)
	}
	return b.String()
}

func cells(row string) (args []any) {
	for cell := range strings.SplitSeq(row, "|") {
		args = append(args, cell)
	}
	return args
}

// A row that is longer than the terminal goes on below its last cell; elsewhere it is whole.
func TestARowFitsItsScreen(t *testing.T) {
	t.Parallel()
	rows := []string{"ACCOUNT|STATE", "acme-eu|held up: searchOrders for 3m: Amazon does not answer", "b|idle"}
	if got, want := shown(columns.Screen{Width: 34}, rows...), `ACCOUNT  STATE
acme-eu  held up: searchOrders for
         3m: Amazon does not
         answer
b        idle
`; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := shown(columns.Screen{}, rows...); strings.Count(got, "\n") != 3 || !strings.Contains(got, "does not answer\n") {
		t.Errorf("in a file:\n%s", got)
	}
	if got := shown(columns.Screen{Width: 30}, "a long name that has no room|ok"); got != "a lon…ok\n" {
		t.Errorf("a cell that has no room: %q", got)
	}
	property.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-z ]{0,60}`)
		width := rapid.IntRange(25, 90).Draw(t, "width")
		last := word.Draw(t, "last")
		got := shown(columns.Screen{Width: width}, word.Draw(t, "first")+"|"+last)
		for line := range strings.Lines(got) {
			if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > width {
				t.Fatalf("a line of %d on a screen of %d:\n%s", utf8.RuneCountInString(line), width, got)
			}
		}
		if bare := func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, " ", ""), "\n", "") }; !strings.HasSuffix(bare(got), bare(last)) {
			t.Fatalf("%q is shown as\n%s", last, got)
		}
	})
}

// States have colours where the screen shows any, and a table's columns stay in line.
func TestStatesHaveColours(t *testing.T) {
	t.Parallel()
	rows := []string{"acme-eu|3|PARKED: it failed", "b|0|good", "good|0|it is good"}
	const want = "acme-eu  3  \x1b[31mPARKED\x1b[0m: it failed\nb        0  \x1b[32mgood\x1b[0m\ngood     0  it is good\n"
	if got := shown(columns.Screen{Colour: true}, rows...); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := shown(columns.Screen{}, rows...); strings.Contains(got, "\x1b") {
		t.Errorf("colours in a file: %q", got)
	}
}

func TestScreenOf(t *testing.T) { // alone: it changes the environment
	var file strings.Builder
	for _, c := range []struct {
		noColour, force string
		want            bool
	}{{"", "", false}, {"", "1", true}, {"", "0", false}, {"1", "1", false}} {
		t.Setenv("NO_COLOR", c.noColour)
		t.Setenv("CLICOLOR_FORCE", c.force)
		if got := columns.ScreenOf(&file); got != (columns.Screen{Colour: c.want}) {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}
