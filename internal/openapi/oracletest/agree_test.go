package oracletest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// verdict is what we and the judge say of one body.
type verdict struct {
	of      *subject
	body    []byte
	value   any    // as the judge reads it; nil when it cannot
	why     string // ours, or "" when we accept
	lexical error  // refused before any schema
	judge   error  // nil when it accepts
	valid   bool   // encoding/json calls it JSON
}

func (v *verdict) agree() bool { return (v.why == "") == (v.judge == nil) }

// explanation is a rule of ours that JSON Schema does not have.
type explanation struct {
	name  string
	why   string
	holds func(*verdict) bool
}

// explained are the differences that are meant, and their reason
// (VALIDATION.md section 6). Whatever differs otherwise is a defect.
var explained = []explanation{
	{"duplicate names", "two parsers keep different ones", func(v *verdict) bool { return errors.Is(v.lexical, jsonwalk.ErrDuplicate) && twice(v.body) }},
	{"NUL", "it ends a string in many programs", func(v *verdict) bool {
		return errors.Is(v.lexical, jsonwalk.ErrNUL) && bytes.Contains(v.body, []byte(`\u0000`))
	}},
	{"invalid UTF-8", "parsers replace it in silence", func(v *verdict) bool { return errors.Is(v.lexical, jsonwalk.ErrUTF8) && !utf8.Valid(v.body) }},
	{"lone surrogates", "parsers replace them in silence", func(v *verdict) bool {
		return errors.Is(v.lexical, jsonwalk.ErrSurrogate) && bytes.Contains(bytes.ToLower(v.body), []byte(`\ud`))
	}},
	{"limits", "depth, members, values, digits and exponents are bounded before any schema", func(v *verdict) bool {
		for _, e := range []error{jsonwalk.ErrDepth, jsonwalk.ErrKeys, jsonwalk.ErrValues, jsonwalk.ErrDigits, jsonwalk.ErrExponent} {
			if errors.Is(v.lexical, e) {
				return true
			}
		}
		return false
	}},
	{"numbers that a double does not hold", "a program behind us reads another number", func(v *verdict) bool { return v.meant(v.inexact()) }},
	{"names that a program may confuse", "other case of a declared name, __proto__, constructor", func(v *verdict) bool { return v.of.way == openapi.Request && v.meant(v.confusing()) }},
}

// meant reports that a rule of ours refuses: the body as a whole, or a part of it
// under a keyword that turns a refusal into something else.
func (v *verdict) meant(feature bool) bool {
	if !feature || v.lexical != nil {
		return false
	}
	if v.why != "" {
		return true
	}
	text, _ := json.Marshal([]any{v.of.plain, v.of.defs})
	for _, k := range []string{`"not"`, `"oneOf"`, `"if"`, `"maxContains"`} {
		if bytes.Contains(text, []byte(k)) {
			return true
		}
	}
	return false
}

// twice reports whether an object of the text has a name twice, by encoding/json.
func twice(b []byte) bool {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	type frame struct {
		names map[string]bool
		name  bool // a name comes next
	}
	var open []frame
	for {
		tok, err := d.Token()
		if err != nil {
			return false
		}
		top := len(open) - 1
		if s, ok := tok.(string); ok && top >= 0 && open[top].names != nil && open[top].name {
			if open[top].names[s] {
				return true
			}
			open[top].names[s], open[top].name = true, false
			continue
		}
		if top >= 0 {
			open[top].name = true
		}
		switch tok {
		case json.Delim('{'):
			open = append(open, frame{map[string]bool{}, true})
		case json.Delim('['):
			open = append(open, frame{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
			if top := len(open) - 1; top >= 0 {
				open[top].name = true
			}
		}
	}
}

// anywhere reports whether f holds for a name or a value.
func anywhere(v any, f func(name string, v any) bool) bool {
	switch v := v.(type) {
	case object:
		for k, x := range v {
			if f(k, x) || anywhere(x, f) {
				return true
			}
		}
	case []any:
		for _, x := range v {
			if f("", x) || anywhere(x, f) {
				return true
			}
		}
	}
	return false
}

// inexact reports a number that overflows a double, or in a request an integer
// that is not exact in one.
func (v *verdict) inexact() bool {
	exact := big.NewRat(1<<53, 1)
	return anywhere([]any{v.value}, func(_ string, x any) bool {
		n, ok := x.(json.Number)
		if !ok {
			return false
		}
		if _, err := n.Float64(); err != nil {
			return true
		}
		r := rational(n)
		return v.of.way == openapi.Request && r != nil && r.IsInt() && r.Abs(r).Cmp(exact) > 0
	})
}

// beyondExact reports a number, with a fraction or without, beyond those that a
// double holds exactly.
func (v *verdict) beyondExact() bool {
	exact := big.NewRat(1<<53, 1)
	return anywhere([]any{v.value}, func(_ string, x any) bool {
		n, ok := x.(json.Number)
		r := rational(n)
		return ok && r != nil && r.Abs(r).Cmp(exact) > 0
	})
}

func (v *verdict) confusing() bool {
	return anywhere([]any{v.value}, func(name string, _ any) bool {
		if name == "__proto__" || name == "constructor" {
			return true
		}
		return slices.ContainsFunc(v.of.names, func(d string) bool { return d != name && strings.EqualFold(d, name) })
	})
}

// compare asks both.
func (s *subject) compare(t testing.TB, doc *jsonwalk.Doc, body []byte) *verdict {
	v := &verdict{of: s, body: body, valid: json.Valid(body)}
	v.why, v.lexical = ours(t, s.ours, doc, body, openapi.Options{Undeclared: openapi.Allow, Direction: s.way})
	if v.lexical != nil && !v.valid {
		v.judge = v.lexical
		return v
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if v.judge = d.Decode(&v.value); v.judge == nil {
		if _, err := d.Token(); err != io.EOF {
			v.judge = errors.New("text behind the document")
		}
	}
	if v.judge == nil && v.lexical == nil {
		v.judge = consult(t, s, v.value)
	}
	switch {
	case v.lexical != nil:
	case s.way == openapi.Reply:
		s.leaves(t, body)
	default:
		s.stricter(t, doc, body, v)
	}
	return v
}

// stricter judges a request as a gateway does: what is refused when undeclared
// members are let in is refused all the more when they are not.
func (s *subject) stricter(t testing.TB, doc *jsonwalk.Doc, body []byte, v *verdict) {
	for _, o := range []openapi.Options{{}, {MaxString: 40, MaxItems: 3}, {MaxString: 40, MaxItems: 3, Undeclared: openapi.Allow}} {
		if why, _ := ours(t, s.ours, doc, body, o); why == "" && v.why != "" {
			t.Errorf("%s: refused with %s, but accepted with %+v: %.600s", s.name, v.why, o, body)
		}
	}
}

// leaves cuts a reply in one pass: what is called valid is valid by the judge
// once it is cut, and cutting it again changes nothing. There is one exception: a
// member that only one branch of oneOf declares and refuses is what told it from
// another, and is undeclared there; without it, both hold.
func (s *subject) leaves(t testing.TB, body []byte) {
	out, cut, ok := s.ours.Cut(nil, body, jsonwalk.Limits{}, openapi.Options{Undeclared: openapi.Strip})
	if !ok {
		return
	}
	if !cut {
		out = body
	}
	if err := consult(t, s, decode(t, out)); err != nil {
		if cut && strings.Contains(err.Error(), "'oneOf' failed, subschemas") {
			return
		}
		t.Errorf("%s: what leaves is not valid: %.600s, cut from %.600s: %.600v", s.name, out, body, err)
	}
	if _, again, ok := s.ours.Cut(nil, out, jsonwalk.Limits{}, openapi.Options{Undeclared: openapi.Strip}); again || !ok {
		t.Errorf("%s: cut once more: %v %v: %.600s", s.name, again, ok, out)
	}
}

// consult asks the judge, which panics on some numbers that our lexer refuses.
func consult(t testing.TB, s *subject, value any) (err error) {
	judge := s.judge(t)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the judge panicked: %v", p)
		}
	}()
	return judge.Validate(value)
}

// reason returns the explanation of a disagreement, or "".
func (v *verdict) reason() string {
	for _, e := range explained {
		if e.holds(v) {
			return e.name
		}
	}
	return ""
}

// maker makes bodies for subjects from random numbers.
type maker struct{ *rand.Rand }

// palette is what is put in the place of values.
var palette = []string{
	`null`, `true`, `false`, `0`, `-0`, `1`, `-1`, `1.0`, `1.5`, `1e2`, `100e-2`, `12345678901`, `2147483648`, `9007199254740993`, `9223372036854775807`, `9223372036854775808`, `1e309`, `1e-300`, `0.1`, `0.3`,
	`""`, `"a"`, `"foo"`, `"\u00e9"`, `"\ud83d\ude00"`, `"2026-11-21"`, `"2026-11-21T10:00:00Z"`, `"192.0.2.1"`, `"x@example.com"`, `"https://example.com"`, `"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`,
	`[]`, `[1]`, `[1,1.0]`, `[null]`, `["a","b","a"]`, `{}`, `{"a":1}`, `{"foo":{"foo":1}}`, `{"__proto__":1}`,
}

// body makes one for the subject: valid at first, then spoilt in some places.
func (m maker) body(s *subject) []byte {
	var v any
	if len(s.data) > 0 && m.IntN(2) == 0 {
		_ = json.Unmarshal(s.data[m.IntN(len(s.data))], &v)
	} else {
		g := &sampler{defs: s.defs, all: m.IntN(2) == 0, branch: m.IntN(6), deep: 1 + m.IntN(4)}
		v = g.sample(s.plain, 0)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("null")
	}
	for range m.IntN(4) {
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		var v any
		if d.Decode(&v) != nil {
			return b
		}
		v = m.spoil(v, s, 0)
		next, err := json.Marshal(v)
		if err != nil {
			return b
		}
		b = next
	}
	return m.respell(b)
}

// spoil changes one place of a value.
func (m maker) spoil(v any, s *subject, depth int) any {
	switch v := v.(type) {
	case object:
		keys := sortedKeys(v)
		if len(keys) == 0 || m.IntN(6) == 0 {
			name := []string{"x", "foo", "bar", "a", "type", "id", "name", "FOO", "constructor"}[m.IntN(9)]
			if len(s.names) > 0 && m.IntN(2) == 0 {
				name = s.names[m.IntN(len(s.names))]
			}
			v[name] = json.RawMessage(palette[m.IntN(len(palette))])
			return v
		}
		k := keys[m.IntN(len(keys))]
		switch m.IntN(8) {
		case 0:
			delete(v, k)
		case 1:
			v[strings.ToUpper(k)] = v[k]
			delete(v, k)
		default:
			v[k] = m.spoil(v[k], s, depth+1)
		}
		return v
	case []any:
		switch n := len(v); {
		case n == 0 || m.IntN(6) == 0:
			return append(v, json.RawMessage(palette[m.IntN(len(palette))]))
		case m.IntN(6) == 0:
			return append(v, v[m.IntN(n)])
		case m.IntN(6) == 0:
			i := m.IntN(n)
			return append(slices.Clone(v[:i]), v[i+1:]...)
		default:
			i := m.IntN(n)
			v[i] = m.spoil(v[i], s, depth+1)
			return v
		}
	case json.Number:
		if r := rational(v); r != nil && m.IntN(2) == 0 {
			return decimal(new(big.Rat).Add(r, big.NewRat(int64(m.IntN(5)-2), int64(1+m.IntN(2)))))
		}
	case string:
		if m.IntN(3) == 0 {
			return v + string("ab é\x00"[m.IntN(3)])
		}
		if m.IntN(4) == 0 && v != "" {
			return v[:len(v)-1]
		}
	}
	return json.RawMessage(palette[m.IntN(len(palette))])
}

func sortedKeys(m object) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// respell writes the same value in other bytes, or nearly.
func (m maker) respell(b []byte) []byte {
	switch m.IntN(8) {
	case 0:
		var out bytes.Buffer
		if json.Indent(&out, b, " ", "\t") == nil {
			return out.Bytes()
		}
	case 1: // an escape for the first letter of a string
		if i := bytes.IndexByte(b, '"'); i >= 0 && i+1 < len(b) && b[i+1] >= 'a' && b[i+1] <= 'z' {
			return slices.Concat(b[:i+1], fmt.Appendf(nil, `\u%04x`, b[i+1]), b[i+2:])
		}
	case 2: // the first member twice
		if i := bytes.IndexByte(b, ','); i > 0 && b[0] == '{' && m.IntN(4) == 0 {
			return slices.Concat(b[:i], b[:0], []byte{','}, b[1:i], b[i:])
		}
	case 3:
		if i := m.IntN(len(b)); m.IntN(6) == 0 {
			return slices.Concat(b[:i], []byte{byte(m.IntN(256))}, b[i:])
		}
	}
	return b
}

// settle fails on a difference that nobody meant.
func (v *verdict) settle(t testing.TB, n tally) {
	if v.lexical == nil && !v.valid {
		t.Errorf("our lexer accepts what encoding/json does not: %q", v.body)
	}
	if v.agree() {
		if v.why == "" {
			n["accepted by both"]++
		} else {
			n["refused by both"]++
		}
		return
	}
	if r := v.reason(); r != "" {
		n["explained: "+r]++
		return
	}
	n["unexplained"]++
	schema, _ := json.Marshal(v.of.plain)
	t.Errorf("%s (%v)\nbody %.600s\nours %q, judge %.600v\nschema %.1500s", v.of.name, v.of.way, v.body, v.why, v.judge, schema)
}

// aside is the variable that lets the second judge differ alone, which is printed:
// a run that only asks whether a change may land does not stop at what that one
// makes of a schema against us and the judge. Whoever looks for explanations does.
const aside = "ORACLE_ASIDE"

// FuzzAgainstOracles looks for bodies that we and the judge, or we both and the
// second judge, see differently without a reason that the tables of explanations
// give. A body is judged as it is; without one, it is made from the seed.
func FuzzAgainstOracles(f *testing.F) {
	all := subjects(f)
	r := rand.New(rand.NewPCG(3, 11))
	for i, s := range all {
		for _, b := range s.data {
			f.Add(uint16(i), uint64(0), b)
		}
		f.Add(uint16(i), r.Uint64(), []byte(nil))
	}
	var doc jsonwalk.Doc
	f.Fuzz(func(t *testing.T, which uint16, seed uint64, body []byte) {
		s := all[int(which)%len(all)]
		if len(body) == 0 {
			body = maker{rand.New(rand.NewPCG(seed, uint64(which)))}.body(s)
		}
		v := s.compare(t, &doc, body)
		v.settle(t, tally{})
		if why, err, differs := v.differs(); differs && why == "" {
			says := fmt.Sprintf("%s: %.600s: we say %q, the second judge %.300v", s.name, v.body, v.why, err)
			if os.Getenv(aside) == "" {
				t.Error(says)
				return
			}
			fmt.Fprintln(os.Stderr, "the second judge stands alone:", says)
		}
	})
}

// agreed is how many bodies TestWeAgreeWithTheJudge makes for each schema.
const agreed = 12

// TestWeAgreeWithTheJudge is the fuzz target's work with fixed seeds, so that
// every run of the tests does some of it and prints what differed.
func TestWeAgreeWithTheJudge(t *testing.T) {
	all := subjects(t)
	n := tally{}
	var doc jsonwalk.Doc
	made := 0
	for i, s := range all {
		m := maker{rand.New(rand.NewPCG(2026, uint64(i)))}
		for range agreed {
			v := s.compare(t, &doc, m.body(s))
			v.settle(t, n)
			made++
		}
		for _, b := range s.data {
			s.compare(t, &doc, b).settle(t, n)
			made++
		}
	}
	t.Logf("figure disagreements without an explanation %d/0 of %d bodies for %d schemas:%v", n["unexplained"], made, len(all), n)
	if n["accepted by both"] < made/5 || n["refused by both"] < made/5 {
		t.Error("the test has lost its teeth")
	}
}
