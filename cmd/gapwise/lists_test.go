package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/gapwise/gapwise/internal/query"
)

// pages: a list read page by page is the list read at once, though as_of isn't
// given.
func (s *system) pages(t *testing.T, operator string) {
	for path, id := range map[string]string{
		"/v1/cohorts": "cohorts", "/v1/cohorts/demo/items": "items",
	} {
		var whole, paged []string
		list := func(params string) (ids []string, next string) {
			got := s.do(t, http.MethodGet, path+params, operator, nil, "")
			var page map[string]any
			if err := json.Unmarshal(got.body, &page); err != nil || got.status != http.StatusOK {
				t.Fatalf("%s%s: %d %s", path, params, got.status, got.body)
			}
			for _, row := range page[id].([]any) {
				ids = append(ids, row.(map[string]any)["id"].(string))
			}
			next, _ = page["next"].(string)
			return ids, next
		}
		whole, next := list("?limit=1000")
		if next != "" || len(whole) < 2 {
			t.Errorf("%s lists %d at once, and next is %q", path, len(whole), next)
		}
		limit := max(1, len(whole)/3)
		for params := fmt.Sprintf("?limit=%d", limit); params != ""; {
			ids, next := list(params)
			paged, params = append(paged, ids...), ""
			if next != "" {
				params = fmt.Sprintf("?limit=%d&cursor=%s", limit, url.QueryEscape(next))
			}
		}
		if !slices.Equal(whole, paged) {
			t.Errorf("%s lists %v at once and %v by pages", path, whole, paged)
		}
	}
	first := s.do(t, http.MethodGet, "/v1/cohorts/demo/items?limit=1", operator, nil, "")
	var page query.CohortItems
	if err := json.Unmarshal(first.body, &page); err != nil {
		t.Fatal(err)
	}
	for asOf, want := range map[string]int{page.AsOf.String(): http.StatusOK, "1": http.StatusBadRequest} {
		target := "/v1/cohorts/demo/items?limit=1&cursor=" + url.QueryEscape(page.Next) + "&as_of=" + url.QueryEscape(asOf)
		if got := s.do(t, http.MethodGet, target, operator, nil, ""); got.status != want {
			t.Errorf("GET %s: %d instead of %d: %s", target, got.status, want, got.body)
		}
	}
}
