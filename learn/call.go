package learn

import (
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

// The most names of parameters and media types of one operation.
const (
	maxParameters = 64
	maxHeaders    = 32
	maxTypes      = 8
	maxAlternates = 8
)

// call is what is known of one method of one path.
type call struct {
	samples int // requests that the API has taken
	failed  int // requests that it refused, as far as the path was known then
	query   map[string]*parameter
	headers map[string]*parameter
	bodies  int // samples with a body
	takes   map[string]*payload
	answers map[int]*answer
	auth    map[string]int // by the credentials that came together
}

// parameter is what is known of a query parameter, a header or a form's member.
type parameter struct {
	n     int // samples that have it
	most  int // how often it came in one of them
	value scalar
}

// payload is what is known of the bodies of one media type.
type payload struct {
	n     int
	shape *shape                // of JSON
	form  map[string]*parameter // of forms
	files map[string]*upload    // of multipart forms
}

// answer is what is known of the replies with one status.
type answer struct {
	content map[string]*shape // by media type; nil where nothing is known
}

// crowded says why the lesson does not fit into what is known of its call.
func (q *lesson) crowded() reason {
	known := &call{}
	if n := q.known(); n != nil && n.calls[q.x.Method] != nil {
		known = n.calls[q.x.Method]
	}
	if crowd(known.query, q.query) {
		return leftNames
	}
	if q.request == "" {
		return ""
	}
	p := known.takes[q.request]
	switch {
	case p == nil && len(known.takes) == maxTypes:
		return leftUntyped
	case p == nil:
		p = &payload{}
	}
	switch {
	case crowd(p.form, q.form) || len(p.files)+len(q.files) > maxParameters:
		return leftNames
	case p.mixed(q):
		return leftParts
	}
	return ""
}

func crowd(known map[string]*parameter, list []pair) bool {
	fresh := map[string]bool{}
	for _, p := range list {
		if known[p.name] == nil {
			fresh[p.name] = true
		}
	}
	return len(known)+len(fresh) > maxParameters
}

// observe adds a lesson.
func (c *call) observe(q *lesson) {
	c.samples++
	c.query = gather(q.Learner, c.query, q.query)
	c.fields(q)
	if q.request != "" {
		c.bodies++
		c.body(q)
	}
	if c.answers == nil {
		c.answers = map[int]*answer{}
	}
	if q.x.Status < 400 {
		if c.answers[q.x.Status] == nil {
			c.answers[q.x.Status] = &answer{}
			q.size++
		}
		c.answers[q.x.Status].observe(q)
	} else {
		q.failure()
	}
	used := credentials(q.x.Fields, q.query)
	if c.auth == nil {
		c.auth = map[string]int{}
	}
	if _, ok := c.auth[used]; ok || len(c.auth) < maxAlternates {
		c.auth[used]++
	}
}

// gather adds the parameters of one request.
func gather(l *Learner, to map[string]*parameter, list []pair) map[string]*parameter {
	times := map[string]int{}
	for _, v := range list {
		p := to[v.name]
		if p == nil {
			if to == nil {
				to = map[string]*parameter{}
			}
			p = &parameter{}
			to[strings.Clone(v.name)] = p
			l.size++
		}
		if times[v.name]++; times[v.name] == 1 {
			p.n++
		}
		p.most = max(p.most, times[v.name])
		p.value.observe(l.formats, v.value, v.name)
	}
	return to
}

// fields adds the header fields that an API may have given a meaning of its own.
func (c *call) fields(q *lesson) {
	var list []pair
	for _, f := range q.x.Fields {
		if !ownField(f.Name) || len(c.headers) >= maxHeaders && c.headers[f.Name] == nil {
			continue
		}
		if readable(f.Value) {
			list = append(list, pair{f.Name, f.Value})
		}
	}
	c.headers = gather(q.Learner, c.headers, list)
}

func (c *call) body(q *lesson) {
	p := c.takes[q.request]
	if p == nil {
		if c.takes == nil {
			c.takes = map[string]*payload{}
		}
		p = &payload{}
		c.takes[q.request] = p
		q.size++
	}
	p.n++
	if q.doc != nil {
		if p.shape == nil {
			p.shape = q.shape()
		}
		p.shape.observe(q.Learner, q.doc, 0, 0, "")
	}
	p.form = gather(q.Learner, p.form, q.form)
	p.upload(q.Learner, q.files)
}

func (a *answer) observe(q *lesson) {
	if q.answer == "" {
		return
	}
	s, known := a.content[q.answer]
	if !known && len(a.content) == maxTypes {
		return
	}
	if a.content == nil {
		a.content = map[string]*shape{}
	}
	if q.reply != nil {
		if s == nil {
			s = q.shape()
		}
		s.observe(q.Learner, q.reply, 0, 0, "")
	}
	a.content[q.answer] = s
}

func (c *call) add(o *call) {
	c.samples, c.failed, c.bodies = c.samples+o.samples, c.failed+o.failed, c.bodies+o.bodies
	c.query, c.headers = addAll(c.query, o.query), addAll(c.headers, o.headers)
	for name, p := range o.takes {
		if c.takes == nil {
			c.takes = map[string]*payload{}
		}
		to := c.takes[name]
		if to == nil {
			to = &payload{}
			c.takes[name] = to
		}
		to.n += p.n
		to.shape = addShape(to.shape, p.shape)
		to.form = addAll(to.form, p.form)
		to.addFiles(p)
	}
	for status, a := range o.answers {
		if c.answers == nil {
			c.answers = map[int]*answer{}
		}
		to := c.answers[status]
		if to == nil {
			to = &answer{content: map[string]*shape{}}
			c.answers[status] = to
		}
		for name, s := range a.content {
			to.content[name] = addShape(to.content[name], s)
		}
	}
	for used, n := range o.auth {
		if c.auth == nil {
			c.auth = map[string]int{}
		}
		c.auth[used] += n
	}
}

func addShape(to, s *shape) *shape {
	if s == nil {
		return to
	}
	if to == nil {
		to = &shape{}
	}
	to.add(s)
	return to
}

func addAll(to, from map[string]*parameter) map[string]*parameter {
	for name, p := range from {
		if to == nil {
			to = map[string]*parameter{}
		}
		if to[name] == nil {
			to[name] = &parameter{}
		}
		t := to[name]
		t.n += p.n
		t.most = max(t.most, p.most)
		t.value.add(&p.value)
	}
	return to
}

func (c *call) size() int {
	n := 1 + len(c.query) + len(c.headers)
	for _, p := range c.takes {
		n += 1 + len(p.form) + len(p.files)
		if p.shape != nil {
			n += p.shape.size()
		}
	}
	for _, a := range c.answers {
		n++
		for _, s := range a.content {
			if s != nil {
				n += s.size()
			}
		}
	}
	return n
}

// ownField reports a header field that may be a parameter of the API: none of
// HTTP's own, of credentials, of browsers, of proxies and of tracing.
func ownField(name string) bool {
	switch name {
	case "if-match", "idempotency-key", "api-version", "accept-version", "prefer":
		return true
	case "x-requested-with", "x-real-ip", "x-request-id", "x-correlation-id", "x-trace-id", "x-client-ip", "x-cluster-client-ip", "x-http-method-override",
		"x-http-method", "x-method-override", "x-original-url", "x-rewrite-url", "x-host", "x-wap-profile", "x-att-deviceid", "x-ua-compatible":
		return false
	}
	if !strings.HasPrefix(name, "x-") || !memberName(name) || credentialName(name) || strings.Contains(name, "csrf") || strings.Contains(name, "xsrf") {
		return false
	}
	for _, p := range [...]string{"x-forwarded", "x-amz", "x-amzn", "x-b3-", "x-envoy", "x-cloud", "x-datadog", "x-appengine", "x-goog", "x-azure", "x-ms-", "x-vercel", "x-akamai", "x-newrelic", "x-sentry"} {
		if strings.HasPrefix(name, p) {
			return false
		}
	}
	return true
}

// keyInQuery reports credentials in the URL.
func (c *call) keyInQuery() bool {
	for used := range c.auth {
		if strings.Contains(used, inQuery) {
			return true
		}
	}
	return false
}

// cookies returns the names of the cookies in the fields.
func cookies(f gatehouse.Fields) (names []string) {
	for _, h := range f {
		if h.Name != "cookie" {
			continue
		}
		for c := range strings.SplitSeq(h.Value, ";") {
			name, _, ok := strings.Cut(strings.Trim(c, " \t"), "=")
			if ok {
				names = append(names, name)
			}
		}
	}
	return names
}
