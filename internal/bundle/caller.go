package bundle

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// The types of principals.
const (
	User    cedar.EntityType = "User"    // people, and keys that act for them
	Service cedar.EntityType = "Service" // clients
)

// Caller is who asks.
type Caller struct {
	Service       bool // a client that acts for nobody
	ID, Tenant    string
	Roles, Scopes []string
	// Claim returns a claim of the caller's token as JSON, and whether there is one;
	// nil where there is no token.
	Claim func(name string) (json string, ok bool)
}

// Given are the attributes that every principal has, whatever its token says.
func Given() []string { return []string{"id", "tenant", "roles", "scopes"} }

// Principal makes an entity of a caller, with the claims that the schema declares. A
// claim that is not of its declared type is an error; one that is not there is not
// there, and a policy that reads it denies.
func Principal(s *cedar.Set, c Caller) (cedar.Entity, error) {
	typ := User
	if c.Service {
		typ = Service
	}
	m := cedar.RecordMap{"id": cedar.String(c.ID), "tenant": cedar.String(c.Tenant), "roles": texts(c.Roles), "scopes": texts(c.Scopes)}
	for _, a := range s.Attributes(typ) {
		if c.Claim == nil || slices.Contains(Given(), a.Name) {
			continue
		}
		text, ok := c.Claim(a.Name)
		if !ok {
			continue
		}
		v, err := claim(text, a.Type)
		if err != nil {
			return cedar.Entity{}, fmt.Errorf("the claim %s: %w", a.Name, err)
		}
		if v != nil {
			m[cedar.String(a.Name)] = v
		}
	}
	return cedar.Entity{UID: cedar.NewEntityUID(typ, cedar.String(c.ID)), Attributes: cedar.NewRecord(m)}, nil
}

func texts(list []string) cedar.ValueSet {
	out := make([]cedar.Value, len(list))
	for i, s := range list {
		out[i] = cedar.String(s)
	}
	return cedar.NewValueSet(out...)
}

// ErrType is wrapped by what is said of values that are not as declared.
var ErrType = errors.New("the value is not as declared")

// claim makes a value of a claim's JSON; null is none.
func claim(text string, t cedar.Type) (cedar.Value, error) {
	var d jsonwalk.Doc
	if err := d.Parse([]byte(text), jsonwalk.Limits{}); err != nil {
		return nil, err
	}
	return Value(&d, 0, t)
}

// Value makes a value of a String, a Long, a Bool or a set of them of node i. Null and
// a node that is missing are no value, and no error.
func Value(d *jsonwalk.Doc, i int, t cedar.Type) (cedar.Value, error) {
	if i == jsonwalk.Missing || d.Kind(i) == jsonwalk.Null {
		return nil, nil
	}
	switch kind := d.Kind(i); {
	case t.Kind == cedar.KindString && kind == jsonwalk.String:
		return cedar.String(d.Text(i)), nil
	case t.Kind == cedar.KindLong && kind == jsonwalk.Number:
		n, err := strconv.ParseInt(string(d.Raw(i)), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("expected an integer of 64 bits: %w", ErrType)
		}
		return cedar.Long(n), nil
	case t.Kind == cedar.KindBool && (kind == jsonwalk.True || kind == jsonwalk.False):
		return cedar.Boolean(kind == jsonwalk.True), nil
	case t.Kind == cedar.KindSet && kind == jsonwalk.Array:
		return elements(d, i, *t.Element)
	}
	return nil, fmt.Errorf("expected %s: %w", t, ErrType)
}

func elements(d *jsonwalk.Doc, i int, t cedar.Type) (cedar.Value, error) {
	out := make([]cedar.Value, 0, d.Count(i))
	for c, end := i+1, d.Next(i); c < end; c = d.Next(c) {
		v, err := Value(d, c, t)
		if err != nil || v == nil {
			return nil, fmt.Errorf("expected elements of %s: %w", t, ErrType)
		}
		out = append(out, v)
	}
	return cedar.NewValueSet(out...), nil
}
