package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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

// Knows asks whether the store and its model are there, and whether the model has every
// type and relation of m. The error wraps [ErrMisconfigured] where it is certain that
// they are not, and [ErrUnavailable] where the server gives no answer.
func (f *OpenFGA) Knows(ctx context.Context, m *relations.Model) error {
	body, err := f.server.call(ctx, http.MethodGet, "/stores/"+f.store+"/authorization-models/"+f.model, nil)
	if no, ok := errors.AsType[*refusal](err); ok && slices.Contains([]int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, no.status) {
		return fmt.Errorf("%w: asked for the model %s of the store %s it answers %d %s", ErrMisconfigured, f.model, f.store, no.status, no.code)
	}
	if err != nil {
		return fmt.Errorf("remote: asking OpenFGA for its model: %w", err)
	}
	var answer struct {
		Model struct {
			Types []struct {
				Name      string                     `json:"type"`
				Relations map[string]json.RawMessage `json:"relations"`
			} `json:"type_definitions"`
		} `json:"authorization_model"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("remote: asking OpenFGA for its model: %w: %w", ErrUnavailable, err)
	}
	there := map[string]map[string]json.RawMessage{}
	for _, t := range answer.Model.Types {
		there[t.Name] = t.Relations
	}
	for _, kind := range m.Types() {
		if _, ok := there[kind]; !ok {
			return fmt.Errorf("%w: its model %s has no type %s", ErrMisconfigured, f.model, kind)
		}
		for _, r := range m.Relations(kind) {
			if _, ok := there[kind][r]; !ok {
				return fmt.Errorf("%w: its model %s has no relation %s of %s", ErrMisconfigured, f.model, r, kind)
			}
		}
	}
	return nil
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
