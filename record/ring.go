package record

import (
	"encoding/binary"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/redact"
)

// ringSize is how many exchanges are remembered in memory.
const ringSize = 8192

// ringPasses is how many trails of requests that simply went through are kept in
// memory per tenth of a second. Under more load the ring would come round in a
// blink, and copying into it, cold as it is, would cost as much as the controls.
const (
	ringPasses = 100
	ringPeriod = int64(100 * time.Millisecond)
)

// How many trails a second go to the store. Refusals are bounded too, so that a
// flood of them costs the attacker more than us; the access log has them all.
const (
	storedRefusals = 500
	storedPasses   = 10
)

// maxKept is the most bytes that are kept of one text. It is one more than
// redaction lets through, so that redaction sees that the text was cut.
const maxKept = 257

// slot holds one exchange in a compact copy: a few lines of cache, since nothing
// of it is in the cache when its turn comes. Its memory is used again.
type slot struct {
	mu       sync.Mutex
	serial   uint64 // which exchange; 0 for none
	pending  bool   // waits to be stored
	outcome  outcome
	status   int
	endpoint *gatehouse.Endpoint
	at       time.Time
	took     int64
	policy   int64
	head     headTexts
	passed   gatehouse.Steps
	texts    []byte
}

// headTexts are the spans of the exchange's own texts, and of its marks.
type headTexts struct{ id, trace, method, path, kind, subject, control, rule, detail, aborted, marks, violations span }

// span is a part of slot.texts.
type span struct{ start, end uint32 }

// usualTexts is the memory that a slot begins with.
const usualTexts = 768

func (s *slot) put(text string) span {
	if text == "" {
		return span{}
	}
	start := len(s.texts)
	s.texts = append(s.texts, text[:min(len(text), maxKept)]...)
	return span{uint32(start), uint32(len(s.texts))}
}

func (s *slot) get(at span) string { return string(s.texts[at.start:at.end]) }

// fill copies what is kept of x. The path is redacted already; other texts are
// when the slot is read, off the hot path.
func (s *slot) fill(b *buffers, x *gatehouse.Exchange, t *gatehouse.Traffic, o outcome) {
	s.endpoint, s.at, s.took, s.status, s.policy, s.outcome = x.Endpoint, x.At, t.Took, x.Response.Status, x.Cursor.Version, o
	s.passed = x.Passed
	s.texts = s.texts[:0]
	s.head = headTexts{id: s.put(x.ID), trace: s.put(x.Trace.TraceID), method: s.put(method(x.Request.Method)), aborted: s.put(t.Aborted)}
	start := len(s.texts)
	s.texts = append(s.texts, b.path[:min(len(b.path), maxPath)]...)
	s.head.path = span{uint32(start), uint32(len(s.texts))}
	if p := x.Principal; p != nil {
		s.head.kind, s.head.subject = s.put(p.Kind), s.put(p.ID)
	}
	if o.decision != allowed {
		s.head.control, s.head.rule, s.head.detail = s.put(x.EndedBy), s.put(x.Ended.Rule()), s.put(x.Ended.Detail())
	}
	start = len(s.texts)
	for i := range x.Trail {
		s.texts = appendMark(s.texts, &x.Trail[i])
	}
	s.head.marks = span{uint32(start), uint32(len(s.texts))}
	if len(x.Violations) > 0 {
		start = len(s.texts)
		for i := range x.Violations {
			s.texts = appendViolation(s.texts, &x.Violations[i])
		}
		s.head.violations = span{uint32(start), uint32(len(s.texts))}
	}
}

// A mark is its step (2 bytes), the microseconds since the exchange began (4),
// what was said (1) with the bits below, and the texts that the bits announce,
// each behind its length (2).
const (
	markSize  = 7
	hasRule   = 0x40
	hasDetail = 0x80
)

func appendMark(dst []byte, m *gatehouse.Mark) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, m.Step)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(min(max(m.After.Microseconds(), 0), math.MaxUint32)))
	said := byte(m.Said)
	if m.Rule == "" && m.Detail == "" {
		return append(dst, said)
	}
	if m.Rule != "" {
		said |= hasRule
	}
	if m.Detail != "" {
		said |= hasDetail
	}
	dst = append(dst, said)
	for _, text := range [...]string{m.Rule, m.Detail} {
		if text != "" {
			text = text[:min(len(text), maxKept)]
			dst = append(binary.LittleEndian.AppendUint16(dst, uint16(len(text))), text...)
		}
	}
	return dst
}

// steps returns the marks for people, redacted.
func (s *slot) steps() []TrailStep {
	b := s.texts[s.head.marks.start:s.head.marks.end]
	text := func() string {
		n := 2 + int(binary.LittleEndian.Uint16(b))
		t := redacted(string(b[2:n]))
		b = b[n:]
		return t
	}
	steps, indices := []TrailStep{}, []uint16{}
	next, after := 0, int64(0)
	passes := func(until int) {
		for ; next < until; next++ {
			if s.passed.Has(next) {
				step := stepOf(s.endpoint, uint16(next))
				indices = append(indices, uint16(next))
				steps = append(steps, TrailStep{Stage: step.Stage.String(), Control: step.Control, Mode: step.Mode.String(),
					Place: step.Place.String(), Verdict: gatehouse.SaidPass.String(), AfterUS: after})
			}
		}
	}
	for len(b) > 0 {
		at := binary.LittleEndian.Uint16(b)
		passes(int(at))
		step, said := stepOf(s.endpoint, at), b[6]
		next, after = int(at)+1, int64(binary.LittleEndian.Uint32(b[2:]))
		t := TrailStep{
			Stage: step.Stage.String(), Control: step.Control, Mode: step.Mode.String(), Place: step.Place.String(),
			Verdict: gatehouse.Said(said &^ (hasRule | hasDetail)).String(), AfterUS: after,
		}
		b = b[markSize:]
		if said&hasRule != 0 {
			t.Rule = text()
		}
		if said&hasDetail != 0 {
			t.Detail = text()
		}
		steps, indices = append(steps, t), append(indices, at)
	}
	passes(64 * len(s.passed))
	return explained(steps, indices, s.texts[s.head.violations.start:s.head.violations.end])
}

// trail returns the slot's exchange for people and stores, redacted.
func (s *slot) trail() *Trail {
	h := &s.head
	t := &Trail{
		ID: s.get(h.id), TraceID: s.get(h.trace), Time: s.at.UTC().Truncate(time.Microsecond), TookUS: s.took / 1000,
		Method: s.get(h.method), Path: s.get(h.path), Status: s.status, Decision: s.outcome.decision.String(),
		Control: s.get(h.control), Rule: redacted(s.get(h.rule)), Detail: redacted(s.get(h.detail)), Aborted: redacted(s.get(h.aborted)),
		Principal: s.get(h.kind), Subject: string(redact.Subject(nil, s.get(h.subject))), Policy: s.policy,
		Steps: s.steps(),
	}
	if e := s.endpoint; e != nil {
		t.API, t.Endpoint, t.Template = e.API, e.Name, e.Template
	}
	return t
}

func redacted(s string) string { return string(redact.Text(nil, s)) }

// rate allows a number of events per second of the clock, or per another period.
type rate struct {
	state atomic.Uint64 // period << 16 | how many
	most  uint64
}

// take reports whether one more event is within the rate. An event of the period
// before counts in the present one: exchanges that began before the turn end after
// others that began behind it. A clock that jumps, in whichever direction, begins
// a new period.
func (r *rate) take(period int64) bool {
	for {
		old := r.state.Load()
		now := uint64(period) << 16
		if p := old >> 16; p == now>>16 || p == now>>16+1 {
			now = old
		}
		if now&0xffff >= r.most {
			return false
		}
		if r.state.CompareAndSwap(old, now+1) {
			return true
		}
	}
}
