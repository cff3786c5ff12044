package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
	"unicode/utf8"
)

// Relations remembers who has which relation to what. What it means is for a model to
// say; here a tuple is six texts.
type Relations interface {
	// Write adds and removes tuples in one step, and returns the revision of it. It
	// does so in the caller's transaction, which must be one of the same database: what
	// else is in there and the tuples are true together or not at all. Without one (nil)
	// it makes its own, and what it returned survives the process. Adding what is there,
	// and removing what is not, is no error. Until the transaction ends others who write
	// wait: the revisions of all are in one order. It returns [ErrInvalid] for a tuple
	// that cannot be kept, for one that is both added and removed, and for more than
	// [MostTuples].
	Write(ctx context.Context, tx *sql.Tx, add, remove []Tuple) (revision int64, err error)
	// List returns at most n tuples that agree with the fields of like that are not "",
	// those after the given one in the order of their fields; after the zero tuple come
	// all.
	List(ctx context.Context, like, after Tuple, n int) ([]Tuple, error)
	// Watch calls changed with every tuple once before it returns, and then with what
	// every change added and removed, never twice at a time. Changes may be told of
	// together, and where not all is known any more everything is told again. stop ends
	// it and waits for a call under way. changed must not call back.
	Watch(changed func(TupleChange)) (stop func(), err error)
	// Checked returns when watchers last were told all that was committed before, or
	// the zero time when nobody watches.
	Checked() time.Time
}

// Tuple says that a subject has a relation to an object. The subject is an object too,
// everybody of a type (SubjectID "*"), or those who have SubjectRelation to it.
type Tuple struct{ Type, ID, Relation, SubjectType, SubjectID, SubjectRelation string }

// TupleChange is what changed.
type TupleChange struct {
	Revision    int64 // after it; each change has a greater one
	Whole       bool  // Add is every tuple that there is
	Add, Remove []Tuple
}

// The limits of what [Relations] takes.
const (
	MostTuples   = 10_000 // of one change
	LongestTuple = 256    // bytes of each part
)

// Check returns an error that wraps [ErrInvalid] for a tuple that cannot be kept.
func (t *Tuple) Check() error {
	for what, s := range map[string]string{"type": t.Type, "id": t.ID, "relation": t.Relation, "subject's type": t.SubjectType, "subject's id": t.SubjectID} {
		if s == "" {
			return fmt.Errorf("%w: a tuple without %s", ErrInvalid, what)
		}
	}
	for _, s := range []string{t.Type, t.ID, t.Relation, t.SubjectType, t.SubjectID, t.SubjectRelation} {
		if len(s) > LongestTuple || !utf8.ValidString(s) || !printing(s) {
			return fmt.Errorf("%w: the parts of a tuple are UTF-8 without control characters, %d bytes at most", ErrInvalid, LongestTuple)
		}
	}
	return nil
}

func printing(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// CheckTuples returns an error that wraps [ErrInvalid] for a change that cannot be
// made.
func CheckTuples(add, remove []Tuple) error {
	if len(add)+len(remove) > MostTuples {
		return fmt.Errorf("%w: more than %d tuples in one change", ErrInvalid, MostTuples)
	}
	added := make(map[Tuple]bool, len(add))
	for i := range add {
		if err := add[i].Check(); err != nil {
			return err
		}
		added[add[i]] = true
	}
	for i := range remove {
		if err := remove[i].Check(); err != nil {
			return err
		}
		if added[remove[i]] {
			return fmt.Errorf("%w: a tuple is both added and removed", ErrInvalid)
		}
	}
	return nil
}
