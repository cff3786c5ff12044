package policytest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// Knows reports whether the world has the caller and the object of a question.
func (w *World) Knows(q Question) bool {
	_, who := w.callers[q.Who]
	if q.Field != "" {
		return who && slices.Contains(w.policy.Fields(), q.Field)
	}
	return who && (q.ID == "" || w.objects[q.Object][q.ID] != nil)
}

// Why answers a question in words: the decision, the policies that decided and
// where they stand, the facts that they read and where those come from, and what
// would have to change.
func (w *World) Why(q Question) (string, error) {
	d, t, err := w.Ask(q)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	verb := "may not"
	if d.Allowed {
		verb = "may"
	}
	fmt.Fprintf(&b, "%s %s %s\n", q.Who, verb, q.does())
	if err := d.Err(); err != nil {
		fmt.Fprintf(&b, "  because nothing could be decided, and that denies: %v\n", err)
	}
	for _, p := range d.Deciding() {
		fmt.Fprintf(&b, "  because of %s (%s)", p.ID, Place(w.policy, p))
		if p.Reason != "" {
			fmt.Fprintf(&b, ": %s", p.Reason)
		}
		b.WriteString("\n")
	}
	if len(d.Deciding()) == 0 && d.Err() == nil {
		b.WriteString("  because no policy permits it, and what nobody permits is denied\n")
	}
	w.facts(&b, q, t)
	if !d.Allowed {
		w.change(&b, d, t)
	}
	return b.String(), nil
}

// WhyList answers in words which of the objects that are given a caller may do an
// action on, and returns the question as well, for whoever puts it in SQL.
func (w *World) WhyList(q Question) (string, *Listing, error) {
	l, err := w.Listing(q)
	if err != nil {
		return "", nil, err
	}
	by, err := w.decide(l)
	if err != nil {
		return "", nil, err
	}
	var ids []string
	var because strings.Builder
	for i, row := range l.Rows {
		switch says := w.because(by[i]); {
		case row.Like != "":
		case by[i].Allowed:
			ids = append(ids, row.ID)
			fmt.Fprintf(&because, "  %s because of %s\n", row.ID, says)
		default:
			fmt.Fprintf(&because, "  not %s: %s\n", row.ID, says)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s can %s %s -> [%s]\n%s", q.Who, q.Action, q.Object, strings.Join(ids, ", "), because.String())
	b.WriteString("facts\n")
	w.caller(&b, q.Who)
	w.asked(&b)
	return b.String(), l, nil
}

// because says which policies decided, and where they stand.
func (w *World) because(d cedar.Decision) string {
	if err := d.Err(); err != nil {
		return "nothing could be decided, and that denies: " + err.Error()
	}
	var by []string
	for _, p := range d.Deciding() {
		by = append(by, fmt.Sprintf("%s (%s)", p.ID, Place(w.policy, p)))
	}
	if len(by) == 0 {
		return "no policy permits it"
	}
	return strings.Join(by, ", ")
}

// caller lists what is known of who asks.
func (w *World) caller(b *strings.Builder, who string) {
	c := w.callers[who]
	kind := "User"
	if c.Service {
		kind = "Service"
	}
	fmt.Fprintf(b, "  %s %q, tenant %q, roles %q, scopes %q  from the token\n", kind, c.ID, c.Tenant, c.Roles, c.Scopes)
	for _, name := range w.policy.Claims() {
		if text, ok := c.Claim(name); ok {
			fmt.Fprintf(b, "  principal.%s = %s  from the token's claim %s\n", name, text, name)
		}
	}
}

func (w *World) asked(b *strings.Builder) {
	fmt.Fprintf(b, "  asked at %s\n", w.at.In(w.policy.Zone).Format("2006-01-02 15:04 Monday, MST"))
}

// facts lists what the policies read.
func (w *World) facts(b *strings.Builder, q Question, t *policy.Template) {
	b.WriteString("facts\n")
	w.caller(b, q.Who)
	c := w.callers[q.Who]
	if q.Field != "" {
		w.held(b, c, q.Field)
	}
	if g := w.objects[q.Object][q.ID]; g != nil {
		for _, a := range t.Attributes {
			if v := g.Value(a.Name); v != "" {
				fmt.Fprintf(b, "  resource.%s = %s  from %s\n", a.Name, v, source(a.From))
			} else {
				fmt.Fprintf(b, "  resource.%s is not there  from %s\n", a.Name, source(a.From))
			}
		}
	}
	for _, relation := range t.Relations {
		way, err := w.way(c, relation, q)
		switch {
		case err != nil:
			fmt.Fprintf(b, "  context.rel.%s is not known: %v\n", relation, err)
		case way.Held:
			fmt.Fprintf(b, "  context.rel.%s = true  from relations: %s\n", relation, strings.Join(way.Ways, " and "))
		default:
			fmt.Fprintf(b, "  context.rel.%s = false  from relations: nothing leads from %s:%s to %s\n", relation, w.policy.Kind(q.Object), q.ID, c.ID)
		}
	}
	w.asked(b)
}

// held lists which names of @policy hold for the caller.
func (w *World) held(b *strings.Builder, c policy.Caller, field string) {
	s, err := w.policy.Subject(c)
	if err != nil {
		return
	}
	for _, asked := range w.policy.Asked(field) {
		for _, name := range w.policy.Demanded(asked) {
			d := w.policy.Named(name).Decide(&policy.Facts{Subject: s, At: w.at, Address: w.from, Operation: w.policy.Speaks()})
			holds := "does not hold"
			if d.Allowed {
				holds = "holds"
			}
			fmt.Fprintf(b, "  @policy %q of %s %s", name, asked, holds)
			for i, p := range d.Deciding() {
				fmt.Fprintf(b, "%s %s (%s)", []string{", by", ","}[min(i, 1)], p.ID, Place(w.policy, p))
			}
			b.WriteString("\n")
		}
	}
}

// source says in words where an attribute comes from.
func source(from string) string {
	where, name, _ := strings.Cut(from, ".")
	switch where {
	case "response":
		return "the reply, at " + name
	case "path":
		return "the path, {" + name + "}"
	case "owners":
		return "the map of owners"
	}
	return from
}

// change says what would have to be otherwise.
func (w *World) change(b *strings.Builder, d cedar.Decision, t *policy.Template) {
	b.WriteString("what would have to change\n")
	if d.Err() != nil {
		b.WriteString("  the fact that is missing or of another type\n")
		return
	}
	forbidden := false
	for _, p := range d.Deciding() {
		forbidden = true
		fmt.Fprintf(b, "  %s must not hold any more:\n%s\n", p.ID, indented(p.Text))
	}
	if forbidden {
		return
	}
	b.WriteString("  one of these must hold:\n")
	for _, p := range t.Policies() {
		if p.Permit {
			fmt.Fprintf(b, "  %s (%s)\n%s\n", p.ID, Place(w.policy, p), indented(p.Text))
		}
	}
}

func indented(text string) string {
	return "      " + strings.ReplaceAll(policy.Alone(text), "\n", "\n      ")
}
