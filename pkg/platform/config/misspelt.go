package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// misspelt reports whether a key is nearly one of the known: up to a third of its
// letters, or two, are added, removed or replaced.
func misspelt(key string, known []string) bool {
	for _, k := range known {
		if distance(key, k) <= max(2, len(k)/3) {
			return true
		}
	}
	return false
}

// distance is how many bytes must be added, removed or replaced to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// CheckAccount refuses a name that no account has, and names those that are like it.
func (c Config) CheckAccount(name string) error {
	var near []string
	for _, a := range c.Accounts {
		if a.ID == name {
			return nil
		}
		if distance(a.ID, name) <= max(2, len(name)/3) || strings.HasPrefix(a.ID, name) {
			near = append(near, a.ID)
		}
	}
	slices.SortStableFunc(near, func(a, b string) int { return cmp.Compare(distance(a, name), distance(b, name)) })
	hint := ""
	if len(near) > 0 {
		hint = "; there is " + strings.Join(near[:min(5, len(near))], ", ")
	}
	return fmt.Errorf("no account is called %q%s", name, hint)
}
