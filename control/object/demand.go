package object

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// covered is what the objects have to do with one operation.
type covered struct {
	objects   []string       // that it touches
	each      *jsonwalk.Path // of a list's elements
	path      bool           // a parameter of its path is checked
	positions []string       // "query.orderId", checked or said to be an owner's or a tenant's
}

// by notes what a rule checks.
func (c *covered) by(r *rule) {
	for _, p := range r.names {
		c.path = c.path || p.in == inPath
		c.positions = append(c.positions, p.String())
	}
	if r.each != nil {
		c.each = r.each
	}
	for _, f := range [...]field{r.owner, r.tenant} {
		c.path = c.path || f.param != ""
		if f.path != nil {
			c.positions = append(c.positions, "body."+f.path.String())
		}
	}
}

// String returns the position as it is written in a configuration.
func (p position) String() string {
	return [...]string{"path.", "query.", "header.", "body."}[p.in] + p.name
}

// waived refuses an operation that names an object which nobody checks, and which
// nobody answers for.
func (c *Config) waived(b *gatehouse.Build, seen *covered) error {
	op := b.Operation
	w, key := c.NoObject[op.ID()], "no_object."+op.ID()
	if id := c.stray(b); id != "" {
		return &gatehouse.Fault{Key: "no_object." + id, Says: "there is no such operation", Fix: "an operationId of the description"}
	}
	open := strings.Contains(op.Template(), "{") && !seen.path
	loose := c.loose(op, seen)
	switch {
	case w != nil && len(seen.objects) > 0 && !open && loose == "":
		return &gatehouse.Fault{Key: key, Says: "an object covers this operation already", Fix: "remove the waiver"}
	case w != nil && w.Expired(b.Now()):
		return &gatehouse.Fault{Key: key, Says: "the waiver ended on " + w.Until.Format("2006-01-02"), Fix: "an object for this operation, or a new date"}
	case w != nil, b.Public != nil, !open && loose == "":
		return nil
	}
	waiver := fmt.Sprintf("no_object: {%s: {because: why, owner: who@example.com, until: 2027-06-30}}", op.ID())
	if open {
		return &gatehouse.Fault{
			Key:  "objects",
			Says: fmt.Sprintf("%s has an id in its path (%s), and no object says whose it is", op.ID(), op.Template()),
			Fix:  fmt.Sprintf("objects: {NAME: {id: path.%s, owner: response.FIELD}}, or %s", lastParam(op.Template()), waiver),
		}
	}
	return &gatehouse.Fault{
		Key:  "objects",
		Says: fmt.Sprintf("%s names an object in %s, and no object says whose it is", op.ID(), loose),
		Fix:  fmt.Sprintf("ids: {%s: [%s]} in that object, or %s", op.ID(), loose, waiver),
	}
}

// settles refuses waivers for members of power that have ended or are for nothing.
func (c *Config) settles(b *gatehouse.Build) error {
	for _, name := range slices.Sorted(maps.Keys(c.Settable)) {
		dot := strings.LastIndexByte(name, '.')
		i := slices.IndexFunc(b.All, func(op gatehouse.Operation) bool { return dot > 0 && op.ID() == name[:dot] })
		switch {
		case i < 0 || !takes(b.All[i], name[dot+1:]):
			return &gatehouse.Fault{Key: "settable." + name, Says: "there is no such member of an operation's body", Fix: "operationId.member"}
		case b.All[i].ID() == b.Operation.ID() && c.Settable[name].Expired(b.Now()):
			return &gatehouse.Fault{Key: "settable." + name, Says: "the waiver ended on " + c.Settable[name].Until.Format("2006-01-02"), Fix: "a rule for the member (fields: {write: {\"role:admin\": [" + name[dot+1:] + "]}} of its object), or a new date"}
		}
	}
	return nil
}

// takes reports whether the body of an operation declares a member. Of an operation that
// tells no more than its path, nobody knows.
func takes(op gatehouse.Operation, member string) bool {
	described, ok := op.(*openapi.Operation)
	if !ok || described.RequestBody == nil {
		return !ok
	}
	return slices.ContainsFunc(described.RequestBody.Content, func(m openapi.MediaType) bool { return m.Schema != nil && m.Schema.Property(member) != nil })
}

// stray returns an operation of no_object that does not exist, or "". A description
// may have a thousand operations, and each is compiled.
func (c *Config) stray(b *gatehouse.Build) (first string) {
	if len(c.NoObject) == 0 {
		return ""
	}
	known := make(map[string]bool, len(b.All))
	for _, o := range b.All {
		known[o.ID()] = true
	}
	for id := range c.NoObject {
		if !known[id] && (first == "" || id < first) {
			first = id
		}
	}
	return first
}

func lastParam(template string) string {
	_, name, _ := strings.Cut(template[strings.LastIndexByte(template, '{'):], "{")
	name, _, _ = strings.Cut(name, "}")
	return name
}

// loose returns a declared position of an operation that names an object and is not
// checked, or "": a parameter or a member of the body that is called like the id of
// an object, and id and ids in the query of an operation that touches none.
func (c *Config) loose(op gatehouse.Operation, seen *covered) string {
	described, ok := op.(*openapi.Operation)
	if !ok {
		return ""
	}
	called := c.called()
	for _, p := range described.Parameters {
		if p.In != "query" && p.In != "header" {
			continue
		}
		bare := plain(p.Name)
		at := p.In + "." + p.Name
		if (called[bare] || p.In == "query" && len(seen.objects) == 0 && (bare == "id" || bare == "ids")) && !slices.Contains(seen.positions, at) {
			return at
		}
	}
	if described.RequestBody == nil || len(called) == 0 {
		return ""
	}
	for i := range described.RequestBody.Content {
		s := described.RequestBody.Content[i].Schema
		if s == nil {
			continue
		}
		l := looseMembers{called: called, seen: seen, at: map[*openapi.Schema]bool{}}
		if l.look(s, "body"); l.found != "" {
			return l.found
		}
	}
	return ""
}

// called are the names that the ids of the objects go by: "orderid" and "orderids".
func (c *Config) called() map[string]bool {
	names := map[string]bool{}
	for name, o := range c.Objects {
		_, id, _ := strings.Cut(o.ID, ".")
		id = id[strings.LastIndexAny(id, ".*]")+1:]
		for _, n := range [...]string{plain(id), plain(name) + "id"} {
			if n != "id" && n != "" {
				names[n], names[n+"s"] = true, true
			}
		}
	}
	return names
}

// plain is a name as it is compared: orderId, order_id and X-Order-ID are one.
func plain(name string) string {
	name = strings.ToLower(name)
	name = strings.TrimPrefix(name, "x-")
	return strings.NewReplacer("_", "", "-", "", "[]", "").Replace(name)
}

// looseMembers looks for members of a body that are called like ids.
type looseMembers struct {
	called map[string]bool
	seen   *covered
	at     map[*openapi.Schema]bool
	found  string
}

func (l *looseMembers) look(s *openapi.Schema, path string) {
	if l.at[s] || l.found != "" {
		return
	}
	l.at[s] = true
	s.Below(func(name string, element bool, of *openapi.Schema) {
		at := path + "." + name
		if element {
			at = path + "[*]"
		}
		switch {
		case l.found != "":
		case !element && l.called[plain(name)] && !slices.ContainsFunc(l.seen.positions, func(p string) bool { return p == at || strings.HasPrefix(p, at+"[") }):
			l.found = at
		default:
			l.look(of, at)
		}
	})
}
