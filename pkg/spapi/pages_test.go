package spapi

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestPages(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	for name, test := range map[string]struct {
		next  map[string]string // by the token of a page: the token of the next one
		most  int
		stop  int // the loop breaks at this page; 0 for never
		want  []string
		fails string
	}{
		"one":              {map[string]string{"": ""}, 10, 0, []string{""}, ""},
		"three":            {map[string]string{"": "a", "a": "b", "b": ""}, 3, 0, []string{"", "a", "b"}, ""},
		"the loop ends":    {map[string]string{"": "a", "a": "b", "b": ""}, 10, 2, []string{"", "a"}, ""},
		"too many":         {map[string]string{"": "a", "a": "b", "b": ""}, 2, 0, []string{"", "a"}, "more than 2 pages"},
		"a circle":         {map[string]string{"": "a", "a": "a"}, 10, 0, []string{"", "a"}, "leads back"},
		"a page is missed": {map[string]string{"": "a"}, 10, 0, []string{""}, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := func(_ context.Context, req model.GetFeedsRequest) (*model.GetFeedsResponse, Meta, error) {
				if req.PageSize != 7 {
					t.Errorf("the request of a page has lost what the first one had: %+v", req)
				}
				next, ok := test.next[req.NextToken]
				if !ok {
					return nil, Meta{}, refused
				}
				return &model.GetFeedsResponse{Feeds: []model.Feed{{FeedID: req.NextToken}}, NextToken: next}, Meta{}, nil
			}
			var got []string
			var failed error
			for page, err := range Pages(t.Context(), test.most, call, model.GetFeedsRequest{PageSize: 7}) {
				if failed = err; err != nil {
					continue
				}
				if got = append(got, page.Feeds[0].FeedID); len(got) == test.stop {
					break
				}
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("pages %q, want %q", got, test.want)
			}
			if (failed == nil) != (test.fails == "") || failed != nil && !strings.Contains(failed.Error(), test.fails) {
				t.Errorf("error %v, want %q", failed, test.fails)
			}
		})
	}
}
