// Package learn makes a description of an API out of its traffic, so that a team
// that has none can start with one.
//
// It defends from two things. What nobody meant to offer must not become a
// promise: only requests that the API itself has taken teach what may come in,
// and what the gateway would refuse on the wire teaches nothing. And traffic is
// full of people: a [Learner] keeps counts, lengths, magnitudes and forms, never
// values, but for two kinds of words that a description cannot be written
// without: the names of members, parameters and path segments, and the few
// values of members whose name says that they are a closed set ("status").
//
// It works in three steps. [Learner.Observe] adds one exchange to bounded
// statistics: a tree of path segments, and under it, per method, what was sent
// and answered. Settling decides which segments are values and not words. Writing
// turns what is left into OpenAPI 3.1, with head-room, sorted, so that the same
// traffic gives the same text.
package learn

import (
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/words"
	"github.com/gatehouse-api/gatehouse/wire"
)

// Exchange is one request and its answer as somebody saw them. Nothing of it is
// kept by reference.
type Exchange struct {
	Method string
	Target string           // in origin form (RFC 9112 section 3.2.1): path and query as sent
	Fields gatehouse.Fields // of the request, with names in lower case
	Body   Body
	Status int
	Reply  Body
}

// Body is what was seen of a body.
type Body struct {
	Type  string // Content-Type as sent
	Bytes []byte
	// Unseen is true for a body that was there and is not in Bytes, because it was
	// too long, encoded or not recorded: its media type alone teaches something.
	Unseen bool
}

func (b *Body) present() bool { return len(b.Bytes) > 0 || b.Unseen }

// media returns the type without parameters in lower case, or "" when it is none.
func (b *Body) media() string {
	name, _, _ := strings.Cut(b.Type, ";")
	name = strings.ToLower(strings.Trim(name, " \t"))
	if kind, sub, ok := strings.Cut(name, "/"); !ok || !token(kind) || !token(sub) {
		return ""
	}
	return name
}

func token(s string) bool {
	for i := range len(s) {
		if c := s[i]; !letter(c) && !digit(c) && strings.IndexByte("!#$&^_.+-", c) < 0 {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// maxSize bounds how many nodes of paths, shapes and parameters are kept: some
// 30 MB of memory whatever is seen.
const maxSize = 100_000

// Learner learns from exchanges. It may be used by several goroutines at once.
type Learner struct {
	mu      sync.Mutex
	formats *formats
	doc     jsonwalk.Doc // of the request's body
	reply   jsonwalk.Doc

	described []described // what is not learned again

	root   *node
	errors map[int]*answer // by status from 400: they are the API's, not an operation's
	size   int
	full   bool

	seen, learned int
	left          map[reason]int
}

// New returns a Learner that has seen nothing.
func New() (*Learner, error) {
	f, err := newFormats()
	if err != nil {
		return nil, err
	}
	return &Learner{formats: f, root: &node{}, errors: map[int]*answer{}, left: map[reason]int{}}, nil
}

// Count returns how many exchanges were seen, and how many of them have taught
// what the API takes.
func (l *Learner) Count() (seen, learned int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen, l.learned
}

// teaches reports whether an answer shows that the request was one that the API
// takes: it did what was asked, or would have but for the state of things.
func teaches(status int) bool { return status >= 200 && status < 400 || status == 409 || status == 412 }

// Observe learns from one exchange, and reports whether it has taught what the
// API takes. What has not is counted by its reason.
func (l *Learner) Observe(x *Exchange) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen++
	why := l.observe(x)
	if why != "" {
		l.left[why]++
		return false
	}
	l.learned++
	return true
}

// lesson is one exchange that has been read.
type lesson struct {
	*Learner
	x        *Exchange
	segments []string // decoded
	query    []pair
	form     []pair
	files    []file
	request  string // media type of the body, "" for none
	answer   string // the same of the reply
	doc      *jsonwalk.Doc
	reply    *jsonwalk.Doc
	echoes   []bool // by segment: the reply holds it as a value
}

type pair struct{ name, value string }

func (l *Learner) observe(x *Exchange) reason {
	q := lesson{Learner: l, x: x}
	if why := q.readHead(); why != "" {
		return why
	}
	if slices.ContainsFunc(l.described, func(d described) bool { return d.takes(x.Method, q.segments) }) {
		return leftDescribed
	}
	q.readReply()
	if !teaches(x.Status) {
		q.fail()
		return leftRefused
	}
	if page(q.answer) {
		return leftPage
	}
	if why := q.readRequest(); why != "" {
		return why
	}
	if why := q.crowded(); why != "" {
		return why
	}
	if why := l.room(); why != "" {
		return why
	}
	q.teach()
	return ""
}

// room makes room where there is none: siblings that are alike become one.
func (l *Learner) room() reason {
	if l.size < maxSize {
		return ""
	}
	if !l.full {
		l.root = l.root.settled("")
		l.size = l.root.size()
		l.full = l.size > maxSize*3/4
	}
	if l.full {
		return leftFull
	}
	return ""
}

// readHead reads the request line and the query.
func (q *lesson) readHead() reason {
	switch q.x.Method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE":
	default:
		return leftMethod
	}
	if q.x.Status < 200 || q.x.Status > 599 {
		return leftUnanswered
	}
	var r gatehouse.Request
	if wire.CanonicalTarget(&r, []byte(q.x.Target)) != nil {
		return leftTarget
	}
	for s := range strings.SplitSeq(r.Path[1:], "/") {
		q.segments = append(q.segments, wire.SegmentDecode(s))
	}
	if len(q.segments) > maxDepth {
		return leftTarget
	}
	for name, value := range wire.QueryPairs(r.Query) {
		if !queryName(name) || !readable(value) {
			return leftNames
		}
		q.query = append(q.query, pair{name, value})
	}
	return ""
}

// readRequest reads the request's body, or says why nothing can.
func (q *lesson) readRequest() reason {
	b := &q.x.Body
	if !b.present() {
		return ""
	}
	if q.request = b.media(); q.request == "" {
		return leftUntyped
	}
	switch {
	case b.Unseen && (openapi.IsJSON(q.request) || q.request == formType || q.request == partsType):
		return leftUnseen
	case b.Unseen:
	case openapi.IsJSON(q.request):
		if q.Learner.doc.Parse(b.Bytes, jsonwalk.Limits{}) != nil || !harmless(&q.Learner.doc) {
			return leftJSON
		}
		q.doc = &q.Learner.doc
	case q.request == partsType:
		return q.readParts(b)
	case q.request == formType:
		if !wellFormed(b.Bytes) {
			return leftForm
		}
		for name, value := range wire.QueryPairs(string(b.Bytes)) {
			if !queryName(name) || !readable(value) {
				return leftNames
			}
			q.form = append(q.form, pair{name, value})
		}
	}
	return ""
}

const formType = "application/x-www-form-urlencoded"

// wellFormed reports a form that the schema control reads: URL-encoded, without
// empty pairs.
func wellFormed(b []byte) bool {
	empty := true
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '%' && (i+2 >= len(b) || !hexDigit(b[i+1]) || !hexDigit(b[i+2])), c <= ' ', c == ';', c >= 0x7f, c == '&' && empty:
			return false
		default:
			empty = c == '&'
		}
	}
	return true
}

// harmless reports a document that holds no name and no number which the schema
// control refuses whatever the description says.
func harmless(d *jsonwalk.Doc) bool {
	for i := range d.Len() {
		if n := string(d.Name(i)); n == "__proto__" || n == "constructor" {
			return false
		}
	}
	return countable(d)
}

// countable reports a document without numbers that no program can hold.
func countable(d *jsonwalk.Doc) bool {
	for i := range d.Len() {
		if d.Kind(i) == jsonwalk.Number && !new(number).observe(string(d.Raw(i))) {
			return false
		}
	}
	return true
}

// readReply reads the reply's body, as far as it can be read.
func (q *lesson) readReply() {
	b := &q.x.Reply
	q.echoes = make([]bool, len(q.segments))
	if !b.present() || q.x.Method == "HEAD" {
		return
	}
	q.answer = b.media()
	if b.Unseen || !openapi.IsJSON(q.answer) || q.Learner.reply.Parse(b.Bytes, jsonwalk.Limits{}) != nil || !countable(&q.Learner.reply) {
		return
	}
	q.reply = &q.Learner.reply
	for i := range q.reply.Len() {
		if q.reply.Kind(i) != jsonwalk.String || !identifying(q.reply, i) {
			continue
		}
		for k, s := range q.segments {
			q.echoes[k] = q.echoes[k] || s == string(q.reply.Text(i))
		}
	}
}

// identifying reports a value under a name that values which identify something
// have: "id", "customer_id", "name", but not "role".
func identifying(d *jsonwalk.Doc, i int) bool {
	list := words.Of(string(d.Name(i)))
	if len(list) == 0 {
		return true // an element of an array
	}
	switch singular(list[len(list)-1]) {
	case "id", "uuid", "key", "name", "slug", "username", "login", "handle", "code", "number", "sku", "ref", "reference", "email", "user", "owner", "customer", "account", "sub", "subject":
		return true
	}
	return false
}

// readable reports a text that JSON could hold.
func readable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// page reports what browsers are sent to show and not what programs ask for.
func page(mediaType string) bool {
	switch mediaType {
	case "text/html", "text/css", "text/javascript", "application/javascript", "application/xhtml+xml":
		return true
	}
	return strings.HasPrefix(mediaType, "font/")
}

// teach adds the lesson to what is known.
func (q *lesson) teach() {
	n := q.walk()
	c := n.calls[q.x.Method]
	if c == nil {
		if n.calls == nil {
			n.calls = map[string]*call{}
		}
		c = &call{}
		n.calls[q.x.Method] = c
		q.size++
	}
	c.observe(q)
}

// fail counts a request that the API refused, and learns its answer.
func (q *lesson) fail() {
	if n := q.known(); n != nil && n.calls[q.x.Method] != nil {
		n.calls[q.x.Method].failed++
	}
	q.failure()
}

// failure learns an answer from 400 on as one that every operation may give. A
// stack trace is none.
func (q *lesson) failure() {
	if q.x.Status >= 500 && q.reply == nil && q.answer != "" {
		q.left[leftTrace]++
		return
	}
	if q.size >= maxSize {
		return
	}
	a := q.errors[q.x.Status]
	if a == nil {
		a = &answer{}
		q.errors[q.x.Status] = a
	}
	a.observe(q)
}
