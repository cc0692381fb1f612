package carriers

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is how many bytes of a text Near looks at: no carrier's name is as long.
const maxText = 64

// How far a code is from a text. One that takes n edits is 1+n away.
const (
	sameKey = iota
	otherName
	longer  = 3 // one of text and code begins with the other, or the text has the code's words
	related = 4 // they have the same first word
	within  = 5 // the code has the text somewhere
)

// Near returns at most so many carriers whose codes or names resemble a text, the nearest
// first.
func (t *Table) Near(text string, most int) []Carrier {
	type found struct {
		*Carrier
		rank, edits int
	}
	text = strings.ToValidUTF8(text[:min(len(text), maxText)], "")
	key, words := Key(text), words(text)
	if key == "" {
		return nil
	}
	var near []found
	for i := range t.carriers {
		c := &t.carriers[i]
		if rank, n := c.rank(key, words); rank <= within {
			near = append(near, found{c, rank, n})
		}
	}
	slices.SortStableFunc(near, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.edits, b.edits))
	})
	var carriers []Carrier
	for _, f := range near[:min(len(near), most)] {
		carriers = append(carriers, *f.Carrier)
	}
	return carriers
}

// rank returns how far a carrier is from a text with that key and those words: more than
// within for one that does not resemble it. n is how many edits its key is away, if it does.
func (c *Carrier) rank(key, words string) (rank, n int) {
	switch {
	case key == c.key:
		return sameKey, 0
	case slices.Contains(c.nameKeys, key):
		return otherName, 0
	case begin(key, c.key) || begin(c.key, key) || strings.Contains(words, c.words):
		rank = longer
	case firstWord(words) == firstWord(c.words):
		rank = related
	case len(key) > 2 && strings.Contains(c.key, key):
		rank = within
	default:
		rank = within + 1
	}
	length, of := utf8.RuneCountInString(key), utf8.RuneCountInString(c.key)
	most := max(4, length, of) / 4
	if rank > within && max(length-of, of-length) > most { // it takes as many edits at least
		return rank, 0
	}
	if n = edits(key, c.key); n <= most {
		rank = min(rank, 1+n)
	}
	return rank, n
}

// begin reports whether a text begins with another, which is more than a letter.
func begin(text, with string) bool { return len(with) > 1 && strings.HasPrefix(text, with) }

// words returns the words of a text, without case, with a space around each.
func words(text string) string {
	fields := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return " " + strings.Join(fields, " ") + " "
}

func firstWord(words string) string {
	first, _, _ := strings.Cut(words[1:], " ")
	return first
}

// edits counts the letters to add, leave out or replace to make one text the other (the
// Levenshtein distance).
func edits(a, b string) int {
	from, to := []rune(a), []rune(b)
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range from {
		diagonal := row[0]
		row[0] = i + 1
		for j, s := range to {
			replaced := diagonal
			if r != s {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(to)]
}
