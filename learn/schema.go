package learn

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/words"
	"go.yaml.in/yaml/v3"
)

// writer writes schemas. It notes when one of them leaves something open.
type writer struct {
	partial bool // bodies that change a part: nothing of them is required
	open    bool
	replies bool            // what is written is what the API answers
	secrets map[string]bool // names in replies that look like secrets
}

// schema writes the schema of a shape that stands under a name.
func (w *writer) schema(s *shape, name string) block {
	if s.deep {
		w.open = true
		return newLine()
	}
	b := newLine()
	var types []string
	if s.text.n > 0 {
		types = append(types, "string")
	}
	switch n := &s.number; {
	case n.fractions > 0 || n.ints > 0 && zeros(n.high) > maxZeros:
		types = append(types, "number")
	case n.ints > 0:
		types = append(types, "integer")
	}
	if s.truths > 0 {
		types = append(types, "boolean")
	}
	if s.array != nil {
		types = append(types, "array")
	}
	if s.object != nil {
		types = append(types, "object")
	}
	closed := s.text.closed()
	if len(types) > 1 {
		closed = nil
	}
	if s.nulls > 0 {
		types = append(types, "null")
	}
	b.put("type", typesOf(types))
	if s.text.n > 0 {
		writeText(b, &s.text, closed, s.nulls > 0)
	}
	writeNumber(b, &s.number, name)
	if s.array != nil {
		w.array(b, s.array, name)
	}
	if s.object != nil {
		w.object(b, s.object)
	}
	return b
}

func typesOf(types []string) *yaml.Node {
	if len(types) == 1 {
		return str(types[0])
	}
	return texts(types...)
}

func writeText(b block, t *text, closed []string, orNull bool) {
	if closed != nil {
		enum := texts(closed...)
		if orNull {
			enum.Content = append(enum.Content, null())
		}
		b.put("enum", enum)
		return
	}
	longest := headroom(t.max, 32)
	if i := t.format(); i >= 0 {
		b.text("format", known[i])
		if room[i] >= t.max {
			longest = room[i]
		}
	} else if t.min > 0 && t.n >= few {
		b.number("minLength", 1)
	}
	b.number("maxLength", longest)
}

// headroom returns the power of two at or above twice n, and least at the least.
func headroom(n, least int) int {
	to := least
	for to < 2*n {
		to *= 2
	}
	return to
}

// maxZeros is how many zeros a bound may have: the doubles go on for longer, and
// nothing that is counted does.
const maxZeros = 40

// zeros returns how many zeros the power of ten at or above twice |v| has.
func zeros(v float64) int {
	return max(2, int(math.Ceil(math.Log10(2*math.Abs(v)+1))))
}

func writeNumber(b block, n *number, name string) {
	if n.ints+n.fractions == 0 {
		return
	}
	switch k := zeros(n.low); {
	case n.low >= 0:
		b.number("minimum", 0)
	case k <= maxZeros:
		b.put("minimum", digits("-1"+strings.Repeat("0", k)))
	}
	const exact, longest = 1<<53 - 1, "9223372036854775807"
	switch k := zeros(n.high); {
	case n.fractions == 0 && identifies(name) && n.high < exact/2:
		b.put("maximum", digits("9007199254740991"))
	case n.fractions == 0 && identifies(name) && n.high < math.MaxInt64/2:
		b.put("maximum", digits(longest))
	case k <= maxZeros:
		b.put("maximum", digits("1"+strings.Repeat("0", k)))
	}
}

// identifies reports a name whose numbers count things, and grow.
func identifies(name string) bool {
	list := words.Of(name)
	return len(list) > 0 && (list[len(list)-1] == "id" || list[len(list)-1] == "ids")
}

func (w *writer) array(b block, a *array, name string) {
	b.number("maxItems", headroom(a.max, 16))
	if a.items == nil {
		w.open = true
		return
	}
	items := w.schema(a.items, name)
	b.put("items", items.Node)
	if items.Style != yaml.FlowStyle {
		b.Style = 0
	}
}

func (w *writer) object(b block, o *object) {
	members, keyed := o.split()
	if len(members) > 0 || keyed != nil {
		b.Style = 0
	}
	if keyed != nil {
		w.open = true
		b.number("maxProperties", headroom(o.max, 16))
		names := newLine()
		names.number("maxLength", headroom(o.longest(), 32))
		b.put("propertyNames", names.Node)
		b.put("additionalProperties", w.schema(keyed, "").Node)
	} else {
		b.no("additionalProperties")
	}
	properties := newBlock()
	var required []string
	for _, name := range slices.Sorted(maps.Keys(members)) {
		m := members[name]
		properties.put(name, w.schema(m.shape, name).Node)
		if w.replies && secretName(name) {
			w.secrets[name] = true
		}
		if m.n == o.n && o.n >= enough && !w.partial {
			required = append(required, name)
		}
	}
	if required != nil {
		b.put("required", texts(required...))
	}
	if len(members) > 0 {
		b.put("properties", properties.Node)
	}
}

// secretName reports a member that an API seldom means to answer with.
func secretName(name string) bool {
	list := words.Of(name)
	for _, w := range list {
		switch w {
		case "password", "passwd", "pwd", "passphrase", "secret", "hash", "salt", "apikey", "cvv", "cvc", "ssn", "iban", "credential", "credentials":
			return true
		}
	}
	return len(list) > 1 && list[len(list)-1] == "key"
}

// scalar writes the schema of what travels as text.
func (s *scalar) schema(name string) block {
	b := newLine()
	switch {
	case s.strange || s.truths > 0 && s.truths < s.text.n, s.number.ints > 0 && zeros(s.number.high) > maxZeros:
		b.text("type", "string")
		writeText(b, &s.text, s.text.closed(), false)
	case s.truths > 0:
		b.text("type", "boolean")
	case s.number.fractions > 0:
		b.text("type", "number")
		writeNumber(b, &s.number, name)
	default:
		b.text("type", "integer")
		writeNumber(b, &s.number, name)
	}
	return b
}

// segment writes the schema of a path parameter.
func (s *scalar) segment() block {
	b := s.schema("id")
	if b.Content[1].Value == "string" && s.text.n >= few && !s.text.odd && s.text.format() < 0 {
		b.text("pattern", "^[A-Za-z0-9._~-]+$")
	}
	return b
}

// parameter writes the schema of a parameter that may come several times.
func (p *parameter) schema(name string) block {
	return several(p.value.schema(name), p.most)
}

// several writes the schema of what came up to most times in one request: one, or
// an array of it.
func several(one block, most int) block {
	if most < 2 {
		return one
	}
	b := newLine()
	b.text("type", "array")
	b.number("maxItems", headroom(most, 16))
	b.put("items", one.Node)
	return b
}

// form writes the schema of a form.
func (w *writer) form(p *payload) block {
	b := newBlock()
	b.text("type", "object")
	b.no("additionalProperties")
	properties := newBlock()
	var required []string
	names := slices.AppendSeq(slices.Collect(maps.Keys(p.form)), maps.Keys(p.files))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		n := 0
		if u := p.files[name]; u != nil {
			properties.put(name, u.schema().Node)
			n = u.n
		} else {
			m := p.form[name]
			properties.put(name, m.schema(name).Node)
			n = m.n
		}
		if n == p.n && p.n >= enough && !w.partial {
			required = append(required, name)
		}
	}
	if required != nil {
		b.put("required", texts(required...))
	}
	b.put("properties", properties.Node)
	return b
}
