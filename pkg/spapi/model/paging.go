package model

import (
	"errors"
	"fmt"
)

// Paging follows one list of Amazon's from page to page, and ends one that has no
// end (containment rule 1). The zero value is before the first page.
//
// A circle of tokens is found with one token in memory, as Brent's algorithm does:
// the one that stood where the number of pages was last a power of two. A circle
// that begins within the first n pages and is n pages long is found within 4n pages.
type Paging struct {
	pages int
	mark  string
}

// Next takes the token that a page names for the next one. The list ends with "", and
// Paging is then ready for another. An error means that the list is not to be followed:
// its tokens go in a circle, or it has more pages than most.
func (p *Paging) Next(token string, most int) error {
	if token == "" {
		*p = Paging{}
		return nil
	}
	if token == p.mark {
		return errors.New("the token of the next page leads back to one that was read")
	}
	if p.pages++; p.pages >= most {
		return fmt.Errorf("the list has more than %d pages", most)
	}
	if p.pages&(p.pages-1) == 0 {
		p.mark = token
	}
	return nil
}

// Pages is how many pages have named a next one.
func (p *Paging) Pages() int { return p.pages }
