package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
)

// schema writes the schema in Cedar's syntax.
func (p *Policy) schema() string {
	var b strings.Builder
	fmt.Fprintf(&b, "// What policies of %s can speak of: gatehouse policy show --schema\n\n", p.API)
	claims := append([]Attribute{
		{Name: "id", Type: TypeString, Required: true}, {Name: "tenant", Type: TypeString, Required: true},
		{Name: "roles", Type: TypeStrings, Required: true}, {Name: "scopes", Type: TypeStrings, Required: true},
	}, p.claims...)
	fmt.Fprintf(&b, "entity %s, %s = %s;\nentity %s;\n", userType, serviceType, record(claims, ""), apiType)
	for _, name := range p.names {
		p.objects[name].schema(&b)
	}
	for _, id := range p.rest {
		action(&b, id, "", apiType, nil)
	}
	p.graphSchema(&b)
	return b.String()
}

func (t *objectType) schema(b *strings.Builder) {
	fmt.Fprintf(b, "\n// objects.%s\nentity %s = %s;\n", t.name, t.typ, record(t.attributes, ""))
	for _, name := range t.unmapped {
		fmt.Fprintf(b, "// Cedar has no type for the member %s.\n", strconv.Quote(name))
	}
	fmt.Fprintf(b, "action %s;\n", quote(t.called))
	for a := Read; a <= Create; a++ {
		group := t.called
		switch a {
		case List:
			group = t.action(Read)
		case Create:
			group = t.action(Update)
		}
		action(b, t.action(a), group, t.typ, t.relations)
	}
}

// action returns the name of an action on the object.
func (t *objectType) action(a Action) string { return t.called + "." + a.String() }

func action(b *strings.Builder, name, group string, resource cedar.EntityType, relations []string, more ...string) {
	in := ""
	if group != "" {
		in = " in [" + quote(group) + "]"
	}
	context := []string{"now: datetime", "local: { hour: Long, weekday: Long }", "ip: ipaddr", "operation: String"}
	context = append(context, more...)
	if len(relations) > 0 {
		var rel []string
		for _, r := range relations {
			rel = append(rel, key(r)+": Bool")
		}
		context = append(context, "rel: { "+strings.Join(rel, ", ")+" }")
	}
	fmt.Fprintf(b, "action %s%s appliesTo { principal: [%s, %s], resource: [%s], context: { %s } };\n",
		quote(name), in, userType, serviceType, resource, strings.Join(context, ", "))
}

// record writes the type of a record.
func record(list []Attribute, indent string) string {
	if len(list) == 0 {
		return "{}"
	}
	var b strings.Builder
	b.WriteString("{\n")
	for _, a := range list {
		name, typ := key(a.Name), a.Type.String()
		if !a.Required {
			name += "?"
		}
		if a.Type == TypeRecord {
			typ = record(a.Members, indent+"  ")
		}
		fmt.Fprintf(&b, "%s  %s: %s,", indent, name, typ)
		if a.From != "" {
			b.WriteString(" // " + strings.ToValidUTF8(strings.Map(printable, a.From), "?"))
		}
		b.WriteString("\n")
	}
	b.WriteString(indent + "}")
	return b.String()
}

// key writes the name of an attribute: as an identifier where it is one.
func key(name string) string {
	if identifier(name) {
		return name
	}
	return quote(name)
}

// words of the language that are no identifiers.
var keywords = []string{"true", "false", "if", "then", "else", "in", "is", "like", "has", "__cedar"}

func identifier(name string) bool {
	for i, r := range name {
		if r != '_' && !(r >= 'a' && r <= 'z') && !(r >= 'A' && r <= 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != "" && !slices.Contains(keywords, name)
}

// quote writes a string of Cedar's, whose escapes are those of Rust.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// printable keeps what is written into a comment on its line.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return '?'
	}
	return r
}
