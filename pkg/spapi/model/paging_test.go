package model

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/test/property"
)

// TestEveryCircleOfTokensEnds: wherever it begins and however long it is, within a few
// times as many pages.
func TestEveryCircleOfTokensEnds(t *testing.T) {
	t.Parallel()
	property.Check(t, func(rt *rapid.T) {
		before, around := rapid.IntRange(0, 100).Draw(rt, "pages before it"), rapid.IntRange(1, 100).Draw(rt, "pages of it")
		var p Paging
		for page := 0; ; page++ {
			token := page
			if page >= before {
				token = before + (page-before)%around
			}
			if err := p.Next(fmt.Sprint("page ", token), 1_000_000); err != nil {
				if page < before+around {
					rt.Fatalf("page %d: %v", page, err)
				}
				return
			}
			if page > 4*max(before, around) {
				rt.Fatalf("still followed at page %d", page)
			}
		}
	})
}

// TestAListIsFollowedToItsEnd, and no further than it may have pages.
func TestAListIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	const most = 20
	for pages, ends := range map[int]bool{1: true, 2: true, most: true, most + 1: false} {
		var p Paging
		for range 2 { // an end makes it ready for the next list
			var err error
			for page := 1; page < pages && err == nil; page++ {
				err = p.Next(fmt.Sprint(page), most)
			}
			if (err == nil) != ends {
				t.Errorf("a list of %d pages: %v", pages, err)
			}
			if err := p.Next("", most); err != nil || p.Pages() != 0 {
				t.Errorf("the end of a list of %d pages: %v", pages, err)
			}
		}
	}
}
