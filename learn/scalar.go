package learn

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/words"
)

// formats asks the validator itself which formats a text has, so that what is
// written is what will be enforced.
type formats struct {
	schemas []*openapi.Schema
	doc     jsonwalk.Doc
}

// known are the formats that are learned, the closest first.
var known = [...]string{"date-time", "date", "uuid", "ipv4", "email", "uri"}

// room is how long texts of a format may be, whatever was seen; 0 is open.
var room = [len(known)]int{64, 10, 36, 15, 254, 0}

const everyFormat = 1<<len(known) - 1

func newFormats() (*formats, error) {
	var b strings.Builder
	b.WriteString("openapi: 3.1.0\ninfo: {title: formats, version: '1'}\npaths: {/: {get: {parameters: [")
	for _, name := range known {
		fmt.Fprintf(&b, "{name: %s, in: query, schema: {type: string, format: %s}}, ", name, name)
	}
	b.WriteString("], responses: {'200': {description: ok}}}}}\n")
	d, err := openapi.Parse("formats", []byte(b.String()))
	if err != nil {
		return nil, fmt.Errorf("learn: compiling the formats: %w", err)
	}
	f := &formats{}
	for _, p := range d.Operations[0].Parameters {
		f.schemas = append(f.schemas, p.Schema)
	}
	return f, nil
}

// of returns those of the candidates that the text has.
func (f *formats) of(candidates uint8, s string) uint8 {
	if len(s) > 2048 {
		return 0
	}
	for i, schema := range f.schemas {
		if candidates&(1<<i) == 0 {
			continue
		}
		f.doc.Begin()
		f.doc.Scalar(jsonwalk.String, []byte(s))
		_, ok := schema.Validate(&f.doc, openapi.Options{})
		if !ok || known[i] == "uri" && !strings.Contains(s, "://") {
			candidates &^= 1 << i
		}
	}
	return candidates
}

// text is what is known of texts.
type text struct {
	n        int
	min, max int   // code points
	not      uint8 // formats that some text did not have
	odd      bool  // some text held more than letters, digits, "-", "_", "." and "~"
	words    map[string]int
	varied   bool // the texts are no closed set of words
}

// maxWords bounds a closed set.
const maxWords = 8

func (t *text) observe(f *formats, s, name string) {
	size := utf8.RuneCountInString(s)
	if t.n == 0 || size < t.min {
		t.min = size
	}
	t.n++
	t.max = max(t.max, size)
	t.not = everyFormat &^ f.of(everyFormat&^t.not, s)
	t.odd = t.odd || !unreserved(s)
	switch {
	case t.varied:
	case !enumerates(name) || !word(s):
		t.varied, t.words = true, nil
	default:
		if t.words == nil {
			t.words = map[string]int{}
		}
		t.words[strings.Clone(s)]++
		t.settle()
	}
}

func (t *text) settle() {
	if t.varied || len(t.words) > maxWords {
		t.varied, t.words = true, nil
	}
}

func (t *text) add(o *text) {
	if o.n == 0 {
		return
	}
	if t.n == 0 || o.min < t.min {
		t.min = o.min
	}
	t.n += o.n
	t.max = max(t.max, o.max)
	t.not |= o.not
	t.odd = t.odd || o.odd
	t.varied = t.varied || o.varied
	for w, n := range o.words {
		if t.words == nil {
			t.words = map[string]int{}
		}
		t.words[w] += n
	}
	t.settle()
}

// closed returns the values of a closed set, sorted, or nil when the texts are
// none: there are few words, and each was seen often.
func (t *text) closed() (list []string) {
	if t.varied || t.n < many || len(t.words) < 2 {
		return nil
	}
	for w, n := range t.words {
		if n < often {
			return nil
		}
		list = append(list, w)
	}
	slices.Sort(list)
	return list
}

// format returns the index of the format that all texts have, or -1.
func (t *text) format() int {
	if t.n < few {
		return -1
	}
	for i := range known {
		if t.not&(1<<i) == 0 {
			return i
		}
	}
	return -1
}

// word reports a text that may be written into a description as one of a closed
// set: letters, in one case or with a hump, and separators. No number, address,
// token or title-case name is one.
func word(s string) bool {
	if len(s) < 2 || len(s) > 24 || !letter(s[0]) {
		return false
	}
	for i := range len(s) {
		if !letter(s[i]) && (s[i] != '_' && s[i] != '-' || i == len(s)-1) {
			return false
		}
	}
	return s == strings.ToUpper(s) || s[0] >= 'a'
}

// enumerates reports a name whose values may be a closed set. It works by what
// is allowed: under any other name a few short words may be people.
func enumerates(name string) bool {
	list := words.Of(name)
	if len(list) == 0 {
		return false
	}
	for _, w := range list {
		switch w {
		case "gender", "sex", "religion", "race", "ethnic", "ethnicity", "marital", "health", "blood", "medical", "diagnosis", "disease", "party", "user", "customer", "person", "name":
			return false
		}
	}
	switch singular(list[len(list)-1]) {
	case "status", "state", "type", "kind", "role", "mode", "level", "category", "currency", "unit", "priority", "severity", "method", "channel",
		"format", "order", "sort", "direction", "plan", "tier", "scope", "action", "event", "visibility", "stage", "phase", "result", "outcome",
		"frequency", "interval", "period", "protocol", "algorithm", "alg", "encoding", "theme", "object":
		return true
	}
	return false
}

// unreserved reports RFC 3986 section 2.3.
func unreserved(s string) bool {
	for i := range len(s) {
		if !letter(s[i]) && !digit(s[i]) && strings.IndexByte("-_.~", s[i]) < 0 {
			return false
		}
	}
	return true
}

// number is what is known of numbers.
type number struct {
	ints, fractions int
	low, high       float64
}

// observe adds a JSON number and reports whether it is one that programs can
// hold.
func (n *number) observe(raw string) bool {
	v, err := strconv.ParseFloat(raw, 64)
	if err != nil || math.IsInf(v, 0) {
		return false
	}
	if n.ints+n.fractions == 0 {
		n.low, n.high = v, v
	}
	n.low, n.high = min(n.low, v), max(n.high, v)
	if strings.ContainsAny(raw, ".eE") {
		n.fractions++
	} else {
		n.ints++
	}
	return true
}

func (n *number) add(o *number) {
	if o.ints+o.fractions == 0 {
		return
	}
	if n.ints+n.fractions == 0 {
		n.low, n.high = o.low, o.high
	}
	n.low, n.high = min(n.low, o.low), max(n.high, o.high)
	n.ints, n.fractions = n.ints+o.ints, n.fractions+o.fractions
}

// scalar is what is known of values that travel as text: segments, parameters,
// members of forms.
type scalar struct {
	text    text // of all of them
	number  number
	truths  int
	strange bool // some value is neither a number nor true or false
}

func (s *scalar) observe(f *formats, value, name string) {
	s.text.observe(f, value, name)
	switch {
	case value == "true", value == "false":
		s.truths++
	case jsonwalk.ScanNumber([]byte(value)) && s.number.observe(value):
	default:
		s.strange = true
	}
}

// repeat adds a word of the path that turned out to be a value, n times.
func (s *scalar) repeat(word string, n int) {
	t := text{n: n, min: len(word), max: len(word), not: everyFormat, odd: !unreserved(word), varied: true}
	s.text.add(&t)
	s.strange = true
}

func (s *scalar) add(o *scalar) {
	s.text.add(&o.text)
	s.number.add(&o.number)
	s.truths += o.truths
	s.strange = s.strange || o.strange
}
