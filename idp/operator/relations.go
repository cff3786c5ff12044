package operator

import (
	"context"
	"fmt"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/relations"
	"github.com/gatehouse-api/gatehouse/store"
)

// RelationModel is the model of relations of one API.
type RelationModel struct {
	API   string
	Model *relations.Model
}

// tuplesShown is how many tuples of a change stand in its record.
const tuplesShown = 100

// Relations lists the tuples that agree with the fields of like that are not "", those
// after the given one, and reports whether there are more. They are the operator's:
// tuples are of no tenant.
func (d *Desk) Relations(ctx context.Context, by By, like, after store.Tuple, most int) (list []store.Tuple, more bool, err error) {
	if err := by.everywhere(); err != nil {
		return nil, false, err
	}
	most = min(most, pageMost)
	list, err = d.Store.Relations().List(ctx, like, after, most+1)
	return list[:min(len(list), most)], len(list) > most, err
}

// WriteRelations adds and removes tuples in one step, and returns the revision. What is
// added must make sense under the model of one API; what is removed may be left of a
// model before.
func (d *Desk) WriteRelations(ctx context.Context, by By, add, remove []store.Tuple) (revision int64, err error) {
	if err := by.everywhere(); err != nil {
		return 0, err
	}
	if err := by.reasoned(); err != nil {
		return 0, err
	}
	if len(add)+len(remove) == 0 {
		return 0, invalid("there is no tuple")
	}
	for _, t := range add {
		if err := d.permitted(relations.Tuple(t)); err != nil {
			return 0, err
		}
	}
	if revision, err = d.Store.Relations().Write(ctx, nil, add, remove); err != nil {
		return 0, err
	}
	d.record(ctx, &by, "relations.write", fmt.Sprintf("revision %d, %d added, %d removed", revision, len(add), len(remove)), shownTuples(remove), shownTuples(add))
	return revision, nil
}

// permitted refuses a tuple that no model has a place for.
func (d *Desk) permitted(t relations.Tuple) error {
	if len(d.Related) == 0 {
		return invalid("no API has a model of relations: relations: FILE in its block says what tuples mean")
	}
	var says []string
	for _, m := range d.Related {
		err := m.Model.Valid(t)
		if err == nil {
			return nil
		}
		says = append(says, m.API+": "+strings.ReplaceAll(err.Error(), relations.ErrInvalid.Error()+": ", ""))
	}
	return invalid("%s", strings.Join(says, "; "))
}

// shownTuples is tuples for the record: nil where there are none.
func shownTuples(list []store.Tuple) any {
	if len(list) == 0 {
		return nil
	}
	var out []string
	for i, t := range list {
		if i == tuplesShown {
			return append(out, fmt.Sprintf("and %d more", len(list)-i))
		}
		out = append(out, relations.Tuple(t).String())
	}
	return out
}
