package rows

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/bundle"
	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/words"
	"github.com/gatehouse-api/gatehouse/sdk/identity"
)

// Policy is an API's authorization, as its gateway has it. It is safe for use by many
// goroutines.
type Policy struct {
	dialect   Dialect
	bundle    *bundle.Bundle
	objects   map[string]*object
	relations Relations
	now       func() time.Time
}

// object is one kind of object, and what is asked of it.
type object struct {
	table   *table // nil where the bundle does not say where it is kept
	actions map[string]*asked
	related []string // relations that the context has
}

// asked is one action on one kind of object.
type asked struct {
	action    cedar.EntityUID
	rules     *cedar.Rules
	scene     *bundle.Scene
	operation string // the one that does it, "" where several do
}

// Relations knows which objects a caller is related to: a relations engine, or the
// application's own tables.
type Relations interface {
	// List returns for each of the relations the ids of every object of the kind to
	// which the caller has it: all of them, and all from one moment. Where one list
	// would be longer than most, the error wraps [ErrTooMany].
	List(ctx context.Context, who identity.Identity, relations []string, kind string, most int) ([][]string, error)
}

// An OpenOption is a choice for [Open].
type OpenOption func(*Policy)

// WithRelations says who is asked for relations (context.rel). Without, a policy that
// reads one is an error.
func WithRelations(r Relations) OpenOption { return func(p *Policy) { p.relations = r } }

// WithClock says what time it is where policies read the clock (context.now,
// context.local): for tests. Without, it is [time.Now].
func WithClock(now func() time.Time) OpenOption { return func(p *Policy) { p.now = now } }

// Open reads the bundle that `gatehouse policy export` has written, and compiles its
// policies for a kind of database.
func Open(text []byte, d Dialect, options ...OpenOption) (*Policy, error) {
	if int(d) >= len(dialects) {
		return nil, fmt.Errorf("rows: %s is not known", d)
	}
	b, err := bundle.Read(text)
	if err != nil {
		return nil, fmt.Errorf("rows: %w", err)
	}
	p := &Policy{dialect: d, bundle: b, objects: map[string]*object{}, now: time.Now}
	for name, o := range b.Objects {
		if p.objects[name], err = p.object(name, o); err != nil {
			return nil, fmt.Errorf("rows: objects.%s: %w", name, err)
		}
	}
	for _, o := range options {
		o(p)
	}
	return p, nil
}

func (p *Policy) object(name string, b *bundle.Object) (*object, error) {
	o := &object{actions: map[string]*asked{}, related: b.Relations}
	set := p.bundle.Set()
	for _, action := range set.Actions() {
		does, ok := strings.CutPrefix(string(action.ID), name+".")
		if !ok || !slices.Contains(set.Resources(action), b.Type) {
			continue
		}
		a := &asked{action: action, rules: set.Rules(action, b.Type)}
		a.scene = bundle.NewScene(a.rules.Reads(), p.bundle.Location())
		if ids := b.Operations[does]; len(ids) == 1 {
			a.operation = ids[0]
		}
		o.actions[does] = a
	}
	if b.Table == nil {
		return o, nil
	}
	var err error
	o.table, err = p.table(name, b)
	return o, err
}

// table reads where an object's attributes are kept.
func (p *Policy) table(name string, b *bundle.Object) (*table, error) {
	t := &table{object: name, entity: b.Type, name: b.Table.Name, columns: map[string]Column{}}
	if err := check(t.name); err != nil {
		return nil, fmt.Errorf("table.name: %w", err)
	}
	var err error
	if t.id, err = parseColumn(b.Table.ID); err != nil || t.id.Type == Boolean {
		return nil, errors.Join(err, errors.New("table.id: it is no column that an id can be kept in"))
	}
	said := maps.Clone(b.Table.Columns)
	if said == nil {
		said = map[string]string{}
	}
	for attribute, column := range map[string]string{"owner": b.Table.Owner, "tenant": b.Table.Tenant} {
		if column != "" {
			said[attribute] = column
		}
	}
	for _, a := range p.bundle.Set().Attributes(b.Type) {
		c := Column{Name: a.Name, Type: natural(a.Type)}
		text, ok := said[a.Name]
		switch {
		case ok:
			if c, err = parseColumn(text); err == nil && !strings.Contains(strings.TrimSpace(text), " ") {
				c.Type = natural(a.Type)
			}
			if err == nil {
				err = fits(a.Type, c.Type)
			}
			if err != nil {
				return nil, fmt.Errorf("table.columns.%s: %w", a.Name, err)
			}
		case a.Name == "id":
			c = t.id
		case a.Name == "owner", fits(a.Type, c.Type) != nil:
			continue // nobody has said where, or no column could hold it
		}
		t.columns[a.Name] = c
		delete(said, a.Name)
	}
	if len(said) > 0 {
		unknown, known := slices.Sorted(maps.Keys(said))[0], slices.Sorted(maps.Keys(t.columns))
		if near := words.Nearest(unknown, known); near != "" {
			return nil, fmt.Errorf("table.columns.%s: policies know no such attribute; write %s", unknown, near)
		}
		return nil, fmt.Errorf("table.columns.%s: policies know no such attribute; they know %s", unknown, strings.Join(known, ", "))
	}
	return t, nil
}

// natural is the type of column that an attribute is kept in where nothing is said.
func natural(t cedar.Type) ColumnType {
	switch t.Kind {
	case cedar.KindLong:
		return Integer
	case cedar.KindBool:
		return Boolean
	}
	return Text
}

// find returns an object and an action on it.
func (p *Policy) find(name, action string) (*object, *asked, error) {
	o, ok := p.objects[name]
	if !ok {
		return nil, nil, fmt.Errorf("rows: the bundle of %s knows no object %q; it knows %s", p.bundle.API, name, strings.Join(slices.Sorted(maps.Keys(p.objects)), ", "))
	}
	a, ok := o.actions[action]
	switch {
	case !ok:
		return nil, nil, fmt.Errorf("rows: nothing called %q is done to %s; known are %s", action, name, strings.Join(slices.Sorted(maps.Keys(o.actions)), ", "))
	case o.table == nil:
		return nil, nil, fmt.Errorf("%w: %s; write into gatehouse.yaml: objects: {%s: {table: {name: %ss, tenant: tenant_id, owner: owner_id}}}, and export anew", ErrNoTable, name, name, name)
	}
	return o, a, nil
}
