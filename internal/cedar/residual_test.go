package cedar

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cedar-policy/cedar-go/types"
)

var rowsSchema = Source{"rows.cedarschema", `
entity Org;
entity Team in [Org];
entity User in [Team] { tenant: String, level: Long, admin: Bool, watched: Set<User>, words: Set<String>, nick?: String };
entity Service { tenant: String };
entity Folder in [Org];
entity Box;
entity Row in [Box] { owner: User, bot?: Service, team?: Team, tenant: String, size: Long, open: Bool, label?: String, limit?: Long, members: Set<User>, address: { city: String }, price: decimal };
entity Nested in [Folder] { open: Bool };
action "list" appliesTo { principal: [User, Service], resource: [Row, Nested], context: { rel?: { editor?: Bool, viewer?: Bool }, hour: Long, box: Box } };
`}

// truthOf is what a condition says of one row.
func truthOf(t *testing.T, x Expr, row Entity, rel map[string]bool) bool {
	t.Helper()
	switch x := x.(type) {
	case Literal:
		return bool(x.Value.(types.Boolean))
	case And:
		for _, y := range x {
			if !truthOf(t, y, row, rel) {
				return false
			}
		}
		return true
	case Or:
		return slices.ContainsFunc(x, func(y Expr) bool { return truthOf(t, y, row, rel) })
	case Not:
		return !truthOf(t, x.X, row, rel)
	case Has:
		_, ok := row.Attributes.Get(String(x.Attribute.Name))
		return ok
	case Relation:
		return rel[x.Name]
	case Attribute:
		return bool(valueOf(t, x, row).(types.Boolean))
	case OneOf:
		return slices.ContainsFunc(x.Values, func(v Literal) bool { return v.Value.Equal(valueOf(t, x.X, row)) })
	case Contains:
		return valueOf(t, x.Set, row).(types.Set).Contains(x.Value.Value)
	case In:
		return slices.ContainsFunc(x.Entities, func(e EntityUID) bool { return e == row.UID || row.Parents.Contains(e) })
	case Compare:
		l, r := valueOf(t, x.Left, row), valueOf(t, x.Right, row)
		switch x.Op {
		case Equal:
			return l.Equal(r)
		case NotEqual:
			return !l.Equal(r)
		case Less:
			return l.(Long) < r.(Long)
		case LessEqual:
			return l.(Long) <= r.(Long)
		case Greater:
			return l.(Long) > r.(Long)
		case GreaterEqual:
			return l.(Long) >= r.(Long)
		}
	}
	t.Fatalf("no condition: %#v", x)
	return false
}

func valueOf(t *testing.T, x Expr, row Entity) Value {
	t.Helper()
	switch x := x.(type) {
	case Literal:
		return x.Value
	case Self:
		return row.UID
	case Attribute:
		v, ok := row.Attributes.Get(String(x.Name))
		if !ok {
			t.Fatalf("%s is read where it is not", x.Name)
		}
		return v
	}
	t.Fatalf("no operand: %#v", x)
	return nil
}

// rowsOf are rows with every optional attribute there and not, and ids that are
// equal across types.
func rowsOf() (out []Entity) {
	u := func(t EntityType, id string) EntityUID { return NewEntityUID(t, String(id)) }
	for i := range 64 {
		m := RecordMap{"owner": u("User", []string{"u1", "u2"}[i%2]), "tenant": String([]string{"acme", "evil", "o'x", ""}[i/2%4]), "size": Long(i - 20), "open": Boolean(i%3 == 0),
			"members": NewValueSet(u("User", []string{"u1", "u3"}[i/4%2])), "address": NewRecord(RecordMap{"city": String("Bonn")})}
		m["price"], _ = ParseDecimal("1.5")
		if i%4 > 0 {
			m["label"] = String([]string{"open", "shut", "Ö"}[i%3])
		}
		if i%5 > 1 {
			m["bot"] = u("Service", "u1")
		}
		if i%3 > 0 {
			m["team"] = u("Team", []string{"t1", "t2"}[i%2])
		}
		if i%7 > 3 {
			m["limit"] = Long(i % 4)
		}
		row := Entity{UID: u("Row", fmt.Sprint("r", i%8)), Attributes: NewRecord(m)}
		if i%6 > 2 {
			row.Parents = NewEntityUIDSet(u("Box", []string{"b1", "b2"}[i%2]))
		}
		out = append(out, row)
	}
	return out
}

func askers() (EntityMap, []EntityUID) {
	u := func(t EntityType, id string) EntityUID { return NewEntityUID(t, String(id)) }
	person := func(id string, level int, admin bool, nick string, teams ...EntityUID) Entity {
		m := RecordMap{"tenant": String("acme"), "level": Long(level), "admin": Boolean(admin), "watched": NewValueSet(u("User", "u2")), "words": NewValueSet(String("open"), String("evil"))}
		if nick != "" {
			m["nick"] = String(nick)
		}
		return Entity{UID: u("User", id), Parents: NewEntityUIDSet(teams...), Attributes: NewRecord(m)}
	}
	return facts(person("u1", 3, false, "", u("Team", "t1")), person("u2", 20, true, "open"),
		Entity{UID: u("Service", "u1"), Attributes: NewRecord(RecordMap{"tenant": String("acme")})},
		Entity{UID: u("Team", "t1"), Parents: NewEntityUIDSet(u("Org", "o1"))}), []EntityUID{u("User", "u1"), u("User", "u2"), u("Service", "u1")}
}

// A condition allows exactly the rows that Decide allows: for policies of every
// shape, alone and all together, with relations there and not.
func TestAResidualAllowsExactlyWhatADecisionAllows(t *testing.T) {
	shapes := strings.Split(strings.TrimSpace(`
permit(principal, action, resource);
permit(principal is User, action, resource is Row) when { resource.owner == principal };
permit(principal, action, resource is Row) when { resource.owner == principal };
permit(principal, action, resource is Row) when { resource.owner != principal && resource.open };
permit(principal, action, resource is Row) when { resource has bot && resource.bot == principal };
permit(principal, action, resource is Row) when { resource.tenant == principal.tenant } unless { resource.size > 10 };
permit(principal is User, action, resource is Row) when { principal.level > resource.size };
permit(principal is User, action, resource is Row) when { principal.admin || resource.size <= 0 };
permit(principal is User, action, resource is Row) when { principal.watched.contains(resource.owner) };
permit(principal is User, action, resource is Row) when { resource has label && principal.words.contains(resource.label) };
permit(principal is User, action, resource is Row) when { resource.members.contains(principal) };
permit(principal is User, action, resource is Row) when { resource has team && principal in resource.team };
permit(principal is User, action, resource is Row) when { resource.owner in [User::"u2", User::"u9"] };
permit(principal, action, resource in Box::"b1") when { context.hour < 18 };
permit(principal, action, resource is Row in Box::"b2");
permit(principal, action, resource == Row::"r3");
permit(principal, action, resource is Row) when { resource in [Box::"b1", Box::"b7"] && resource.open };
permit(principal, action, resource is Row) when { resource in context.box };
permit(principal, action, resource is Row) when { context has rel && context.rel has editor && context.rel.editor };
permit(principal, action, resource is Row) when { context has rel.viewer && context.rel.viewer == false && resource.open == true };
permit(principal is User, action, resource is Row) when { if resource has limit then resource.limit < principal.level else resource.open };
permit(principal is User, action, resource is Row) when { (resource has label && resource.label == "open") || !(resource.size != 3) };
permit(principal is User, action, resource is Row) when { resource.open == (resource.size > 0) };
permit(principal is User, action, resource is Row) when { principal has nick && resource has label && resource.label == principal.nick };
permit(principal is User, action, resource is Row) when { resource == Row::"r2" || resource.owner == User::"u2" || resource is Nested };
permit(principal is User, action, resource is Row) when { [1, 2, 3].contains(resource.size) };
permit(principal, action, resource) when { resource is Row && resource.open };
permit(principal is User, action, resource is Row) when { principal.level * 2 > resource.size && resource.size >= -5 };
`), "\n")
	people, ids := askers()
	rows, decisions, allowed := rowsOf(), 0, 0
	check := func(policies string) {
		s, err := New(rowsSchema, Source{"p.cedar", policies})
		if err != nil {
			t.Fatalf("%s\n%v", policies, err)
		}
		rules := s.Rules(NewEntityUID("Action", "list"), "Row")
		for _, who := range ids {
			for hour := range 2 {
				rel := map[string]bool{"editor": hour == 0, "viewer": false}
				context := RecordMap{"hour": Long(hour * 20), "box": NewEntityUID("Box", "b1")}
				q := Request{Principal: who, Action: rules.pair.action, Context: NewRecord(context)}
				rest, err := rules.Residual(q, people)
				if err != nil {
					t.Fatalf("%s\n%v", policies, err)
				}
				context["rel"] = NewRecord(RecordMap{"editor": Boolean(rel["editor"]), "viewer": types.False})
				q.Context = NewRecord(context)
				for _, row := range rows {
					q.Resource = row.UID
					people[row.UID] = row
					d := rules.Decide(q, people)
					if d.Err() != nil {
						t.Fatalf("%s\n%v", policies, d.Err())
					}
					got := truthOf(t, rest.Expr(), row, rel)
					if got != d.Allowed {
						t.Fatalf("%s\n%v on %v: the condition says %v, the decision %v\n%#v", policies, who, row, got, d.Allowed, rest.Expr())
					}
					decisions++
					if got {
						allowed++
					}
				}
			}
		}
	}
	for i, one := range shapes {
		check(one)
		forbid := strings.Replace(one, "permit", "forbid", 1)
		check("permit(principal, action, resource);\n" + forbid)
		check(strings.Join(shapes[i/4:i], "\n") + "\n" + forbid + "\n" + shapes[(i*7+3)%len(shapes)])
	}
	t.Logf("figure: %d decisions, %d allowed, 0 differences", decisions, allowed)
	if decisions < 30000 || allowed < 5000 || decisions-allowed < 5000 {
		t.Error("too few, or all alike")
	}
}

// What a condition on rows cannot say is refused with the policy's name, and never
// turned into something wider.
func TestWhatRowsCannotSayIsRefused(t *testing.T) {
	people, _ := askers()
	for says, policy := range map[string]string{
		"`like`":                           `resource has label && resource.label like "o*"`,
		"`*`":                              `resource.size * 2 > 4`,
		"`*` ":                             `resource.size * 2 > 4 && false`,
		"`containsAny()`":                  `resource.members.containsAny(principal.watched)`,
		"`isEmpty()`":                      `resource.members.isEmpty()`,
		"looks into an attribute":          `resource.address.city == "Bonn"`,
		"looks into an attribute ":         `resource.owner.tenant == "acme"`,
		"type decimal cannot":              `resource.price == decimal("1.5")`,
		"`lessThan()`":                     `resource.price.lessThan(decimal("1.5"))`,
		"it cannot be evaluated":           `principal.level * 9223372036854775807 > 5`,
		"it cannot be evaluated: ":         `resource.open && principal.level * 9223372036854775807 > 5`,
		"what is above `resource.owner`":   `resource.owner in Team::"t1"`,
		"takes context.rel as a whole":     `context has rel && context.rel == context.rel`,
		"a Set cannot be compared":         `resource.members == resource.members`,
		"a set with parts of the resource": `[resource.owner].contains(principal)`,
		"`in` with":                        `principal in resource.members`,
		"an attribute of what is no":       `{a: resource.open}.a`,
	} {
		s, err := New(rowsSchema, Source{"p.cedar", "permit(principal, action, resource is Row);\n@id(\"odd\") forbid(principal is User, action, resource is Row) when { " + policy + " };"})
		if err != nil {
			t.Errorf("%s\n%v", policy, err)
			continue
		}
		q := Request{Principal: NewEntityUID("User", "u1"), Action: NewEntityUID("Action", "list"), Context: NewRecord(RecordMap{"hour": Long(1), "box": NewEntityUID("Box", "b1")})}
		_, err = s.Rules(q.Action, "Row").Residual(q, people)
		var o *Outside
		if !errors.As(err, &o) || o.Policy.ID != "odd" || !strings.Contains(err.Error(), strings.TrimSpace(says)) || !strings.Contains(err.Error(), "policy odd at p.cedar:2:1") {
			t.Errorf("%s\n%v, want %q", policy, err, says)
		}
	}
	// A parent's parent is no column.
	s, err := New(rowsSchema, Source{"p.cedar", `permit(principal, action, resource in Org::"o");`})
	if err != nil {
		t.Fatal(err)
	}
	q := Request{Principal: NewEntityUID("User", "u1"), Action: NewEntityUID("Action", "list")}
	if _, err := s.Rules(q.Action, "Nested").Residual(q, people); err == nil || !strings.Contains(err.Error(), "a parent's parent") {
		t.Error(err)
	}
	if r, err := s.Rules(q.Action, "Row").Residual(q, people); err != nil || r.Expr() != Expr(never) {
		t.Error("no row is in an Org", r, err)
	}
}

// Facts that cannot be found out are no empty facts.
func TestAResidualNeedsItsFacts(t *testing.T) {
	s, err := New(rowsSchema, Source{"p.cedar", `permit(principal, action, resource); forbid(principal in Team::"t1", action, resource);`})
	if err != nil {
		t.Fatal(err)
	}
	people, _ := askers()
	q := Request{Principal: NewEntityUID("User", "u1"), Action: NewEntityUID("Action", "list")}
	if _, err := s.Rules(q.Action, "Row").Residual(q, unreachable{people, q.Principal}); !errors.Is(err, errStore) {
		t.Error(err)
	}
	q.Principal.Type = "__cedar::variable"
	if _, err := s.Rules(q.Action, "Row").Residual(q, people); err == nil {
		t.Error("a principal that is none")
	}
}
