package authzen

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
)

// search is a question with a part left open (AuthZEN 1.0 section 8).
type search struct {
	question
	Page *struct {
		Token string `json:"token"`
		Limit int    `json:"limit"`
	} `json:"page"`
}

// found is one page of what was found. Next is "" on the last.
type found[T any] struct {
	Results []T  `json:"results"`
	Page    page `json:"page"`
}

type page struct {
	Next  string `json:"next_token"`
	Count int    `json:"count"`
}

func (found[T]) reply() {}

// The most that one page of a search holds, and that one looks through.
const (
	mostResults    = 1000
	mostCandidates = 100_000
)

func (s *Server) searchSubject(r *http.Request, body []byte) (reply, error) {
	q, err := s.opened(body, true, false)
	if err != nil {
		return nil, err
	}
	return s.among(r.Context(), q, q.Subject, &q.Subject)
}

func (s *Server) searchResource(r *http.Request, body []byte) (reply, error) {
	q, err := s.opened(body, false, true)
	if err != nil {
		return nil, err
	}
	return s.among(r.Context(), q, q.Resource, &q.Resource)
}

// opened reads a search whose subject or resource is left open: an id there is not
// looked at (section 8.4).
func (s *Server) opened(body []byte, subject, resource bool) (*search, error) {
	q, err := read[search](body)
	if err == nil {
		err = q.Subject.check("subject", !subject)
	}
	if err == nil {
		err = q.Action.check()
	}
	if err == nil {
		err = q.Resource.check("resource", !resource)
	}
	return &q, err
}

// among decides for everything of a type that the facts or the tuples know, in the
// order of the ids.
func (s *Server) among(ctx context.Context, q *search, open *entity, into **entity) (reply, error) {
	ids := s.options.Facts.ids(open.Type)
	if s.options.Known != nil {
		ids = append(ids, s.options.Known(open.Type)...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) > mostCandidates {
		return nil, malformed("there are more than %d of type %s to look through", mostCandidates, open.Type)
	}
	after, limit, err := q.page()
	if err != nil {
		return nil, err
	}
	out := found[entity]{Results: []entity{}}
	for _, id := range ids {
		if id <= after {
			continue
		}
		*into = &entity{Type: open.Type, ID: id, Properties: open.Properties}
		if !s.decide(ctx, &q.question).Decision {
			continue
		}
		if len(out.Results) == limit {
			out.Page.Next = base64.RawURLEncoding.EncodeToString([]byte(out.Results[limit-1].ID))
			break
		}
		out.Results = append(out.Results, entity{Type: open.Type, ID: id})
	}
	out.Page.Count = len(out.Results)
	return out, nil
}

func (q *search) page() (after string, limit int, err error) {
	if q.Page == nil {
		return "", mostResults, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(q.Page.Token)
	if err != nil || q.Page.Limit < 0 {
		return "", 0, malformed("page.token is the next_token of the page before, and page.limit at least 1")
	}
	limit = mostResults
	if q.Page.Limit > 0 {
		limit = min(q.Page.Limit, mostResults)
	}
	return string(raw), limit, nil
}

func (s *Server) searchAction(r *http.Request, body []byte) (reply, error) {
	q, err := read[search](body)
	if err == nil {
		err = q.Subject.check("subject", true)
	}
	if err == nil {
		err = q.Resource.check("resource", true)
	}
	if err != nil {
		return nil, err
	}
	resource, err := typeName(q.Resource.Type)
	if err != nil {
		return nil, malformed("resource.type is no name of a type")
	}
	out := found[action]{Results: []action{}}
	for _, a := range s.options.Policies.Actions() {
		if !slices.Contains(s.options.Policies.Resources(a), resource) {
			continue
		}
		q.Action = &action{string(a.ID)}
		if s.decide(r.Context(), &q.question).Decision {
			out.Results = append(out.Results, *q.Action)
		}
	}
	slices.SortFunc(out.Results, func(a, b action) int { return strings.Compare(a.Name, b.Name) })
	out.Page.Count = len(out.Results)
	return out, nil
}

var _ cedar.Entities = (*facts)(nil)
