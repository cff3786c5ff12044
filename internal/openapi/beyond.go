package openapi

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi/fallback"
)

// ErrUnsupported is wrapped when a description asks for what is not checked here:
// $dynamicRef, dialects and vocabularies other than those of 2020-12, and patterns
// that cannot be matched in linear time.
var ErrUnsupported = errors.New("openapi: schema not supported")

// LoadOptions say how a description is read. The zero LoadOptions are strict.
type LoadOptions struct {
	// Fallback lets a library judge the bodies and parameters whose schemas have
	// $dynamicRef or are of another dialect or vocabulary; without it they do not
	// load. It is slower, takes documents of 4,096 values and 64 KB of text at most,
	// and knows neither readOnly, writeOnly nor which members below such a schema are
	// undeclared.
	Fallback bool
	// States bounds the states of the program of one schema, from 1; zero means
	// 20,000. A schema that needs more is judged on the tape, which costs more and
	// comes to the same verdict.
	States int
	// Rules are those for roles that the description does not hold itself. Those
	// that cannot hold are told by a [*RuleError].
	Rules []Rule
}

// apply sets what the options say.
func (o LoadOptions) apply(l *loader) {
	l.fallback, l.written = o.Fallback, o.Rules
	if o.States > 0 {
		l.shared.states = o.States
	}
}

// Load is [Load] with options.
func (o LoadOptions) Load(path string) (*Document, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	defer root.Close()
	return o.parse(path, filepath.Base(path), data, root.FS())
}

// Parse is [Parse] with options.
func (o LoadOptions) Parse(name string, data []byte) (*Document, error) {
	return o.parse(name, filepath.Base(name), data, nil)
}

func (o LoadOptions) parse(name, base string, data []byte, folder fs.FS) (*Document, error) {
	l := newLoader(fromFolder(folder))
	o.apply(l)
	return l.document(name, base, data)
}

// unsupportedError is one place that is not supported.
type unsupportedError struct{ at *Error }

func (e unsupportedError) Error() string { return e.at.Error() }

func (e unsupportedError) Unwrap() error { return e.at }

// Is reports [ErrUnsupported], which has nothing to say besides.
func (e unsupportedError) Is(target error) bool { return target == ErrUnsupported }

// beyond notes that only a library could judge the schema. Of OpenAPI 3.0's
// schemas none does.
func (c *compiler) beyond(v at, says string) {
	if c.fallback && c.dialect != dialect30 {
		c.s.unsupported = true
		c.finding(v, true, says+"; a library judges it, which knows neither readOnly, writeOnly nor what is undeclared below")
		return
	}
	c.unsupported(v, says)
}

// metaSchema reports a reference to a schema of schemas, which the library has.
func (l *loader) metaSchema(ref at) bool {
	return l.fallback && strings.HasPrefix(ref.text(), "https://json-schema.org/draft/")
}

// entry compiles a schema that bodies or parameters are judged by.
func (l *loader) entry(a at, in resource) (*Schema, error) {
	s, err := l.schema(a, in)
	if err != nil || !l.fallback {
		return s, err
	}
	// Where a reference leads to within its resource, the same is meant.
	for range 16 {
		ref := a.get("$ref")
		if !ref.is(jsonwalk.String) || !l.alone(a) {
			break
		}
		to, res, err := l.resolve(ref.text(), ref, l.within(a, in))
		if err != nil || res.uri != in.uri {
			break
		}
		a = to
	}
	if l.entries == nil {
		l.entries = map[*Schema]map[at]resource{}
	}
	if l.entries[s] == nil {
		l.entries[s] = map[at]resource{}
	}
	l.entries[s][a] = in
	return s, nil
}

// refuse returns what a description may not ask for.
func (l *loader) refuse() error {
	return errors.Join(l.refused[:min(len(l.refused), 20)]...)
}

// judges makes the judges of the schemas that reach what only a library can judge.
func (l *loader) judges() error {
	for s, places := range l.entries {
		reach := reached{seen: map[*Schema]bool{}}
		reach.look(s)
		if !reach.unsupported {
			continue
		}
		for a := range places {
			j, err := l.judge(a)
			if err != nil {
				return unsupportedError{&Error{a.place(), "the library does not take this schema: " + err.Error()}}
			}
			if len(l.shared.roles) > 0 {
				return unsupportedError{&Error{a.place(), "a schema that a library judges, in a description with rules for roles, which the library does not know"}}
			}
			s.judges = append(s.judges, j)
		}
		s.opaque = reach.mixed
	}
	return nil
}

// judge makes the library's judge of the schema at a.
func (l *loader) judge(a at) (*fallback.Judge, error) {
	r := fallback.Rules{
		Open: func(uri string) (*jsonwalk.Doc, error) {
			if r, ok := l.resources[uri]; ok && r.root.n == 0 {
				return &r.root.doc, nil
			}
			data, err := l.open(uri)
			if err != nil {
				return nil, err
			}
			t, err := l.parse(uri, strings.TrimPrefix(uri, "file:///"), data)
			if err != nil {
				return nil, err
			}
			return &t.doc, nil
		},
		Pattern: func(s string) (fallback.Pattern, error) {
			p, err := l.patternOf(s)
			return matcher{p, s}, err
		},
	}
	if sh := l.shared; sh.formats {
		r.Text = func(name string, v []byte) bool {
			f, _ := formatOf(name)
			return f == noFormat || f.numeric() || f.matches(v)
		}
		r.Number = func(name string, v []byte) bool {
			var d jsonwalk.Decimal
			d.Set(v)
			f, _ := formatOf(name)
			return !sh.overflows(v) && (!f.whole() || d.Integer() && sh.ranges[f].holds(&d)) && (f != formatFloat || sh.ranges[f].holds(&d))
		}
	}
	return fallback.New(a.uri, a.pointer(), r)
}

// matcher is a pattern as the library wants it.
type matcher struct {
	*pattern
	text string
}

func (m matcher) MatchString(s string) bool { return m.match([]byte(s)) }
func (m matcher) String() string            { return m.text }

// reached looks through all that a schema reaches.
type reached struct {
	seen        map[*Schema]bool
	unsupported bool
	// mixed reports keywords under which it matters what the rest accepts too much:
	// then the library judges alone.
	mixed bool
}

func (r *reached) look(s *Schema) {
	if s == nil || r.seen[s] {
		return
	}
	r.seen[s] = true
	r.unsupported = r.unsupported || s.unsupported
	if p := s.inPlace; p != nil {
		r.mixed = r.mixed || p.not != nil || p.ifs != nil || p.oneOf != nil
	}
	r.mixed = r.mixed || s.object != nil && s.object.rest != nil || s.array != nil && (s.array.rest != nil || s.array.contains != nil)
	for _, part := range s.parts() {
		r.look(part)
	}
}

// lift lets a value pass that the library judges, and all its members. Where no
// library does, as for a part of a schema that is judged by itself, nothing does:
// whatever stands above, the document is refused.
func (r *run) lift(i int) bool {
	if !r.beyond {
		r.over, r.at, r.keyword = true, i, "unsupported"
		return false
	}
	if k := r.d.Kind(i); k == jsonwalk.Object || k == jsonwalk.Array {
		for c, end := i+1, r.d.Next(i); c < end; c = r.d.Next(c) {
			if !odd(string(r.d.Name(c))) {
				r.mark(c, declared)
			}
		}
	}
	return true
}

// judged asks the library, where it has a say.
func (s *Schema) judged(d *jsonwalk.Doc) (Violation, bool) {
	for _, j := range s.judges {
		switch j.Judge(d) {
		case fallback.Valid:
		case fallback.Spent:
			return Violation{Keyword: "budget"}, false
		default:
			return Violation{Keyword: "fallback"}, false
		}
	}
	return Violation{}, true
}
