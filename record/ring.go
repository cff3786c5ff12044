package record

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/redact"
)

// ringSize is how many exchanges are remembered in memory.
const ringSize = 8192

// How many trails a second go to the store. Refusals are bounded too, so that a
// flood of them costs the attacker more than us; the access log has them all.
const (
	storedRefusals = 500
	storedPasses   = 50
)

// maxKept is the most bytes that are kept of one text. It is one more than
// redaction lets through, so that redaction sees that the text was cut.
const maxKept = 257

// slot holds one exchange in a compact copy. Its memory is used again.
type slot struct {
	mu       sync.Mutex
	serial   uint64 // which exchange; 0 for none
	pending  bool   // waits to be stored
	endpoint *gatehouse.Endpoint
	at       time.Time
	took     int64
	status   int
	policy   int64
	outcome  outcome
	head     headTexts
	marks    []mark
	texts    []byte
}

// headTexts are the spans of the exchange's own texts.
type headTexts struct{ id, trace, method, path, kind, subject, control, rule, detail, aborted span }

// mark is a [gatehouse.Mark] whose texts are spans.
type mark struct {
	step         uint16
	said         gatehouse.Said
	rule, detail span
	after        time.Duration
}

// span is a part of slot.texts.
type span struct{ start, end uint32 }

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
	s.texts, s.marks = s.texts[:0], s.marks[:0]
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
	for i := range x.Trail {
		m := &x.Trail[i]
		s.marks = append(s.marks, mark{step: m.Step, said: m.Said, rule: s.put(m.Rule), detail: s.put(m.Detail), after: m.After})
	}
}

// trail returns the slot's exchange for people and stores, redacted.
func (s *slot) trail() *Trail {
	h := &s.head
	t := &Trail{
		ID: s.get(h.id), TraceID: s.get(h.trace), Time: s.at.UTC().Truncate(time.Microsecond), TookUS: s.took / 1000,
		Method: s.get(h.method), Path: s.get(h.path), Status: s.status, Decision: s.outcome.decision.String(),
		Control: s.get(h.control), Rule: redacted(s.get(h.rule)), Detail: redacted(s.get(h.detail)), Aborted: redacted(s.get(h.aborted)),
		Principal: s.get(h.kind), Subject: string(redact.Subject(nil, s.get(h.subject))), Policy: s.policy,
		Steps: make([]TrailStep, len(s.marks)),
	}
	if e := s.endpoint; e != nil {
		t.API, t.Endpoint, t.Template = e.API, e.Name, e.Template
	}
	for i, m := range s.marks {
		step := stepOf(s.endpoint, m.step)
		t.Steps[i] = TrailStep{
			Stage: step.Stage.String(), Control: step.Control, Mode: step.Mode.String(), Verdict: m.said.String(),
			Rule: redacted(s.get(m.rule)), Detail: redacted(s.get(m.detail)), Place: step.Place.String(), AfterUS: m.after.Microseconds(),
		}
	}
	return t
}

func redacted(s string) string { return string(redact.Text(nil, s)) }

// rate allows a number of events per second of the clock.
type rate struct {
	state atomic.Uint64 // second << 16 | how many
	most  uint64
}

// take reports whether one more event is within the rate. A clock that jumps,
// in whichever direction, begins a new second.
func (r *rate) take(second int64) bool {
	for {
		old := r.state.Load()
		now := uint64(second) << 16
		if old>>16 == now>>16 {
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
