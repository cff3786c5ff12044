package relations

import "context"

// Relations is a decision point for relations: our own [Engine], a remote OpenFGA, or
// any that speaks AuthZEN. Its methods are safe for concurrent use.
type Relations interface {
	// Check reports whether the subject has the relation to the object. An error is
	// not decided, and so denied. At the zero [Revision] it reads the newest tuples it
	// knows of; at that of an earlier answer exactly what that answer was read from, so
	// that all relations of one decision are of one moment.
	Check(ctx context.Context, at Revision, s Subject, relation string, o Object) (Answer, error)
	// List returns the ids of every object of a type to which the subject has the
	// relation, in order. It returns [ErrTooMany] when they are more than most, and
	// never a part of them.
	List(ctx context.Context, at Revision, s Subject, relation, kind string, most int) (Listing, error)
}

// Revision is what answers are read from. The zero value is the newest there is.
type Revision struct {
	Model  string // of the model: a hash of its text, or a remote's id of it
	Tuples int64  // of the tuples, counted up by each change
}

// Answer is whether a relation is held, and what says so. The zero value is no.
type Answer struct {
	Held bool
	At   Revision
}

// Listing is every object to which a relation is held, and what says so.
type Listing struct {
	IDs []string
	At  Revision
}
