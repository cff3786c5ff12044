// Package relations answers who has which relation to what: a model in a subset of
// the OpenFGA 1.1 language (direct types, usersets, computed relations, `x from y`,
// or, and, but not, `type:*`) over tuples such as
// `doc:1#workspace@workspace:3`.
//
// It defends from answers that are nearly right. An answer is exact or an error, and
// an error denies: never no by a limit, never a part of a list. A cycle is no inside
// a union, and undecided under an exclusion. All reading of one answer is of one
// [Snapshot], which is never changed, and every answer names what it was read from.
package relations

import (
	"errors"
	"fmt"
	"strings"
)

// The errors of asking and writing, for errors.Is. Each means not decided, and so
// denied.
var (
	// ErrInvalid says that what was asked or written makes no sense under the model.
	ErrInvalid = errors.New("relations: invalid")
	// ErrTooDeep says that the answer is more steps away than [Limits].Depth.
	ErrTooDeep = errors.New("relations: too deep to be decided")
	// ErrTooWide says that more had to be looked at than [Limits] allow.
	ErrTooWide = errors.New("relations: too much to look at to be decided")
	// ErrTooMany says that a list would be longer than was asked for. There is no
	// part of a list.
	ErrTooMany = errors.New("relations: the list is longer than permitted")
	// ErrCycle says that something is so exactly when it is not so: an exclusion that
	// leads back to what it is part of.
	ErrCycle = errors.New("relations: an exclusion depends on itself")
	// ErrRevision says that the tuples cannot be read at the revision that was asked
	// for: it is too long ago, or of another model, or did not arrive in time.
	ErrRevision = errors.New("relations: this revision cannot be read")
	// ErrUnsupported says that this decision point cannot do what was asked of it.
	ErrUnsupported = errors.New("relations: not supported here")
)

// Object is something that relations lead to: `doc:1`.
type Object struct{ Type, ID string }

// Subject is who has a relation: `user:anne`, everybody of a type (`user:*`), or with
// a Relation everybody who has that relation to the object: `group:eng#member`.
type Subject struct{ Type, ID, Relation string }

// Everybody is the ID of a [Subject] that stands for every object of its type.
const Everybody = "*"

// Tuple is one fact: the subject has the relation to the object.
type Tuple struct{ Type, ID, Relation, SubjectType, SubjectID, SubjectRelation string }

// Object returns what the tuple leads to.
func (t Tuple) Object() Object { return Object{t.Type, t.ID} }

// Subject returns who the tuple is about.
func (t Tuple) Subject() Subject { return Subject{t.SubjectType, t.SubjectID, t.SubjectRelation} }

// String returns "type:id".
func (o Object) String() string { return o.Type + ":" + o.ID }

// String returns "type:id" or "type:id#relation".
func (s Subject) String() string {
	if s.Relation == "" {
		return s.Type + ":" + s.ID
	}
	return s.Type + ":" + s.ID + "#" + s.Relation
}

// String returns "type:id#relation@subject".
func (t Tuple) String() string {
	return t.Object().String() + "#" + t.Relation + "@" + t.Subject().String()
}

// the most bytes of names, as OpenFGA has them.
const (
	longestType     = 254
	longestRelation = 50
	longestID       = 256
)

// ParseObject reads "type:id". The error wraps [ErrInvalid].
func ParseObject(s string) (Object, error) {
	kind, id, ok := strings.Cut(s, ":")
	if !ok || !name(kind, longestType) || !identifier(id) || id == Everybody {
		return Object{}, fmt.Errorf("%w: %q is no object: write type:id, and : # %% and white space in an id as %%3A, %%23 and so on", ErrInvalid, s)
	}
	return Object{kind, id}, nil
}

// ParseSubject reads "type:id", "type:*" or "type:id#relation". The error wraps
// [ErrInvalid].
func ParseSubject(s string) (Subject, error) {
	object, relation, userset := strings.Cut(s, "#")
	kind, id, ok := strings.Cut(object, ":")
	if !ok || !name(kind, longestType) || !identifier(id) || userset && (id == Everybody || !name(relation, longestRelation)) {
		return Subject{}, fmt.Errorf("%w: %q is no subject: write type:id, type:* or type:id#relation", ErrInvalid, s)
	}
	return Subject{kind, id, relation}, nil
}

// ParseTuple reads "object#relation@subject", such as
// "doc:1#viewer@group:eng#member". The error wraps [ErrInvalid].
func ParseTuple(s string) (Tuple, error) {
	object, rest, named := strings.Cut(s, "#")
	relation, subject, ok := strings.Cut(rest, "@") // ids may hold one, names may not
	if !named || !ok || !name(relation, longestRelation) {
		return Tuple{}, fmt.Errorf("%w: %q is no tuple: write object#relation@subject, such as doc:1#viewer@user:anne", ErrInvalid, s)
	}
	o, err := ParseObject(object)
	if err != nil {
		return Tuple{}, err
	}
	who, err := ParseSubject(subject)
	if err != nil {
		return Tuple{}, err
	}
	return NewTuple(o, relation, who), nil
}

// NewTuple returns the fact that s has the relation to o.
func NewTuple(o Object, relation string, s Subject) Tuple {
	return Tuple{o.Type, o.ID, relation, s.Type, s.ID, s.Relation}
}

// EscapeID returns an id as tuples have it: what others chose (the subject of a token,
// a parameter of a path) may hold ":", "#", "%", white space or be "*", which mean
// something here, and are written percent-encoded (RFC 3986 section 2.1). It
// allocates only then.
func EscapeID(id string) string {
	if id == Everybody {
		return "%2A"
	}
	n := 0
	for i := range len(id) {
		if special(id[i]) {
			n++
		}
	}
	if n == 0 {
		return id
	}
	const digits = "0123456789ABCDEF"
	out := make([]byte, 0, len(id)+2*n)
	for i := range len(id) {
		if c := id[i]; special(c) {
			out = append(out, '%', digits[c>>4], digits[c&15])
		} else {
			out = append(out, c)
		}
	}
	return string(out)
}

func special(c byte) bool { return c <= ' ' || c == 0x7f || c == ':' || c == '#' || c == '%' }

// identifier reports whether id can be that of an object or of everybody.
func identifier(id string) bool {
	if id == "" || len(id) > longestID {
		return false
	}
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c == 0x7f || c == ':' || c == '#' {
			return false
		}
	}
	return true
}

// name reports whether s can name a type or a relation.
func name(s string, longest int) bool {
	if s == "" || len(s) > longest {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == 0x7f || strings.IndexByte(":#@*[](),", c) >= 0 {
			return false
		}
	}
	return true
}
