package policytest

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// The bounds of what is made up.
const (
	maxBases  = 50    // objects that others are made up from
	maxMade   = 1_000 // rows that are
	maxValues = 16    // that one attribute is given
)

// maker makes rows up for one listing.
type maker struct {
	*World
	*Listing
	names synthetic
	left  int // rows that may still be made
}

// madeUp adds what must not be mistaken for the rows that are there, nor for an object
// of the caller's own: the same in another's name or another tenant, and with every
// value that something in the policies could turn on.
func (w *World) madeUp(l *Listing) {
	m := &maker{w, l, names(w.policy, l.Object), maxMade}
	bases := slices.Clone(l.Rows[:min(len(l.Rows), maxBases)])
	for i := range bases {
		bases[i].Like = cmp.Or(bases[i].Like, "like "+l.Object+" "+bases[i].ID)
	}
	own := w.stranger(l.Object, l.Caller.ID, l.Caller.Tenant, m.names.object)
	own.Like = "the caller's own " + l.Object
	bases = append(bases, own)
	m.add(own, own.Given, "")
	for i, b := range bases {
		foreign := w.policy.With(l.Object, b.Given, "owner", m.names.owner)
		m.add(b, foreign, ", of another owner")
		m.add(b, w.policy.With(l.Object, b.Given, "tenant", m.names.other), ", of another tenant")
		m.add(b, w.policy.With(l.Object, foreign, "tenant", m.names.other), ", of another owner and tenant")
		if foreign.Owner() != b.Given.Owner() {
			bases = append(bases, Row{b.ID, foreign, bases[i].Like + ", of another owner"})
		}
	}
	values := m.values()
	for _, b := range bases {
		m.vary(b, values)
	}
}

func (m *maker) add(base Row, g *policy.Given, but string) {
	if m.left > 0 {
		m.left--
		id := cmp.Or(m.policy.Called(m.Object, g), base.ID)
		m.Rows = append(m.Rows, Row{id, m.policy.Call(m.Object, g, id), base.Like + but})
	}
}

// stranger is an object of somebody's that has nothing remarkable but its name, which
// may be whose it is.
func (w *World) stranger(object, owner, tenant, id string) Row {
	g := w.policy.Stranger(object, owner, tenant)
	if called := w.policy.Called(object, g); called != "" && called != "0" {
		id = called
	}
	return Row{id, w.policy.Call(object, g, id), ""}
}

// vary takes away and changes, one at a time, what the policies read.
func (m *maker) vary(base Row, values map[string][]string) {
	varied := map[string]bool{"response.id": true} // it is what the row is called by
	for _, a := range m.policy.Template(m.Object, m.Action).Attributes {
		if varied[a.From] {
			continue // what stands in one place is one value
		}
		varied[a.From] = true
		if !a.Required && base.Given.Attribute(a.Name) != nil {
			m.add(base, m.policy.Without(m.Object, base.Given, a.Name), ", without "+a.Name)
		}
		for _, text := range values[a.Name] {
			m.add(base, m.policy.With(m.Object, base.Given, a.Name, text), fmt.Sprintf(", with %s %q", a.Name, text))
		}
	}
}

// condition is where a policy's scope ends, and literal a text or a number behind it.
var condition = regexp.MustCompile(`\)\s*(when|unless)\b`)

var literal = regexp.MustCompile(`"([^"\\]*)"|\b[0-9]+\b`)

// values are, by attribute, what could make a difference: what the rows have, who asks,
// the caller's claims, what stands in the policies, and what is nearly that.
func (m *maker) values() map[string][]string {
	said := []string{m.Caller.ID, m.Caller.Tenant}
	for _, name := range m.policy.Claims() {
		if text, ok := m.Caller.Claim(name); ok {
			said = append(said, strings.Trim(text, `"`))
		}
	}
	for _, p := range m.policy.Template(m.Object, m.Action).Policies() {
		if at := condition.FindStringIndex(p.Text); at != nil {
			for _, found := range literal.FindAllString(p.Text[at[1]:], -1) {
				said = append(said, strings.Trim(found, `"`))
			}
		}
	}
	out := map[string][]string{}
	for _, a := range m.policy.Template(m.Object, m.Action).Attributes {
		var all []string
		for _, row := range m.Rows {
			if v := text(row.Given.Attribute(a.Name)); v != "" && !slices.Contains(all, v) {
				all = append(all, v)
			}
		}
		all = append(all, said...)
		switch a.Type {
		case policy.TypeLong:
			all = each(all, nearNumber)
		case policy.TypeBool:
			all = []string{"true", "false"}
		case policy.TypeString, policy.TypeUser:
			all = each(all, nearText)
		default:
			continue
		}
		out[a.Name] = all[:min(len(all), maxValues)]
	}
	return out
}

// each returns the values and behind them what is near them, once each.
func each(values []string, near func(string) []string) (out []string) {
	for n := range 4 {
		for _, v := range values {
			if all := near(v); n < len(all) && !slices.Contains(out, all[n]) {
				out = append(out, all[n])
			}
		}
	}
	return out
}

func text(v cedar.Value) string {
	switch v := v.(type) {
	case cedar.String:
		return string(v)
	case cedar.EntityUID:
		return string(v.ID)
	case cedar.Long:
		return strconv.FormatInt(int64(v), 10)
	}
	return ""
}

func nearNumber(s string) []string {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return nil
	}
	return []string{s, strconv.FormatInt(n-1, 10), strconv.FormatInt(n+1, 10)}
}

// nearText are texts that databases, columns and encodings take for one another.
func nearText(s string) []string {
	other := strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, s)
	return []string{s, other, s + " ", "0" + s}
}

// synthetic are names of whom and what there is nowhere else.
type synthetic struct{ object, owner, stranger, tenant, other string }

// names returns names that the columns can hold in which the object is kept.
func names(p *policy.Policy, object string) synthetic {
	n := synthetic{"gatehouse-" + object, "gatehouse-owner", "gatehouse-stranger", "gatehouse-tenant", "gatehouse-other"}
	if b := p.Bundle().Objects[p.Kind(object)]; b != nil && b.Table != nil {
		n.object = spelled(b.Table.ID, n.object, 1)
		n.owner, n.stranger = spelled(b.Table.Owner, n.owner, 2), spelled(b.Table.Owner, n.stranger, 3)
		n.tenant, n.other = spelled(b.Table.Tenant, n.tenant, 4), spelled(b.Table.Tenant, n.other, 5)
	}
	return n
}

// spelled writes a name as a column's type has it.
func spelled(column, name string, n int) string {
	_, typ, _ := strings.Cut(strings.TrimSpace(column), " ")
	switch strings.TrimSpace(typ) {
	case "integer":
		return strconv.Itoa(900_000_000 + n)
	case "uuid":
		return fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
	}
	return name
}
