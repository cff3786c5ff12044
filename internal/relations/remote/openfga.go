package remote

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/relations"
)

// OpenFGA is a store of an OpenFGA server. It implements [relations.Relations].
type OpenFGA struct {
	server   Server
	store    string
	model    string
	most     int
	deadline time.Duration
}

// The limits at which an OpenFGA server ends a list in silence, unless its operator
// set others: a list that comes near one of them is not believed.
const (
	openFGAMost     = 1000
	openFGADeadline = 3 * time.Second
)

// NewOpenFGA returns a store. model is the id of the authorization model that is asked
// for: without one the server takes its newest, and a change of it there changes what
// is decided here.
func NewOpenFGA(s Server, store, model string) (*OpenFGA, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	for what, id := range map[string]string{"store": store, "model": model} {
		if id == "" || strings.Trim(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_") != "" {
			return nil, fmt.Errorf("remote: %q is no id of an OpenFGA %s", id, what)
		}
	}
	return &OpenFGA{server: s, store: store, model: model, most: openFGAMost, deadline: openFGADeadline}, nil
}

type tupleKey struct {
	User     string `json:"user"`
	Relation string `json:"relation"`
	Object   string `json:"object"`
}

// higher asks OpenFGA to look past its caches: what was taken away must not be
// answered with yes.
const higher = "HIGHER_CONSISTENCY"

// Check implements [relations.Relations].
func (f *OpenFGA) Check(ctx context.Context, at relations.Revision, s relations.Subject, relation string, o relations.Object) (relations.Answer, error) {
	if err := newest(at); err != nil {
		return relations.Answer{}, err
	}
	type question struct {
		Tuple       tupleKey `json:"tuple_key"`
		Model       string   `json:"authorization_model_id"`
		Consistency string   `json:"consistency"`
	}
	type answer struct {
		Allowed *bool `json:"allowed"`
	}
	got, err := asked[question, answer](ctx, &f.server, "/stores/"+f.store+"/check", question{tupleKey{s.String(), relation, o.String()}, f.model, higher})
	if err == nil && got.Allowed == nil {
		err = fmt.Errorf("%w: there is no member allowed in it", ErrUnavailable)
	}
	if err != nil {
		return relations.Answer{}, fmt.Errorf("remote: asking OpenFGA: %w", err)
	}
	return relations.Answer{Held: *got.Allowed, At: relations.Revision{Model: f.model}}, nil
}

// List implements [relations.Relations]. OpenFGA ends a list in silence after 1,000
// results or three seconds: a list that may be one of those is an error.
func (f *OpenFGA) List(ctx context.Context, at relations.Revision, s relations.Subject, relation, kind string, most int) (relations.Listing, error) {
	if err := newest(at); err != nil {
		return relations.Listing{}, err
	}
	type question struct {
		User        string `json:"user"`
		Relation    string `json:"relation"`
		Type        string `json:"type"`
		Model       string `json:"authorization_model_id"`
		Consistency string `json:"consistency"`
	}
	type answer struct {
		Objects *[]string `json:"objects"`
	}
	began := time.Now()
	got, err := asked[question, answer](ctx, &f.server, "/stores/"+f.store+"/list-objects", question{s.String(), relation, kind, f.model, higher})
	switch {
	case err != nil:
	case got.Objects == nil:
		err = fmt.Errorf("%w: there is no member objects in it", ErrUnavailable)
	case len(*got.Objects) >= f.most || len(*got.Objects) > most:
		err = relations.ErrTooMany
	case time.Since(began) > f.deadline*3/4:
		err = relations.ErrTooWide
	}
	if err != nil {
		return relations.Listing{}, fmt.Errorf("remote: asking OpenFGA: %w", err)
	}
	var ids []string
	for _, text := range *got.Objects {
		id, ok := strings.CutPrefix(text, kind+":")
		if !ok || id == "" {
			return relations.Listing{}, fmt.Errorf("remote: asking OpenFGA: %w: %q is no %s", ErrUnavailable, text, kind)
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return relations.Listing{IDs: ids, At: relations.Revision{Model: f.model}}, nil
}
