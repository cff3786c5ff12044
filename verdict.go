package gatehouse

import "unique"

// Verdict is one control's decision. The zero Verdict denies, so a control that
// forgets to decide fails closed.
//
// It has four words, which is what the compiler keeps in registers: with more, every
// step would cost two trips through memory.
type Verdict struct {
	said   unique.Handle[saying] // the zero handle is a refusal
	answer *Answer
	detail string
}

// saying is what a verdict without an answer of its own says.
type saying struct {
	kind verdictKind
	rule string
}

type verdictKind uint8

const (
	denied verdictKind = iota // the zero value
	passed
	granted
	answered
	suspected
)

var (
	simply  = unique.Make(saying{kind: passed})
	instead = unique.Make(saying{kind: answered})
)

// Pass lets the exchange go on.
var Pass = Verdict{said: simply}

// PassBy lets the exchange go on and leaves the rule's name in the trail. There are few
// rules: each that was ever named stays in memory while it is in use.
func PassBy(rule string) Verdict { return Verdict{said: unique.Make(saying{passed, rule})} }

// Grant lets the exchange go on and counts as the grant without which no
// authenticated endpoint is reached. The rule goes to the trail.
func Grant(rule string) Verdict { return Verdict{said: unique.Make(saying{granted, rule})} }

// Suspect lets the exchange go on as [PassBy] does, and is told to the operators: in the
// access line, the counters and a trail that is kept.
func Suspect(rule string) Verdict { return Verdict{said: unique.Make(saying{suspected, rule})} }

// Deny ends the exchange with a problem document (RFC 9457).
func Deny(a *Answer) Verdict { return Verdict{answer: a} }

// Answering ends the exchange with an ordinary answer, such as a preflight.
func Answering(a *Answer) Verdict { return Verdict{said: instead, answer: a} }

// Because adds the cause, for the trail and the event only: it never reaches
// the caller. It must hold no value of the request, since values may be secret.
func (v Verdict) Because(detail string) Verdict {
	v.detail = detail
	return v
}

// Passed reports whether the exchange may go on.
func (v Verdict) Passed() bool {
	kind := v.says().kind
	return kind == passed || kind == granted || kind == suspected
}

// Suspects reports whether the verdict passes and the operators are to know of it.
func (v Verdict) Suspects() bool { return v.says().kind == suspected }

// Granted reports whether the verdict is a grant.
func (v Verdict) Granted() bool { return v.says().kind == granted }

// Silent reports whether the verdict passes and has nothing to say.
func (v Verdict) Silent() bool { return v.said == simply && v.detail == "" }

// Denied reports whether the verdict is a refusal, as opposed to a pass or an
// ordinary answer.
func (v Verdict) Denied() bool { return v.says().kind == denied }

func (v Verdict) says() saying {
	if v.said == (unique.Handle[saying]{}) {
		return saying{}
	}
	return v.said.Value()
}

// Answer returns what to send instead, or nil.
func (v Verdict) Answer() *Answer { return v.answer }

// Rule returns the stable name of the rule that decided: the answer's reason,
// or what [PassBy] or [Grant] were given. It may be empty for a pass.
func (v Verdict) Rule() string {
	if v.answer != nil {
		return v.answer.Reason
	}
	return v.says().rule
}

// Detail returns what [Verdict.Because] was given.
func (v Verdict) Detail() string { return v.detail }

// Answer is a response made here rather than upstream. Answers are package
// variables of the control that gives them: nothing of a request is in them.
type Answer struct {
	Status int    // HTTP status code
	Reason string // stable, for machines: "size.body_too_large"
	Public string // one sentence, safe to show to the caller
	Fields Fields // further response fields, lower-case names
	Silent bool   // send no problem document: an answer without a body
}
