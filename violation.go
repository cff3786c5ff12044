package gatehouse

// Violation is one demand of an API's description that was not met. It holds no
// value of the request or the reply.
type Violation struct {
	Step uint16 // index in the plan of the step that found it; set by [Exchange.Violated]
	In   string // "body", "path", "query", "header" or "cookie" of the request, or "reply"
	Name string // the parameter, as declared; "" for a body
	// Pointer is the JSON pointer (RFC 6901) of the value. Its first Known bytes
	// name nothing but what the description declares; a member's name behind them
	// came from outside.
	Pointer string
	Known   int
	Keyword string // "maxLength", "required", "undeclared", ...
	Member  string // for "required": the declared member that is missing
	Place   string // where the description demands it: "file:line: #pointer"; "" where a control does by itself
}

// MostViolations is how many violations an exchange keeps.
const MostViolations = 8

// Violated notes a violation that the present step has found. It allocates: it is
// for what is about to be refused.
func (x *Exchange) Violated(v Violation) {
	if len(x.Violations) < MostViolations {
		v.Step = uint16(max(x.Cursor.PC-1, 0))
		x.Violations = append(x.Violations, v)
	}
}
