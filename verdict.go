package gatehouse

// Verdict is one control's decision. The zero Verdict denies, so a control that
// forgets to decide fails closed.
type Verdict struct {
	kind   verdictKind
	rule   string
	detail string
	answer *Answer
}

type verdictKind uint8

const (
	denied verdictKind = iota // the zero value
	passed
	granted
	answered
	suspected
)

// Pass lets the exchange go on.
var Pass = Verdict{kind: passed}

// PassBy lets the exchange go on and leaves the rule's name in the trail.
func PassBy(rule string) Verdict { return Verdict{kind: passed, rule: rule} }

// Grant lets the exchange go on and counts as the grant without which no
// authenticated endpoint is reached. The rule goes to the trail.
func Grant(rule string) Verdict { return Verdict{kind: granted, rule: rule} }

// Suspect lets the exchange go on as [PassBy] does, and is told to the operators: in the
// access line, the counters and a trail that is kept.
func Suspect(rule string) Verdict { return Verdict{kind: suspected, rule: rule} }

// Deny ends the exchange with a problem document (RFC 9457).
func Deny(a *Answer) Verdict { return Verdict{kind: denied, answer: a} }

// Answering ends the exchange with an ordinary answer, such as a preflight.
func Answering(a *Answer) Verdict { return Verdict{kind: answered, answer: a} }

// Because adds the cause, for the trail and the event only: it never reaches
// the caller. It must hold no value of the request, since values may be secret.
func (v Verdict) Because(detail string) Verdict {
	v.detail = detail
	return v
}

// Passed reports whether the exchange may go on.
func (v Verdict) Passed() bool {
	return v.kind == passed || v.kind == granted || v.kind == suspected
}

// Suspects reports whether the verdict passes and the operators are to know of it.
func (v Verdict) Suspects() bool { return v.kind == suspected }

// Granted reports whether the verdict is a grant.
func (v Verdict) Granted() bool { return v.kind == granted }

// Silent reports whether the verdict passes and has nothing to say.
func (v *Verdict) Silent() bool { return v.kind == passed && len(v.rule) == 0 && len(v.detail) == 0 }

// Denied reports whether the verdict is a refusal, as opposed to a pass or an
// ordinary answer.
func (v Verdict) Denied() bool { return v.kind == denied }

// Answer returns what to send instead, or nil.
func (v Verdict) Answer() *Answer { return v.answer }

// Rule returns the stable name of the rule that decided: the answer's reason,
// or what [PassBy] or [Grant] were given. It may be empty for a pass.
func (v Verdict) Rule() string {
	if v.answer != nil {
		return v.answer.Reason
	}
	return v.rule
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
