package gatehouse

import (
	"crypto/tls"
	"iter"
	"net/netip"
	"strconv"
	"time"
)

// Exchange is one request on its way through. A stage fills its own part, once.
// Exchanges are pooled: nothing of one may be kept after it ended.
type Exchange struct {
	ID       string // request id: 26 characters, unguessable, sortable by time
	Trace    Trace  // W3C trace context
	At       time.Time
	Conn     Conn
	Request  Request
	Endpoint *Endpoint
	// Principal is who asks. It is nil until a step of Authenticate has proven it.
	Principal *Principal
	Response  Response
	// Lookup holds the object's present state for steps that need [Object].
	Lookup Lookup
	// Ended is the verdict that ended the walk, or [Pass].
	Ended Verdict
	// EndedBy is the control that ended the walk, or "".
	EndedBy string
	// Quota is the tightest limit that was charged and may be shown, for the
	// answer's fields and the event; the zero Quota when there is none.
	Quota Quota
	// Trail is what the steps said, those aside that simply passed: they are in
	// Passed. [Exchange.Walked] has both.
	Trail []Mark
	// Passed holds the steps that passed and had nothing to say.
	Passed Steps
	// Violations say what the API's description demands and a step found
	// otherwise, for the record and, where the endpoint is verbose, for the caller.
	Violations []Violation
	// Cursor is the engine's own.
	Cursor Cursor

	arena []byte
}

// Cursor is where the engine stands in the plan. Only the engine writes it.
type Cursor struct {
	PC       int   // index of the next step
	Have     Need  // the furthest need that was brought
	Looked   bool  // the object was looked up
	Granted  bool  // some step has granted
	Deferred Steps // those that judge the reply's items
	Finished bool  // the walk is over
	Version  int64 // serial number of the policy that the exchange sees
	// After is the time since the exchange began that was read last, or 0 when the host
	// has brought something since.
	After time.Duration
}

// Conn is the client's connection.
type Conn struct {
	Peer   netip.AddrPort // who is connected
	Client netip.Addr     // who asks: Peer, or what trusted proxies say; unmapped
	TLS    *tls.ConnectionState
	Secure bool // over TLS, or a trusted proxy says so
	// Certificate is what the client has shown in the TLS handshake, or nil.
	Certificate *Certificate
}

// Certificate is a client's certificate of one connection. The handshake has proven
// that the client holds its key; whether anybody vouches for it is the listener's
// business. It is immutable.
type Certificate struct {
	Thumbprint [32]byte // SHA-256 of its DER form (RFC 8705 section 3.1)
	Field      string   // its DER form as the value of Client-Cert (RFC 9440 section 2.2)
}

// Lookup is the object's present state, fetched from the upstream before a
// write is let through.
type Lookup struct {
	Path   string // canonical path of the object's read operation; set by a step's Prepare
	Query  string // canonical, without "?"; set by a step's Prepare
	Send   []byte // what is posted there as JSON; where it is empty the object is asked for by GET
	Status int    // the upstream's status; 0 when it could not be asked
	ETag   string // of the state (RFC 9110 section 8.8.3), or ""
	Body   []byte
	// Again is set by a step that has judged one object and must see another: the
	// engine prepares and asks once more. Nth counts the objects before.
	Again  bool
	Nth    int
	Parsed interface{ Reset() }
}

// Quota is where a caller stands with one limit.
type Quota struct {
	Layer     string        // "global", "key", "user", "ip" or "endpoint"; "" for none
	Limit     int64         // units in a window
	Window    time.Duration // the window
	Remaining int64         // units that could be taken now
	Reset     time.Duration // until everything is available again
	Retry     time.Duration // until one more unit is available; 0 when one is
}

// Trace is the W3C trace context (traceparent, version 00) in lower-case hex.
type Trace struct {
	TraceID  string // 32 digits
	SpanID   string // 16 digits: the span of this exchange
	ParentID string // 16 digits: the caller's span, or ""
	Sampled  bool
}

// Mark is one entry of the trail: what one step said and when.
type Mark struct {
	Step   uint16        // index in the plan
	Said   Said          // the outcome
	Rule   string        // stable name of the rule, or ""
	Detail string        // cause, without values of the request
	After  time.Duration // since the exchange began
}

// Steps is a set of a plan's steps, by their index. It holds the first 128: most
// steps of most requests simply pass, and one bit says so.
type Steps [2]uint64

// Add puts a step into the set and reports whether there is room for it.
func (s *Steps) Add(step int) bool {
	if step >= 64*len(s) {
		return false
	}
	s[step>>6] |= 1 << (step & 63)
	return true
}

// Has reports whether the step is in the set.
func (s *Steps) Has(step int) bool { return step < 64*len(s) && s[step>>6]&(1<<(step&63)) != 0 }

// Walked yields what every step said, in the order of the plan. A step that
// simply passed carries the last time that was read before it.
func (x *Exchange) Walked() iter.Seq[Mark] {
	return func(yield func(Mark) bool) {
		step, after := 0, time.Duration(0)
		passes := func(until int) bool {
			for ; step < until; step++ {
				if x.Passed.Has(step) && !yield(Mark{Step: uint16(step), Said: SaidPass, After: after}) {
					return false
				}
			}
			return true
		}
		for _, m := range x.Trail {
			if !passes(int(m.Step)) {
				return
			}
			step, after = int(m.Step)+1, m.After
			if !yield(m) {
				return
			}
		}
		passes(64 * len(x.Passed))
	}
}

// Said is the outcome of one step.
type Said uint8

// The outcomes.
const (
	SaidPass      Said = iota + 1 // the exchange went on
	SaidGrant                     // the exchange went on, and was granted
	SaidDeny                      // the exchange ended with a refusal
	SaidAnswer                    // the exchange ended with an ordinary answer
	SaidWould                     // shadow: it would have been refused
	SaidError                     // the step could not decide: refused
	SaidErrorOpen                 // the step could not decide: let through by a waiver
	SaidSuspect                   // the exchange went on, and the operators are told
)

var saidNames = [...]string{"", "pass", "grant", "deny", "answer", "would-deny", "error", "error-open", "suspect"}

// String returns the outcome as `gatehouse explain` prints it.
func (s Said) String() string {
	if int(s) < len(saidNames) {
		return saidNames[s]
	}
	return "?"
}

// Reset makes x ready for a new exchange and keeps its memory.
func (x *Exchange) Reset() {
	q, r, l := &x.Request, &x.Response, &x.Lookup
	for _, p := range [...]interface{ Reset() }{q.Parsed, r.Parsed, l.Parsed} {
		if p != nil {
			p.Reset()
		}
	}
	clear(q.Fields)
	clear(r.Fields)
	clear(x.Violations)
	*x = Exchange{
		Request:    Request{Fields: q.Fields[:0], Params: q.Params[:0], Body: q.Body[:0], Parsed: q.Parsed, Forward: q.Forward[:0], Drop: q.Drop[:0]},
		Response:   Response{Fields: r.Fields[:0], Body: r.Body[:0], Parsed: r.Parsed},
		Lookup:     Lookup{Send: l.Send[:0], Body: l.Body[:0], Parsed: l.Parsed},
		Ended:      Pass,
		Trail:      x.Trail[:0],
		Violations: x.Violations[:0],
		arena:      x.arena[:0],
	}
}

// Text returns the concatenation of parts as a string that lives as long as the
// exchange. It allocates only when the exchange's own memory is used up.
func (x *Exchange) Text(parts ...string) string {
	start := len(x.arena)
	for _, p := range parts {
		x.arena = append(x.arena, p...)
	}
	return view(x.arena[start:])
}

// Number returns n in decimal as a string that lives as long as the exchange.
func (x *Exchange) Number(n int64) string {
	start := len(x.arena)
	x.arena = strconv.AppendInt(x.arena, n, 10)
	return view(x.arena[start:])
}

// WriteNumber makes f a field with a number for its value, as [Written] would. It lives
// as long as the exchange. The name is written in the program.
func (x *Exchange) WriteNumber(f *Field, name string, n int64) {
	start := len(x.arena)
	x.arena = strconv.AppendInt(append(append(x.arena, name...), ": "...), n, 10)
	x.endLine(f, start, len(name))
}

// WriteText makes f a field with the concatenation of parts for its value, as [Written]
// would. It lives as long as the exchange. The name and the parts are made in the program.
func (x *Exchange) WriteText(f *Field, name string, parts ...string) {
	start := len(x.arena)
	x.arena = append(append(x.arena, name...), ": "...)
	for _, p := range parts {
		x.arena = append(x.arena, p...)
	}
	x.endLine(f, start, len(name))
}

// endLine makes f the field whose line, all but its end, the exchange's memory has from
// start on, with a name of n bytes.
func (x *Exchange) endLine(f *Field, start, n int) {
	x.arena = append(x.arena, "\r\n"...)
	line := view(x.arena[start:])
	f.is(line[:n], line[n+2:len(line)-2], len(line))
}

// Append lets f append to the exchange's own memory and returns what it added
// as a string that lives as long as the exchange.
func (x *Exchange) Append(f func([]byte) []byte) string {
	start := len(x.arena)
	x.arena = f(x.arena)
	return view(x.arena[start:])
}
