package rows

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
)

// madeUp is a schema, its table and rows, and who asks, all made up. It is the
// differential test's idea of the world, and knows nothing of translation.
type madeUp struct {
	r       *rand.Rand
	columns []madeUpColumn
	folders bool // documents are in folders
	rows    []madeUpRow
	askers  []cedar.EntityUID
	facts   cedar.EntityMap
}

// madeUpColumn is an attribute of Doc and its column.
type madeUpColumn struct {
	name     string
	typ      string // as the schema has it
	required bool
	kept     ColumnType
}

type madeUpRow struct {
	id     string
	values map[string]cedar.Value
	folder string // "" is none
}

// texts that databases, collations and encodings are tempted to take for one another,
// or to read as something else.
var texts = []string{"EU", "eu", "EU ", "", "Straße", "STRASSE", "é", "e\u0301", "ſ", "s", "K", "K", "ı", "i", "I", "'", "''", `"`, `\`, `\'`, "%", "_", "$1", "?", ":1", "NULL", "null", "true", "0", "00", "1", "-0", "1e0",
	"--", "/*", "*/", ";", "{", "}", ",", `{"a","b"}`, "\t", "\n", "\r\n", "\u00a0", "\u200b", "日本", "😀", "a\ufe0f", "\ufeff", "\u202e", "u1", "u2", "t1", "9223372036854775807", "9223372036854775808"}

// ids are of users, services, teams and folders alike.
var ids = []string{"u1", "u2", "U1", "u1 ", "7", "07", "-7", "Ö"}

// numbers fit columns of integers, as ids too.
var numbers = []int64{0, 1, -1, 7, -7, 41, 42, 1<<63 - 1, -1 << 63}

func newMadeUp(seed uint64, rows int) *madeUp {
	m := &madeUp{r: rand.New(rand.NewPCG(seed, 5)), facts: cedar.EntityMap{}}
	for _, name := range []string{"owner", "author", "region", "tenant", "label", "public", "done", "amount", "rank", "team", "number"} {
		c := madeUpColumn{name: name, required: m.r.IntN(2) == 0}
		switch name {
		case "owner":
			c.typ = "User"
		case "author":
			c.typ = pick(m.r, "User", "Service")
		case "team":
			c.typ = "Team"
		case "region", "tenant", "label", "number":
			c.typ = "String"
		case "public", "done":
			c.typ, c.kept = "Bool", Boolean
		default:
			c.typ, c.kept = "Long", Integer
		}
		if name == "number" || c.kept == Text && m.r.IntN(6) == 0 {
			c.kept = Integer // a text that is kept as a number
		}
		m.columns = append(m.columns, c)
	}
	m.folders = m.r.IntN(3) > 0
	m.people()
	for i := range rows {
		m.rows = append(m.rows, m.row(i))
	}
	return m
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func (m *madeUp) schema() cedar.Source {
	var b strings.Builder
	b.WriteString(`entity Team; entity Folder;
entity User in [Team] { id: String, tenant: String, region: String, level: Long, admin: Bool, roles: Set<String>, teams: Set<Team>, friends: Set<User>, folders: Set<Folder>, nick?: String };
entity Service { id: String, tenant: String, region: String, level: Long, admin: Bool, roles: Set<String> };
entity Doc`)
	if m.folders {
		b.WriteString(" in [Folder]")
	}
	b.WriteString(" {\n")
	for _, c := range m.columns {
		optional := "?"
		if c.required {
			optional = ""
		}
		fmt.Fprintf(&b, "  %s%s: %s,\n", c.name, optional, c.typ)
	}
	b.WriteString(`};
action all;
action list in [all] appliesTo { principal: [User, Service], resource: [Doc], context: { hour: Long, box: String, rel: { editor: Bool, viewer: Bool } } };
`)
	return cedar.Source{Name: "madeup.cedarschema", Text: b.String()}
}

func (m *madeUp) table() *table {
	t := &table{object: "doc", entity: "Doc", name: "docs", id: Column{Name: "id"}, columns: map[string]Column{}, parents: map[cedar.EntityType]Column{}}
	for _, c := range m.columns {
		t.columns[c.name] = Column{"c_" + c.name, c.kept}
	}
	if m.folders {
		t.parents["Folder"] = Column{Name: "folder id"} // a name that has to be quoted
	}
	return t
}

// ddl makes the table.
func (m *madeUp) ddl(d Dialect) string {
	kinds := map[ColumnType]string{Text: "text", Integer: "bigint", Boolean: "boolean"}
	end := ")"
	if d == SQLite {
		kinds[Integer], kinds[Boolean], end = "integer", "integer", ") STRICT"
	}
	var b strings.Builder
	b.WriteString(`CREATE TABLE docs (n integer NOT NULL, id text NOT NULL, "folder id" text`)
	for _, c := range m.columns {
		fmt.Fprintf(&b, ", c_%s %s", c.name, kinds[c.kept])
		if c.kept == Text && d == SQLite && m.r.IntN(2) == 0 {
			b.WriteString(" COLLATE NOCASE")
		}
		if c.required {
			b.WriteString(" NOT NULL")
		}
	}
	return b.String() + end
}

// values are a row's, in the order of the columns.
func (m *madeUp) values(n int) []any {
	row := m.rows[n]
	out := []any{n, row.id, nil}
	if row.folder != "" {
		out[2] = row.folder
	}
	for _, c := range m.columns {
		v, ok := row.values[c.name]
		if !ok {
			out = append(out, nil)
			continue
		}
		out = append(out, kept(v, c.kept))
	}
	return out
}

// kept is a value as an application writes it into its column.
func kept(v cedar.Value, t ColumnType) any {
	text := ""
	switch v := v.(type) {
	case cedar.Long:
		return int64(v)
	case cedar.Boolean:
		return bool(v)
	case cedar.String:
		text = string(v)
	case cedar.EntityUID:
		text = string(v.ID)
	}
	if t == Integer {
		var n int64
		if _, err := fmt.Sscan(text, &n); err != nil {
			panic(err)
		}
		return n
	}
	return text
}

func (m *madeUp) row(n int) madeUpRow {
	row := madeUpRow{id: fmt.Sprint("d", n%17), values: map[string]cedar.Value{}}
	for _, c := range m.columns {
		if !c.required && m.r.IntN(3) == 0 {
			continue
		}
		text := func(from []string) string {
			if c.kept == Integer {
				return fmt.Sprint(pick(m.r, numbers...))
			}
			return pick(m.r, from...)
		}
		switch c.typ {
		case "String":
			row.values[c.name] = cedar.String(text(m.near()))
		case "Long":
			row.values[c.name] = cedar.Long(pick(m.r, numbers...))
		case "Bool":
			row.values[c.name] = cedar.Boolean(m.r.IntN(2) == 0)
		default:
			row.values[c.name] = cedar.NewEntityUID(cedar.EntityType(c.typ), cedar.String(text(ids)))
		}
	}
	if m.folders && m.r.IntN(3) > 0 {
		row.folder = pick(m.r, ids...)
	}
	return row
}

// near are texts that are asked for often, or any.
func (m *madeUp) near() []string {
	if m.r.IntN(3) == 0 {
		return texts
	}
	return texts[:8]
}

// bystanders are everybody that a row may name: a decision that looks into somebody of
// whom nothing is known denies.
func (m *madeUp) bystanders() {
	all := slices.Clone(ids)
	for _, n := range numbers {
		all = append(all, fmt.Sprint(n))
	}
	none := cedar.NewValueSet()
	for _, id := range all {
		for _, t := range []cedar.EntityType{"User", "Service", "Team", "Folder"} {
			e := cedar.Entity{UID: cedar.NewEntityUID(t, cedar.String(id)), Attributes: cedar.NewRecord(nil)}
			a := cedar.RecordMap{"id": cedar.String(id), "tenant": cedar.String(""), "region": cedar.String(""), "level": cedar.Long(0), "admin": cedar.Boolean(false), "roles": none}
			if t == "User" {
				a["teams"], a["friends"], a["folders"] = none, none, none
			}
			if t == "User" || t == "Service" {
				e.Attributes = cedar.NewRecord(a)
			}
			m.facts[e.UID] = e
		}
	}
}

func (m *madeUp) people() {
	m.bystanders()
	set := func(t cedar.EntityType, n int) cedar.ValueSet {
		var out []cedar.Value
		for range m.r.IntN(n) {
			out = append(out, cedar.NewEntityUID(t, cedar.String(pick(m.r, ids...))))
		}
		return cedar.NewValueSet(out...)
	}
	for _, id := range []string{"u1", "7", "Ö"} {
		for _, t := range []cedar.EntityType{"User", "Service"} {
			var roles []cedar.Value
			for range m.r.IntN(4) {
				roles = append(roles, cedar.String(pick(m.r, m.near()...)))
			}
			a := cedar.RecordMap{"id": cedar.String(id), "tenant": cedar.String(pick(m.r, texts...)), "region": cedar.String(pick(m.r, m.near()...)),
				"level": cedar.Long(pick(m.r, numbers...)), "admin": cedar.Boolean(m.r.IntN(2) == 0), "roles": cedar.NewValueSet(roles...)}
			e := cedar.Entity{UID: cedar.NewEntityUID(t, cedar.String(id))}
			if t == "User" {
				a["teams"], a["friends"], a["folders"] = set("Team", 4), set("User", 4), set("Folder", 4)
				if m.r.IntN(2) == 0 {
					a["nick"] = cedar.String(pick(m.r, texts...))
				}
				e.Parents = cedar.NewEntityUIDSet(cedar.NewEntityUID("Team", cedar.String(pick(m.r, ids...))), cedar.NewEntityUID("Team", cedar.String(pick(m.r, ids...))))
			}
			e.Attributes = cedar.NewRecord(a)
			m.facts[e.UID] = e
			m.askers = append(m.askers, e.UID)
		}
	}
}

// entity is a row as Cedar sees it. Its name is not its id alone: ids come twice.
func (m *madeUp) entity(n int) cedar.Entity {
	row := m.rows[n]
	a := cedar.RecordMap{}
	for name, v := range row.values {
		a[cedar.String(name)] = v
	}
	e := cedar.Entity{UID: cedar.NewEntityUID("Doc", cedar.String(row.id)), Attributes: cedar.NewRecord(a)}
	if row.folder != "" {
		e.Parents = cedar.NewEntityUIDSet(cedar.NewEntityUID("Folder", cedar.String(row.folder)))
	}
	return e
}

// related reports whether an asker has a relation to a document.
func (m *madeUp) related(asker cedar.EntityUID, relation, id string) bool {
	n := len(asker.ID) + len(asker.Type) + len(relation)
	for _, c := range id {
		n = n*31 + int(c)
	}
	return n%3 == 0
}

// lists are related the other way round.
func (m *madeUp) lists(asker cedar.EntityUID) map[string][]string {
	out := map[string][]string{"editor": nil, "viewer": nil}
	for relation, ids := range out {
		for _, row := range m.rows {
			if !slices.Contains(ids, row.id) && m.related(asker, relation, row.id) {
				ids = append(ids, row.id)
			}
		}
		out[relation] = ids
	}
	return out
}

// policies writes a few policies, of which many do not validate.
func (m *madeUp) policies() []string {
	out := make([]string, 1+m.r.IntN(4))
	for i := range out {
		effect := "permit"
		if i > 0 && m.r.IntN(3) == 0 {
			effect = "forbid"
		}
		principal := pick(m.r, "principal", "principal", "principal", "principal is User", "principal is Service", "principal is User", `principal == User::"u1"`, `principal in Team::"u1"`, "principal is User in Team::\"7\"")
		resource := pick(m.r, "resource", "resource is Doc", "resource is Doc", "resource", "resource is Doc", `resource in Folder::"u1"`, `resource is Doc in Folder::"7"`, `resource == Doc::"d1"`)
		action := pick(m.r, "action", `action == Action::"list"`, `action in Action::"all"`)
		p := fmt.Sprintf("%s(%s, %s, %s)", effect, principal, action, resource)
		for range 1 + m.r.IntN(2) {
			p += fmt.Sprintf(" %s { %s }", pick(m.r, "when", "when", "unless"), m.condition(3))
		}
		out[i] = p + ";"
	}
	return out
}

// quoted is a text as Cedar writes one.
func quoted(s string) string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, `\u{%x}`, r)
	}
	return `"` + b.String() + `"`
}

func (m *madeUp) condition(depth int) string {
	if depth == 0 {
		return m.atom()
	}
	sub := func() string { return "(" + m.condition(depth-1) + ")" }
	switch m.r.IntN(9) {
	case 0, 1:
		return sub() + " && " + sub()
	case 2, 3:
		return sub() + " || " + sub()
	case 4:
		return "!" + sub()
	case 5:
		return "if " + sub() + " then " + sub() + " else " + sub()
	case 6:
		return sub() + pick(m.r, " == ", " != ") + sub()
	}
	return m.atom()
}

// atom is one comparison; an attribute that may be missing is asked for first, most
// of the time.
func (m *madeUp) atom() string {
	c := pick(m.r, m.columns...)
	text := m.about(c)
	if !c.required && m.r.IntN(8) > 0 {
		text = "resource has " + c.name + " && " + text
	}
	if m.r.IntN(6) == 0 {
		return m.known()
	}
	return text
}

func (m *madeUp) about(c madeUpColumn) string {
	x := "resource." + c.name
	entity := func() string { return c.typ + "::" + quoted(pick(m.r, ids...)) }
	switch c.typ {
	case "Bool":
		return pick(m.r, x, "!"+x, x+" == "+pick(m.r, "true", "principal.admin", "resource.public"), x+" != context.rel.editor")
	case "Long":
		n := fmt.Sprint(pick(m.r, numbers[1:8]...))
		return x + pick(m.r, " < ", " <= ", " > ", " >= ", " == ", " != ") + pick(m.r, n, "principal.level", "context.hour", "resource.amount", "(context.hour + 1)", "(principal.level * 2)")
	case "String":
		t := quoted(pick(m.r, m.near()...))
		if c.kept == Integer {
			t = quoted(pick(m.r, "7", "07", "-0", "-7", "x", "9223372036854775807", "9223372036854775808"))
		}
		return pick(m.r, x+" == "+t, x+" != "+t, x+" == principal.region", x+" != principal.tenant", x+" == principal.id", "["+t+", "+quoted(pick(m.r, texts...))+"].contains("+x+")",
			"principal.roles.contains("+x+")", "principal.tenant == "+x, x+" == resource.region", x+" != resource.number", x+" == resource.label", "context.box == "+x)
	case "User":
		return pick(m.r, x+" == principal", x+" != principal", x+" == "+entity(), "principal.friends.contains("+x+")", x+" in principal.friends", x+" is User", x+" == resource.author", x+" == resource.owner", "["+entity()+", principal].contains("+x+")",
			"principal in "+x)
	case "Team":
		return pick(m.r, "principal in "+x, "principal.teams.contains("+x+")", x+" == "+entity(), x+" in principal.teams", x+" in ["+entity()+", "+entity()+"]")
	}
	return pick(m.r, x+" == principal", x+" != principal", x+" == "+entity(), x+" is Service", x+" != resource.owner")
}

// known asks for what does not depend on a row, or for the row itself.
func (m *madeUp) known() string {
	folder := "Folder::" + quoted(pick(m.r, ids...))
	return pick(m.r, "true", "false", "principal.admin", "principal.level > 5", "context.hour < 9", "principal is User", "principal is Service", `principal == User::"u1"`, `principal in Team::"u1"`,
		"principal.region == "+quoted(pick(m.r, texts[:8]...)), "principal.level * 3 > 5", "principal has nick && principal.nick == principal.id", "context.rel.editor", "context.rel.viewer == true", "!context.rel.viewer",
		"resource in "+folder, "resource in principal.folders", "resource in ["+folder+`, Folder::"u2"]`, "resource is Doc", "resource is User", `resource == Doc::"d3"`, `resource != Doc::"d3"`, `[Doc::"d1", Doc::"d2"].contains(resource)`,
		"principal.roles.isEmpty()", `principal.roles.containsAny(["EU", "eu"])`, `principal.id like "u*"`, "[].contains(resource.amount)")
}
