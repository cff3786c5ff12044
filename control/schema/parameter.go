package schema

import (
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// parameter is one declared parameter, or one field of a form, ready to be
// compared. How values are written is that of OpenAPI 3.1 section 4.8.12 and of
// RFC 6570, which it builds on.
type parameter struct {
	name     string
	schema   *openapi.Schema // nil accepts any text within bounds
	node     *node
	shape    shape
	required bool

	repeats   bool   // each element comes as a parameter of its own
	spread    bool   // each member comes as a parameter of its own, by its own name
	deep      bool   // members come as name[member]
	brackets  bool   // of a form: repeats and deep are both taken, since nothing is written about it
	reserved  bool   // allowReserved
	empty     bool   // allowEmptyValue
	literal   bool   // of a cookie: nothing is escaped
	separator byte   // between elements of one value
	prefix    string // before the value
	each      string // before every element
	pairs     bool   // members of one value come as member=value

	part *part // of multipart/form-data
}

// parameterOf prepares a parameter.
func (m nodes) parameterOf(p *openapi.Parameter) parameter {
	q := parameter{name: p.Name, schema: p.Schema, node: m.of(p.Schema), required: p.Required, reserved: p.Reserved, empty: p.Empty && p.In == "query", separator: ','}
	if q.shape = q.node.shape; p.JSON {
		q.shape = document
		return q
	}
	q.styled(p.Style, p.Explode)
	return q
}

// styled says how a value is written.
func (q *parameter) styled(style string, explode bool) {
	list := q.shape == array || q.shape == object
	q.pairs = explode && q.shape == object
	switch style {
	case "form", "cookie":
		q.literal = style == "cookie"
		q.repeats, q.spread = explode && q.shape == array, explode && q.shape == object
	case "deepObject":
		q.deep = q.node.holds(openapi.TypeArray | openapi.TypeObject)
	case "spaceDelimited", "pipeDelimited":
		if q.separator = ' '; style == "pipeDelimited" {
			q.separator = '|'
		}
		q.repeats, q.spread = explode && q.shape == array, explode && q.shape == object
	case "label":
		if q.prefix = "."; explode && list {
			q.separator = '.'
		}
	case "matrix":
		switch q.prefix = ";" + q.name + "="; {
		case explode && q.shape == array:
			q.prefix, q.separator, q.each = ";", ';', q.name+"="
		case explode && q.shape == object:
			q.prefix, q.separator = ";", ';'
		}
	}
}

// bare reports whether a value may come by the parameter's own name: of several,
// also one whose members come by brackets may be a text instead.
func (q *parameter) bare() bool { return !q.spread && (!q.deep || q.shape == scalar) }

// gathers reports whether the parts of a value are parameters of their own.
func (q *parameter) gathers() bool { return q.repeats || q.spread || q.deep }

// form is one declared form.
type form struct {
	fields []parameter
	node   *node
	parts  bool // multipart/form-data; otherwise application/x-www-form-urlencoded
}

// formOf prepares the members of a form as if they were parameters. They are
// written as their encoding says; where it says nothing, lists repeat the name,
// with or without brackets, and objects come by names with brackets or as a JSON
// document.
func (m nodes) formOf(t *openapi.MediaType, parts bool) *form {
	f := &form{node: m.of(t.Schema), parts: parts}
	if t.Schema == nil {
		return f
	}
	names := t.Schema.Properties()
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		s := t.Schema.Property(name)
		q := parameter{name: name, schema: s, node: m.of(s), separator: ','}
		q.shape = q.node.shape
		e := t.EncodingOf(name)
		switch {
		case e != nil && e.Style == "" && len(e.Types) == 1 && openapi.IsJSON(e.Types[0]):
			q.shape = document
		case e == nil || e.Style == "":
			q.brackets = true
		default:
			q.reserved = e.Reserved
			q.styled(e.Style, e.Explode)
		}
		if parts {
			q.part = m.partOf(&q, e)
		}
		f.fields = append(f.fields, q)
	}
	return f
}

// find returns the parameter that a decoded name belongs to, or -1. What belongs
// to nobody belongs to an object whose members are not all declared.
func find(list []parameter, name []byte) int {
	for i := range list {
		if list[i].name == string(name) && list[i].bare() {
			return i
		}
	}
	for i := range list {
		p := &list[i]
		switch {
		case p.deep:
			if bracketed(name, p.name) {
				return i
			}
		case p.spread:
			if p.node.members[string(name)] != nil {
				return i
			}
		}
	}
	open := -1
	for i := range list {
		if list[i].spread && list[i].node.open {
			open = i
		}
		if strings.EqualFold(list[i].name, str(name)) {
			return -1 // a program may take the one name for the other
		}
	}
	return open
}

// bracketed reports name[...].
func bracketed(name []byte, of string) bool {
	n := len(of)
	return len(name) >= n+2 && string(name[:n]) == of && name[n] == '[' && name[len(name)-1] == ']'
}
