package object

import (
	"bytes"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/internal/percent"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

var (
	idMissing   = &gatehouse.Answer{Status: 400, Reason: "object.id_missing", Public: "The request does not name its object"}
	idAmbiguous = &gatehouse.Answer{Status: 400, Reason: "object.id_ambiguous", Public: "The request names its object in more than one way"}
	idMalformed = &gatehouse.Answer{Status: 400, Reason: "object.id_malformed", Public: "The request names its object in a form that it has not"}
	tooMany     = &gatehouse.Answer{Status: 400, Reason: "object.too_many", Public: "The request names too many objects"}
)

const (
	mostOwned   = 1000 // objects of one request, where a map knows their owners
	mostLookups = 20   // where each is read upstream
	longestID   = 512  // bytes
)

// place is a part of a request.
type place uint8

const (
	inPath place = iota
	inQuery
	inHeader
	inBody
)

// position is where a request names objects. It is compiled once.
type position struct {
	in      place
	name    string
	path    *jsonwalk.Path // in the body
	form    form
	many    bool // a list
	split   bool // one value is a list with commas between
	segment int  // of the path, from 1
}

// form is what an id looks like, by its schema. An id that could be written in two
// ways would be two objects to us and one to the upstream.
type form uint8

const (
	opaque  form = iota // nothing is known: another spelling is another id
	integer             // digits, without leading zeros
	uuid                // 36 characters; forwarded in lower case (RFC 9562 section 4)
)

// judge reports whether an id is of its form, and whether its canonical form is
// another.
func (f form) judge(id string) (ok, other bool) {
	if id == "" || id == "." || id == ".." || len(id) > longestID {
		return false, false
	}
	switch f {
	case integer:
		digits := strings.TrimPrefix(id, "-")
		for i := range len(digits) {
			if digits[i] < '0' || digits[i] > '9' {
				return false, false
			}
		}
		return id == "0" || digits != "" && digits[0] != '0', false
	case uuid:
		if len(id) != 36 {
			return false, false
		}
		for i := range len(id) {
			switch c := id[i]; {
			case i == 8 || i == 13 || i == 18 || i == 23:
				if c != '-' {
					return false, false
				}
			case c >= 'A' && c <= 'F':
				other = true
			case c < '0' || c > '9' && c < 'a' || c > 'f':
				return false, false
			}
		}
	}
	return true, other
}

// settle refuses what does not name objects in exactly one way, and brings what is
// forwarded into the canonical form.
func (p *position) settle(x *gatehouse.Exchange) *gatehouse.Answer {
	other, n := false, 0
	refusal := p.each(x, func(id string) *gatehouse.Answer {
		ok, o := p.form.judge(id)
		if n++; !ok {
			return idMalformed
		}
		other = other || o
		return nil
	})
	switch {
	case refusal != nil:
		return refusal
	case n == 0:
		return idMissing // to some upstreams, no id is every id
	case n > mostOwned:
		return tooMany
	case other:
		return p.lower(x)
	}
	return nil
}

// each calls f for every id that stands there, as it stands there, until f refuses.
// The ids live as long as the exchange.
func (p *position) each(x *gatehouse.Exchange, f func(id string) *gatehouse.Answer) *gatehouse.Answer {
	switch p.in {
	case inPath:
		id, ok := x.Request.Param(p.name)
		if !ok {
			return idMissing
		}
		return f(id)
	case inQuery:
		return p.queried(x, f)
	case inHeader:
		return p.fielded(x, f)
	}
	return p.bodied(x, f)
}

// queried finds ids in the query. A name that another reader may take for ours is
// refused: of another case, or with brackets.
func (p *position) queried(x *gatehouse.Exchange, f func(string) *gatehouse.Answer) *gatehouse.Answer {
	seen := 0
	for rest := x.Request.Query; rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		raw, value, _ := strings.Cut(pair, "=")
		name := decoded(x, raw)
		if name != p.name {
			if bare, _, _ := strings.Cut(name, "["); strings.EqualFold(bare, p.name) {
				return idAmbiguous
			}
			continue
		}
		// A plus sign is a space to some, and itself to others.
		if seen++; seen > 1 && !p.many || strings.IndexByte(value, '+') >= 0 {
			return idAmbiguous
		}
		for more := true; more; {
			one := value
			if p.split {
				one, value, more = strings.Cut(value, ",")
			} else {
				more = false
			}
			if a := f(decoded(x, one)); a != nil {
				return a
			}
		}
	}
	return nil
}

// decoded returns what stands for a part of a query.
func decoded(x *gatehouse.Exchange, raw string) string {
	if strings.IndexByte(raw, '%') < 0 {
		return raw
	}
	return x.Append(func(b []byte) []byte { return percent.Append(b, raw, false) })
}

// fielded finds ids in a header field.
func (p *position) fielded(x *gatehouse.Exchange, f func(string) *gatehouse.Answer) *gatehouse.Answer {
	switch n := x.Request.Fields.Count(p.name); {
	case n == 0:
		return nil
	case n > 1:
		return idAmbiguous
	}
	value := x.Request.Fields.Get(p.name)
	if !p.many && strings.IndexByte(value, ',') >= 0 { // a list, to RFC 9110 section 5.6.1
		return idAmbiguous
	}
	for more := true; more; {
		var one string
		one, value, more = strings.Cut(value, ",")
		if a := f(strings.Trim(one, " \t")); a != nil {
			return a
		}
	}
	return nil
}

// bodied finds ids in the body.
func (p *position) bodied(x *gatehouse.Exchange, f func(string) *gatehouse.Answer) *gatehouse.Answer {
	if !x.Request.HasBody {
		return nil
	}
	d, err := jsonwalk.Of(&x.Request.Parsed, x.Request.Body, limits)
	if err != nil || x.Request.BodyTooLarge {
		return notJudgeable
	}
	var refusal *gatehouse.Answer
	p.path.Each(d, 0, func(n int) bool {
		switch {
		case n == jsonwalk.Missing:
			refusal = idMissing
		case d.Kind(n) == jsonwalk.Number && !whole(d.Raw(n)):
			refusal = idMalformed // 7.0 and 7e0 are 7 to some
		case d.Kind(n) != jsonwalk.String && d.Kind(n) != jsonwalk.Number:
			refusal = idMalformed
		default:
			refusal = f(x.Append(func(b []byte) []byte { return append(b, d.Text(n)...) }))
		}
		return refusal == nil
	})
	return refusal
}

// whole reports whether a JSON number is written as an integer, and not as -0.
func whole(raw []byte) bool {
	return !bytes.ContainsAny(raw, ".eE") && string(raw) != "-0"
}

// lower writes the ids in lower case where they stand. They are UUIDs, and have as
// many bytes as before.
func (p *position) lower(x *gatehouse.Exchange) *gatehouse.Answer {
	q := &x.Request
	switch p.in {
	case inPath:
		if p.segment == 0 {
			return idMalformed // other text stands in the segment, too
		}
		for i := range q.Params {
			if q.Params[i].Name == p.name {
				q.Params[i].Value = lowered(x, q.Params[i].Value)
			}
		}
		start, end := segment(q.Path, p.segment)
		q.Path = x.Text(q.Path[:start], lowered(x, q.Path[start:end]), q.Path[end:])
	case inQuery:
		q.Query = x.Append(func(b []byte) []byte {
			for rest, more := q.Query, true; more; {
				var pair string
				pair, rest, more = strings.Cut(rest, "&")
				b = p.appendPair(b, pair)
				if more {
					b = append(b, '&')
				}
			}
			return b
		})
	case inHeader:
		q.Fields.Set(p.name, lowered(x, q.Fields.Get(p.name)))
	case inBody:
		return p.lowerBody(x)
	}
	return nil
}

// appendPair appends a pair of the query, with the ids of ours in lower case and
// without escapes, of which they need none.
func (p *position) appendPair(b []byte, pair string) []byte {
	var room [64]byte
	raw, value, _ := strings.Cut(pair, "=")
	if string(percent.Append(room[:0], raw, false)) != p.name {
		return append(b, pair...)
	}
	b = append(append(b, raw...), '=')
	from := len(b)
	b = percent.Append(b, value, false)
	lowerIn(b[from:])
	return b
}

// lowerBody writes the ids of a body in lower case, in the body's own memory. One
// that is written with escapes is not, and has no business to be.
func (p *position) lowerBody(x *gatehouse.Exchange) *gatehouse.Answer {
	d, err := jsonwalk.Of(&x.Request.Parsed, x.Request.Body, limits)
	if err != nil {
		return notJudgeable
	}
	var refusal *gatehouse.Answer
	p.path.Each(d, 0, func(n int) bool {
		raw := d.Raw(n)
		if len(raw) != 36+len(`""`) {
			refusal = idMalformed
			return false
		}
		lowerIn(raw)
		return true
	})
	x.Request.Drop = append(x.Request.Drop, "content-digest", "digest", "content-md5") // of other bytes
	return refusal
}

func lowered(x *gatehouse.Exchange, s string) string {
	return x.Append(func(b []byte) []byte {
		from := len(b)
		b = append(b, s...)
		lowerIn(b[from:])
		return b
	})
}

func lowerIn(b []byte) {
	for i, c := range b {
		if c >= 'A' && c <= 'F' {
			b[i] = c | 0x20
		}
	}
}

// segment returns where a segment of a path stands, from 1.
func segment(path string, n int) (start, end int) {
	for ; n > 0; n-- {
		i := strings.IndexByte(path[end:], '/')
		if i < 0 {
			return len(path), len(path)
		}
		start = end + i + 1
		if end = strings.IndexByte(path[start:], '/'); end < 0 {
			end = len(path)
		} else {
			end += start
		}
	}
	return start, end
}

// byID reports whether policies ask which object it is.
func (r *rule) byID() bool { return r.act != nil && r.act.ByID }

// replied returns the id of an object in a reply, as requests spell it, and "" where
// it has none.
func (r *rule) replied(d *jsonwalk.Doc, node int) string {
	if r.replyID == nil {
		return ""
	}
	text, _ := openapi.Text(raw(d, r.replyID.Find(d, node)))
	id := string(text)
	switch ok, other := r.form.judge(id); {
	case !ok:
		return ""
	case other:
		return strings.ToLower(id)
	}
	return id
}
