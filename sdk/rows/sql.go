package rows

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/sdk/rows/internal/guard"
)

// table is where an application keeps the objects of one type.
type table struct {
	object  string // "order"
	entity  cedar.EntityType
	name    string
	id      Column
	columns map[string]Column           // by attribute
	parents map[cedar.EntityType]Column // by type: who the object is in
}

// writer writes one predicate. Every value is a parameter: nothing but names of
// columns and operators enters the text.
type writer struct {
	table     *table
	dialect   Dialect
	qualifier string              // quoted, with a dot behind it
	next      int                 // number of the next placeholder
	related   map[string][]string // ids, by relation; nil where nobody knows relations

	text []byte
	args []any
}

// residual writes what is left of policies. The error names the policy that is not
// to be said in SQL.
func (w *writer) residual(r cedar.Residual) error {
	if len(r.Permits) == 0 || slices.ContainsFunc(r.Forbids, certain) {
		w.put("FALSE")
		return nil
	}
	if err := w.terms(r.Permits); err != nil || len(r.Forbids) == 0 {
		return err
	}
	w.put(" AND NOT ")
	return w.terms(r.Forbids)
}

// certain reports whether a policy holds for every row.
func certain(t cedar.Term) bool {
	return t.When == cedar.Expr(cedar.Literal{Value: cedar.Boolean(true)})
}

func (w *writer) terms(terms []cedar.Term) error {
	w.put("(")
	for i, t := range terms {
		if i > 0 {
			w.put(" OR ")
		}
		err := guarded(t.When, nil)
		if err == nil {
			err = w.condition(t.When)
		}
		if err != nil {
			return fmt.Errorf("policy %s at %s: %w", t.Policy.ID, t.Policy.Place(), err)
		}
	}
	w.put(")")
	return nil
}

func (w *writer) put(text string) { w.text = append(w.text, text...) }

// condition writes what is true or false of a row, and never NULL.
func (w *writer) condition(x cedar.Expr) error {
	switch x := x.(type) {
	case cedar.And:
		return w.joined(" AND ", x)
	case cedar.Or:
		return w.joined(" OR ", x)
	case cedar.Not:
		w.put("NOT (")
		err := w.condition(x.X)
		w.put(")")
		return err
	case cedar.Compare:
		return w.compare(x)
	case cedar.OneOf:
		return w.oneOf(x.X, x.Values)
	case cedar.In:
		return w.in(x)
	case cedar.Has:
		c, err := w.column(x.Attribute)
		w.put("(" + w.name(c) + " IS NOT NULL)")
		return err
	case cedar.Relation:
		return w.relation(x)
	case cedar.Attribute:
		c, err := w.column(x)
		w.put(w.name(c))
		return err
	case cedar.Literal:
		if b, ok := x.Value.(cedar.Boolean); ok {
			w.truth(bool(b))
			return nil
		}
	case cedar.Contains:
		_, err := w.column(x.Set)
		return err
	}
	return fmt.Errorf("%T is no condition on rows", x)
}

func (w *writer) truth(b bool) {
	if b {
		w.put("TRUE")
	} else {
		w.put("FALSE")
	}
}

func (w *writer) joined(by string, all []cedar.Expr) error {
	w.put("(")
	for i, x := range all {
		if i > 0 {
			w.put(by)
		}
		if err := w.condition(x); err != nil {
			return err
		}
	}
	w.put(")")
	return nil
}

// column returns where an attribute is kept.
func (w *writer) column(a cedar.Attribute) (Column, error) {
	c, ok := w.table.columns[a.Name]
	switch {
	case !ok && a.Type.Kind == cedar.KindSet:
		return c, fmt.Errorf("resource.%s is a set, which is no column: make it a relation, or a table of its own", a.Name)
	case !ok:
		return c, fmt.Errorf("resource.%s has no column; write it into objects.%s.table.columns", a.Name, w.table.object)
	}
	return c, fits(a.Type, c.Type)
}

// fits reports whether a column's type can hold the values of an attribute's.
func fits(t cedar.Type, c ColumnType) error {
	ok := false
	switch t.Kind {
	case cedar.KindString, cedar.KindEntity:
		ok = c == Text || c == Integer || c == UUID
	case cedar.KindLong:
		ok = c == Integer
	case cedar.KindBool:
		ok = c == Boolean
	}
	if !ok {
		return fmt.Errorf("a %s cannot be kept in a column of %s", t, c)
	}
	return nil
}

// name is a column as it stands in a predicate. It is qualified, or inside of a
// subquery it might be another table's.
func (w *writer) name(c Column) string {
	name := w.qualifier + guard.Ident(c.Name)
	if w.dialect == SQLite && c.Type == Text {
		return name + " COLLATE BINARY" // the column's own may be NOCASE
	}
	return name
}

// operand returns the column that an operand is kept in.
func (w *writer) operand(x cedar.Expr) (Column, error) {
	switch x := x.(type) {
	case cedar.Self:
		return w.table.id, nil
	case cedar.Attribute:
		return w.column(x)
	}
	return Column{}, fmt.Errorf("%T is no column", x)
}

var operators = map[cedar.Op]string{cedar.Equal: " = ", cedar.NotEqual: " <> ", cedar.Less: " < ", cedar.LessEqual: " <= ", cedar.Greater: " > ", cedar.GreaterEqual: " >= "}

func (w *writer) compare(x cedar.Compare) error {
	left, err := w.operand(x.Left)
	if err != nil {
		return err
	}
	if v, ok := x.Right.(cedar.Literal); ok {
		arg, possible, err := value(v, left.Type)
		switch {
		case err != nil:
			return err
		case !possible: // no row holds it
			w.truth(x.Op == cedar.NotEqual)
			return nil
		}
		w.put("(" + w.name(left) + operators[x.Op])
		w.arg(arg, cast[left.Type])
		w.put(")")
		return nil
	}
	right, err := w.operand(x.Right)
	if err != nil {
		return err
	}
	l, r := w.name(left), w.name(right)
	if left.Type != right.Type { // two texts, one of them kept as a number
		l, r = w.asText(left), w.asText(right)
	}
	w.put("(" + l + operators[x.Op] + r + ")")
	return nil
}

// asText is the text that policies know a column's value by.
func (w *writer) asText(c Column) string {
	if c.Type == Text {
		return w.name(c)
	}
	return "CAST(" + w.name(c) + " AS text)"
}

// oneOf writes that an operand is one of some values.
func (w *writer) oneOf(x cedar.Expr, values []cedar.Literal) error {
	c, err := w.operand(x)
	if err != nil {
		return err
	}
	args, err := possible(values, c.Type)
	if err != nil {
		return err
	}
	w.among(c, args)
	return nil
}

// possible returns the values that a column of the type can hold, as arguments.
func possible(values []cedar.Literal, t ColumnType) ([]any, error) {
	args := make([]any, 0, len(values))
	for _, v := range values {
		arg, ok, err := value(v, t)
		if err != nil {
			return nil, err
		}
		if ok {
			args = append(args, arg)
		}
	}
	return args, nil
}

// among writes that a column is one of some values, which is false of none.
func (w *writer) among(c Column, args []any) {
	switch {
	case len(args) == 0:
		w.put("FALSE")
	case len(args) == 1:
		w.put("(" + w.name(c) + " = ")
		w.arg(args[0], cast[c.Type])
		w.put(")")
	case w.dialect == PostgreSQL:
		// One text of the statement, and one plan, however many there are.
		w.put("(" + w.name(c) + " = ANY (")
		w.arg(array(args), cast[c.Type]+"[]")
		w.put("))")
	default:
		w.put("(" + w.name(c) + " IN (")
		for i, a := range args {
			if i > 0 {
				w.put(", ")
			}
			w.arg(a, "")
		}
		w.put("))")
	}
}

// in writes that the object is one of some entities, or in one of them.
func (w *writer) in(x cedar.In) error {
	var types []cedar.EntityType
	values := map[cedar.EntityType][]cedar.Literal{}
	for _, e := range x.Entities {
		if values[e.Type] == nil {
			types = append(types, e.Type)
		}
		values[e.Type] = append(values[e.Type], cedar.Literal{Value: e})
	}
	w.put("(")
	for i, t := range types {
		if i > 0 {
			w.put(" OR ")
		}
		if t == w.table.entity {
			if err := w.oneOf(cedar.Self{Type: t}, values[t]); err != nil {
				return err
			}
			continue
		}
		if err := w.parent(t, values[t]); err != nil {
			return err
		}
	}
	w.put(")")
	return nil
}

func (w *writer) parent(t cedar.EntityType, values []cedar.Literal) error {
	c, ok := w.table.parents[t]
	if !ok {
		return fmt.Errorf("no column says which %s a resource is in", t)
	}
	args, err := possible(values, c.Type)
	if err != nil {
		return err
	}
	w.put("(" + w.name(c) + " IS NOT NULL AND ") // an object may be in none
	w.among(c, args)
	w.put(")")
	return nil
}

// relation writes that the object is one of those that the caller has a relation to.
func (w *writer) relation(x cedar.Relation) error {
	ids, ok := w.related[x.Name]
	if !ok {
		return fmt.Errorf("it reads context.rel.%s, and there is nobody to ask for relations; write: rows.Open(bundle, dialect, rows.WithRelations(...))", x.Name)
	}
	values := make([]cedar.Literal, len(ids))
	for i, id := range ids {
		values[i] = cedar.Literal{Value: cedar.String(id)}
	}
	return w.oneOf(cedar.Self{Type: w.table.entity}, values)
}

// arg writes a placeholder.
func (w *writer) arg(v any, cast string) {
	w.args = append(w.args, v)
	if w.dialect == SQLite {
		w.put("?")
		return
	}
	w.put("$")
	w.text = strconv.AppendInt(w.text, int64(w.next), 10)
	w.put(cast)
	w.next++
}
