package waf

import (
	"strconv"
	"strings"

	"github.com/corazawaf/libinjection-go"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/multipart"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// at is where a text stands.
type at struct {
	in, name string        // "query ", "q"
	doc      *jsonwalk.Doc // or a document and
	node     int           // one of its nodes
}

// hit is what was found.
type hit struct {
	answer *gatehouse.Answer
	rule   string
	at     at
}

// argument is a text for the Core Rule Set.
type argument struct {
	at   at
	text string
}

// scan is the memory of one exchange.
type scan struct {
	*filter
	hit     hit
	left    int  // bytes of text that libinjection may still be given
	room    int  // bytes of text that the Core Rule Set may still be given
	beyond  bool // there was more
	decodes []byte
	again   []byte
	doc     jsonwalk.Doc // a parameter or a part that is a document
	form    multipart.Form
	args    []argument
}

// kept is the most memory for decoded texts that a scan keeps.
const kept = 64 << 10

func (f *filter) borrow() *scan {
	s, ok := f.scans.Get().(*scan)
	if !ok {
		s = &scan{filter: f}
	}
	s.hit, s.left, s.room, s.beyond, s.decodes = hit{}, f.maxText, f.maxText, false, s.decodes[:0]
	return s
}

// rest takes a scan back. What one large request needed is not kept, and nothing
// of any request is.
func (f *filter) rest(s *scan) {
	clear(s.args)
	s.args, s.hit = s.args[:0], hit{}
	s.doc.Reset()
	if cap(s.decodes) > kept || cap(s.again) > kept {
		s.decodes, s.again = nil, nil
	}
	f.scans.Put(s)
}

// walk looks at the open strings of a document.
func (s *scan) walk(where at, d *jsonwalk.Doc, open *openapi.OpenText) bool {
	where.doc = d
	return open.Each(d, func(node int, isName bool) bool {
		where.node = node
		if isName {
			return s.look(where, str(d.Name(node)))
		}
		return s.look(where, str(d.Text(node)))
	})
}

// member looks at a member of a form: its value and, when nobody declared it, its
// name.
func (s *scan) member(in, name, value string, open *openapi.OpenText) bool {
	where := at{in: in, name: name}
	o, isName := open.Member(view(name))
	if isName {
		if where.name = "*"; !s.look(where, name) {
			return false
		}
	}
	return s.value(where, value, o)
}

// value looks at a text, and at the strings in it when it stands for a document.
func (s *scan) value(where at, text string, open *openapi.OpenText) bool {
	switch {
	case open.Text():
		return s.look(where, text)
	case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
		return s.document(where, text, open)
	}
	return true
}

// parts looks at a form of parts: at texts, documents and the names of files, not
// at what is in files. It returns false once something was found, and for what is
// no form.
func (s *scan) parts(contentType string, body []byte, open *openapi.OpenText) bool {
	defer s.form.Reset()
	boundary, err := multipart.Boundary(contentType)
	if err != nil || s.form.Parse(body, boundary, multipart.Limits{Parts: mostTexts}) != nil {
		return false
	}
	whole := true
	for i := range s.form.Parts {
		p := &s.form.Parts[i]
		name, _, _ := strings.Cut(p.Type, ";")
		name = strings.ToLower(strings.Trim(name, " \t"))
		o, isName := open.Member(view(p.Name))
		where := at{in: "part ", name: p.Name}
		if isName {
			where.name = "*"
		}
		ok := s.look(at{in: "file name of ", name: where.name}, p.Filename)
		switch {
		case !ok:
		case openapi.IsJSON(name):
			ok = (!isName || s.look(where, p.Name)) && s.document(where, str(p.Content), o)
		case p.File, name != "" && name != "text/plain":
			whole = whole && len(p.Content) == 0
		default:
			ok = s.member("part ", p.Name, str(p.Content), open)
		}
		if !ok {
			return false
		}
	}
	return whole
}

// document looks at a parameter that is a JSON document. What is none has been
// refused by the control schema, and is a text to everybody else.
func (s *scan) document(where at, text string, open *openapi.OpenText) bool {
	if s.doc.Parse(view(text), limits) != nil {
		return s.look(where, text)
	}
	return s.walk(where, &s.doc, open)
}

// look gives one text to the quick rules and keeps it for the others. It returns
// false when something was found.
func (s *scan) look(where at, text string) bool {
	if text == "" {
		return true
	}
	if !s.quickly(where, text) {
		return false
	}
	// An escape that is left after decoding may be decoded once more behind us.
	if s.escaped(text) && !s.quickly(where, str(s.again)) {
		return false
	}
	if s.rules != nil {
		s.keep(where, text)
	}
	return true
}

// The portions in which the Core Rule Set is given texts. A long text is cut, and
// the pieces overlap by so much that what is cut apart stands whole in one.
const (
	portion   = 1 << 10
	overlap   = 128
	texts     = 64  // of one portion
	mostTexts = 512 // of one request
)

// keep keeps a text for the Core Rule Set, cut into pieces.
func (s *scan) keep(where at, text string) {
	if where.doc == &s.doc {
		// The next parameter is read into the same memory.
		where.name, text = where.name+" "+s.doc.Pointer(where.node), strings.Clone(text)
		where.doc = nil
	}
	for text != "" {
		if s.room == 0 || len(s.args) == mostTexts {
			s.beyond = true
			return
		}
		piece := text[:min(len(text), portion, s.room)]
		s.room -= len(piece)
		s.args = append(s.args, argument{where, piece})
		if len(piece) == len(text) {
			return
		}
		text = text[max(len(piece)-overlap, 1):]
	}
}

// judge gives what was kept to the Core Rule Set, portion by portion, for as long
// as there is time.
func (f *filter) judge(s *scan) error {
	start := f.now()
	for from := 0; from < len(s.args); {
		if from > 0 && f.now().Sub(start) > f.budget {
			s.beyond = true
			return nil
		}
		to, size := from, 0
		for to < len(s.args) && to-from < texts && size+len(s.args[to].text) <= portion {
			size += len(s.args[to].text)
			to++
		}
		id, i, err := f.rules.judge(s.args[from:to])
		if err != nil {
			return err
		}
		if id != 0 {
			s.hit = hit{answerOf(id), "rule " + strconv.Itoa(id), s.args[from+i].at}
			return nil
		}
		from = to
	}
	return nil
}

// answerOf returns the answer for a rule of the Core Rule Set, whose ids begin
// with the number of the file.
func answerOf(id int) *gatehouse.Answer {
	switch id / 1000 {
	case 941:
		return xss
	case 942:
		return sqli
	}
	return rule
}

// quickly asks libinjection about texts in which a literal stands.
func (s *scan) quickly(where at, text string) bool {
	signs, sure := s.literals.find(text)
	if sure != "" {
		s.hit = hit{rule, sure, where}
		return false
	}
	if signs == 0 {
		return true
	}
	if n := len(text); n > s.left {
		text, s.beyond = text[:s.left], true
	}
	s.left -= len(text)
	if signs&ofSQL != 0 {
		if found, _ := libinjection.IsSQLi(text); found {
			s.hit = hit{sqli, "libinjection", where}
			return false
		}
	}
	if signs&ofHTML != 0 && libinjection.IsXSS(text) {
		s.hit = hit{xss, "libinjection", where}
		return false
	}
	return true
}

// place names where something was found: a parameter, or the JSON pointer of a
// member. It holds no value, and no name that is not the description's.
func (s *scan) place() string {
	a := &s.hit.at
	switch {
	case a.doc == nil:
		return a.in + a.name
	case a.in != "":
		return a.in + a.name + " " + a.doc.Pointer(a.node)
	}
	return "body " + a.doc.Pointer(a.node)
}

// decoded returns the text that the escapes of a query or a form stand for.
func (s *scan) decoded(text string) string {
	start := len(s.decodes)
	var plain bool
	if s.decodes, plain = unescape(s.decodes, text, true); plain {
		s.decodes = s.decodes[:start]
		return text
	}
	return str(s.decodes[start:])
}

// escaped decodes a text once more into s.again, and reports whether that made
// a difference.
func (s *scan) escaped(text string) bool {
	var plain bool
	s.again, plain = unescape(s.again[:0], text, false)
	return !plain
}
