package remote

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/relations"
)

// AuthZEN is a decision point that speaks AuthZEN 1.0: a relation is an action there.
// It implements [relations.Relations].
type AuthZEN struct {
	server   Server
	deadline time.Duration
}

// NewAuthZEN returns a decision point.
func NewAuthZEN(s Server) (*AuthZEN, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	return &AuthZEN{s, openFGADeadline}, nil
}

type entity struct {
	Type string `json:"type"`
	ID   string `json:"id,omitempty"`
}

type action struct {
	Name string `json:"name"`
}

// page is where a search goes on (AuthZEN 1.0 section 8.2.2).
type page struct {
	Token string `json:"token,omitempty"`
	Next  string `json:"next_token,omitempty"`
}

// subjectOf refuses subjects that AuthZEN has no words for.
func subjectOf(s relations.Subject) (entity, error) {
	if s.Relation != "" || s.ID == relations.Everybody {
		return entity{}, fmt.Errorf("%w: AuthZEN has no word for the subject %s", relations.ErrUnsupported, s)
	}
	return entity{s.Type, s.ID}, nil
}

// Check implements [relations.Relations] by POST /access/v1/evaluation.
func (z *AuthZEN) Check(ctx context.Context, at relations.Revision, s relations.Subject, relation string, o relations.Object) (relations.Answer, error) {
	who, err := subjectOf(s)
	if err == nil {
		err = newest(at)
	}
	if err != nil {
		return relations.Answer{}, err
	}
	type question struct {
		Subject  entity `json:"subject"`
		Action   action `json:"action"`
		Resource entity `json:"resource"`
	}
	type answer struct {
		Decision *bool `json:"decision"`
	}
	got, err := asked[question, answer](ctx, &z.server, "/access/v1/evaluation", question{who, action{relation}, entity{o.Type, o.ID}})
	if err == nil && got.Decision == nil {
		err = fmt.Errorf("%w: there is no member decision in it", ErrUnavailable)
	}
	if err != nil {
		return relations.Answer{}, fmt.Errorf("remote: asking the decision point: %w", err)
	}
	return relations.Answer{Held: *got.Decision}, nil
}

// mostPages is how many pages of a search are read.
const mostPages = 1000

// List implements [relations.Relations] by POST /access/v1/search/resource, to its last
// page. OpenFGA serves AuthZEN too, and ends a search in silence after three seconds: a
// page that took nearly as long is not believed, whoever it is of.
func (z *AuthZEN) List(ctx context.Context, at relations.Revision, s relations.Subject, relation, kind string, most int) (relations.Listing, error) {
	who, err := subjectOf(s)
	if err == nil {
		err = newest(at)
	}
	if err != nil {
		return relations.Listing{}, err
	}
	type question struct {
		Subject  entity `json:"subject"`
		Action   action `json:"action"`
		Resource entity `json:"resource"`
		Page     *page  `json:"page,omitempty"`
	}
	type answer struct {
		Results *[]entity `json:"results"`
		Page    page      `json:"page"`
	}
	var ids []string
	for q, n := (question{who, action{relation}, entity{Type: kind}, nil}), 0; ; n++ {
		began := time.Now()
		got, err := asked[question, answer](ctx, &z.server, "/access/v1/search/resource", q)
		switch {
		case err != nil:
		case got.Results == nil:
			err = fmt.Errorf("%w: there is no member results in it", ErrUnavailable)
		case time.Since(began) > z.deadline*3/4:
			err = relations.ErrTooWide
		}
		if err != nil {
			return relations.Listing{}, fmt.Errorf("remote: asking the decision point: %w", err)
		}
		for _, e := range *got.Results {
			if e.Type != kind || e.ID == "" {
				return relations.Listing{}, fmt.Errorf("remote: asking the decision point: %w: %q is no %s", ErrUnavailable, e.Type+":"+e.ID, kind)
			}
			ids = append(ids, e.ID)
		}
		switch {
		case len(ids) > most || n == mostPages:
			return relations.Listing{}, fmt.Errorf("remote: asking the decision point: %w", relations.ErrTooMany)
		case got.Page.Next == "":
			slices.Sort(ids)
			return relations.Listing{IDs: slices.Compact(ids)}, nil
		}
		q.Page = &page{Token: got.Page.Next}
	}
}
