package policytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// decide asks the policies about every row of a listing.
func (w *World) decide(l *Listing) ([]cedar.Decision, error) {
	s, err := w.policy.Subject(l.Caller)
	if err != nil {
		return nil, err
	}
	out := make([]cedar.Decision, len(l.Rows))
	for i, row := range l.Rows {
		d, _, err := w.askFor(l.Caller, s, Question{Action: l.Action, Object: l.Object, ID: row.ID}, row.Given)
		if err != nil {
			return nil, err
		}
		out[i] = d
	}
	return out, nil
}

// compare puts a listing through SQL, and returns the case of it and, where SQL and
// policies differ, a failure of its own.
func (r *run) compare(ctx context.Context, c Case, line int, l *Listing, by []cedar.Decision) []Case {
	c.Lists = l.Object
	name := c.Name + ", in SQL"
	fail := func(says, fix string) []Case {
		return []Case{c, {Name: name, Err: &Error{r.World.file, line, c.Name + ": " + says, fix}}}
	}
	s, err := r.filter(ctx, l)
	if not, ok := errors.AsType[*Unfiltered](err); ok {
		c.Unfiltered = not.Why
		if r.all.sql {
			return fail("the list was not put through SQL: "+not.Why, "policies that SQL can say, and objects."+l.Object+".table; or take sql: all out of coverage")
		}
		return []Case{c}
	}
	if err != nil {
		return fail("the list cannot be selected by SQL: "+err.Error(), "what objects."+l.Object+".table says of the table (docs/rows.md)")
	}
	for i, row := range l.Rows {
		_, bySQL := slices.BinarySearch(s.Rows, i)
		if _, left := slices.BinarySearch(s.Left, i); !left && bySQL != by[i].Allowed {
			return fail(r.differs(l, row, by[i], bySQL)+r.answers(l, s, by), "objects."+l.Object+".table as the application's table is; where it is, this is a fault of Gatehouse: please report it")
		}
	}
	return []Case{c}
}

// differs says on which row policies and SQL differ, and which policies decided.
func (r *run) differs(l *Listing, row Row, d cedar.Decision, bySQL bool) string {
	which := l.Object + "/" + row.ID
	if row.Like != "" {
		which = "a row that was made up (" + row.Like + ")"
	}
	because := r.World.because(d)
	if len(d.Deciding()) == 0 {
		var spoken []string
		for _, p := range r.World.policy.Template(l.Object, l.Action).Policies() {
			spoken = append(spoken, fmt.Sprintf("%s (%s)", p.ID, r.place(p)))
		}
		because += " of " + strings.Join(spoken, ", ")
	}
	in := map[bool]string{true: "is in the list", false: "is not in the list"}
	return fmt.Sprintf("policies and SQL differ: %s %s by SQL, and %s by the policies: %s", which, in[bySQL], in[d.Allowed], because)
}

// answers are both lists in full, as far as rows were given.
func (r *run) answers(l *Listing, s Selection, by []cedar.Decision) string {
	var cedars, sqls []string
	for i, row := range l.Rows {
		if row.Like != "" {
			continue
		}
		if by[i].Allowed {
			cedars = append(cedars, row.ID)
		}
		if slices.Contains(s.Rows, i) {
			sqls = append(sqls, row.ID)
		}
	}
	return fmt.Sprintf("\n  policies: [%s]\n  SQL:      [%s] by WHERE %s with %s", strings.Join(cedars, ", "), strings.Join(sqls, ", "), s.Predicate, strings.Join(s.Args, ", "))
}

// Lists says how many lists were put through SQL too, and of which objects some were
// not, and why; "" where there are no lists.
func (r *Result) Lists() string {
	through, not := 0, 0
	var why []string
	for _, c := range slices.Concat(r.Cases, r.Generated) {
		switch {
		case c.Lists == "":
		case c.Unfiltered == "":
			through++
		default:
			not++
			if w := c.Lists + ": " + c.Unfiltered; !slices.Contains(why, w) {
				why = append(why, w)
			}
		}
	}
	switch {
	case through+not == 0:
		return ""
	case not == 0:
		return fmt.Sprintf("lists: %d through SQL", through)
	}
	return fmt.Sprintf("lists: %d through SQL, %d not (%s)", through, not, strings.Join(why, "; "))
}

// list asks for each object whether it stands in the caller's list, and then SQL for
// all at once.
func (r *run) list(ctx context.Context, e expectation) []Case {
	c, q := Case{Name: e.text}, e.question[0]
	l, err := r.World.Listing(q)
	if err != nil {
		c.Err = r.fail(e, err.Error(), "")
		return []Case{c}
	}
	by, err := r.World.decide(l)
	var got []string
	for i, row := range l.Rows {
		if err != nil || row.Like != "" {
			continue
		}
		q.ID = row.ID
		r.note(by[i])
		r.heard(q)
		if err = by[i].Err(); by[i].Allowed {
			got = append(got, row.ID)
		}
	}
	if err != nil {
		c.Err = r.fail(e, "this cannot be decided: "+err.Error(), "what is missing, under given")
		return []Case{c}
	}
	if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(e.ids))) {
		c.Err = r.fail(e, fmt.Sprintf("the list is [%s]", strings.Join(got, ", ")), "")
	}
	return r.compare(ctx, c, e.line, l, by)
}

// strange puts the list of somebody through SQL in which an object of another's is.
func (r *run) strange(ctx context.Context, c Case, caller policy.Caller, object string, theirs Row) []Case {
	l := r.World.listing(caller, Question{Action: policy.List, Object: object})
	theirs.Like = "a stranger's " + object
	l.Rows = []Row{theirs}
	r.World.madeUp(l)
	by, err := r.World.decide(l)
	if err != nil {
		return []Case{c} // the case says so
	}
	return r.compare(ctx, c, r.line, l, by)
}
