package carriers

import (
	_ "embed"
	"fmt"
	"strings"
	"unicode"
)

//go:embed carriers.tsv
var list string

// Carrier is a carrier that Amazon has a code for.
type Carrier struct {
	Code      string
	Countries []string // whose list of Amazon's names it; empty where that is not known
	// Reported is for a code that no copy of Amazon's schema has, only programs or help
	// pages. It goes out where it is written exactly, and no other name is made one.
	Reported bool

	key, words string   // of the code
	names      []string // other names of the carrier
	nameKeys   []string
}

// List returns Amazon's carrier codes, sorted without case.
func List() []Carrier {
	all, err := parse(list)
	if err != nil {
		panic(err.Error()) // the file is part of the program, and tested
	}
	return all
}

// columns are the columns of the list.
const columns = 4

func parse(text string) (all []Carrier, err error) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "code\t") {
			continue
		}
		cells := strings.Split(line, "\t")
		cells = append(cells, make([]string, max(0, columns-len(cells)))...)
		reported := cells[2] == "reported"
		if cells[0] == "" || len(cells) > columns || !reported && cells[2] != "" {
			return nil, fmt.Errorf("carriers: the list has the line %q", line)
		}
		c := Carrier{
			Code: cells[0], Countries: parts(cells[1], ","), Reported: reported,
			key: Key(cells[0]), words: words(cells[0]), names: parts(cells[3], ";"),
		}
		for _, name := range c.names {
			c.nameKeys = append(c.nameKeys, Key(name))
		}
		all = append(all, c)
	}
	return all, nil
}

func parts(cell, sep string) []string {
	if cell == "" {
		return nil
	}
	return strings.Split(cell, sep)
}

// Key returns what distinguishes the names of carriers, however people write them: letters
// and digits, without case.
func Key(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// spelling returns a name without case, and with one space where it has any.
func spelling(name string) string {
	return strings.ToLower(strings.Join(strings.Fields(name), " "))
}
