// Command results draws the tables of this folder as results.svg: for each number that has
// a target, by which factor it was better than that, in each recorded run. The newest
// run is filled, older ones are pale, the oldest to be seen is the palest.
//
//	go run ./test/bench/results
package main

import (
	"fmt"
	"html"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/sellerstream/sellerstream/test/bench/internal/report"
)

const folder = "test/bench/results"

// The picture, in pixels.
const (
	rowHeight  = 20
	labelWidth = 470
	plotWidth  = 420
	valueWidth = 190
	headHeight = 56
	shownRuns  = 10 // of each number
)

// decades are how far the scale goes to each side of the target.
const decades = 1

func main() {
	if err := draw(); err != nil {
		fmt.Fprintln(os.Stderr, "results:", err)
		os.Exit(1)
	}
}

func draw() error {
	rows, err := report.Read(folder)
	if err != nil {
		return err
	}
	var names []string
	runs := map[string][]report.Row{}
	for _, row := range rows {
		if row.Target == "" {
			continue
		}
		name := row.Benchmark + ": " + row.Name
		if runs[name] == nil {
			names = append(names, name)
		}
		runs[name] = append(runs[name], row)
	}
	var b strings.Builder
	width, height := labelWidth+plotWidth+valueWidth, headHeight+rowHeight*len(names)+16
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/>`+"\n")
	text(&b, 8, 20, "start", "The factor by which each number was better than its target: right of the line it passed")
	for _, times := range []float64{0.1, 0.2, 0.5, 1, 2, 5, 10} {
		color := "#ddd"
		if times == 1 {
			color = "#333"
		}
		fmt.Fprintf(&b, `<line x1="%[1]f" x2="%[1]f" y1="%[2]d" y2="%[3]d" stroke="%[4]s"/>`+"\n", place(times), headHeight-8, height-8, color)
		text(&b, place(times), headHeight-14, "middle", fmt.Sprintf("%g", times))
	}
	for i, name := range names {
		drawRow(&b, headHeight+rowHeight*i, name, runs[name])
	}
	b.WriteString("</svg>\n")
	return os.WriteFile(filepath.Join(folder, "results.svg"), []byte(b.String()), 0o644)
}

// drawRow draws the runs of one number, the newest on top.
func drawRow(b *strings.Builder, y int, name string, runs []report.Row) {
	middle := y + rowHeight/2
	text(b, labelWidth-12, float64(middle+4), "end", name)
	runs = runs[max(0, len(runs)-shownRuns):]
	for i, run := range runs {
		color := "#1a7f37"
		if run.Verdict != "PASS" {
			color = "#cf222e"
		}
		opacity := 1.0
		if i < len(runs)-1 {
			opacity = 0.1 + 0.3*float64(i+1)/float64(len(runs))
		}
		fmt.Fprintf(b, `<circle cx="%f" cy="%d" r="5" fill="%s" opacity="%.2f"><title>%s</title></circle>`+"\n", place(times(run)), middle, color, opacity,
			html.EscapeString(fmt.Sprintf("%s, commit %s: %g (%s), %d cores, load %s", run.Time, run.Commit, run.Value, run.Target, run.Cores, run.Load)))
	}
	last := runs[len(runs)-1]
	text(b, labelWidth+plotWidth+12, float64(middle+4), "start", fmt.Sprintf("%g (%s) %s", last.Value, last.Target, last.Verdict))
}

// times is the factor by which a number is better than its target.
func times(run report.Row) float64 {
	var direction string
	var target float64
	if _, err := fmt.Sscan(run.Target, &direction, &target); err != nil || target == 0 || run.Value == 0 {
		return 1
	}
	if direction == "<=" {
		return target / run.Value
	}
	return run.Value / target
}

// place is where a number stands on the scale, which is logarithmic and ends at its last
// decade.
func place(times float64) float64 {
	at := math.Log10(max(times, 1e-9)) / decades
	return labelWidth + plotWidth/2*(1+max(-1, min(1, at)))
}

func text(b *strings.Builder, x, y float64, anchor, words string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, html.EscapeString(words))
}
