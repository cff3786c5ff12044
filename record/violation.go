package record

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

// TrailViolation is one demand of the API's description that was not met.
type TrailViolation struct {
	In      string `json:"in"`               // "body", "path", "query", "header", "cookie" or "reply"
	Name    string `json:"name,omitempty"`   // the parameter
	Pointer string `json:"pointer"`          // JSON pointer (RFC 6901) of the value
	Keyword string `json:"keyword"`          // "maxLength", "required", "undeclared", ...
	Member  string `json:"member,omitempty"` // for "required": which member is missing
	Place   string `json:"place,omitempty"`  // file:line: #pointer in the description
}

// String returns the violation on one line.
func (v TrailViolation) String() string {
	where := strings.TrimRight(v.In+" "+v.Name, " ")
	if v.Pointer != "" || v.Name == "" {
		where += " #" + v.Pointer
	}
	return join(" ", where+":", v.Keyword, v.Member)
}

// maxPlace is the most bytes that are kept of a place in a description.
const maxPlace = 512

// A violation is its step (2 bytes) and six texts, each behind its length (2).
func appendViolation(dst []byte, v *gatehouse.Violation) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, v.Step)
	for _, text := range [...]string{v.In, v.Name, v.Pointer, v.Keyword, v.Member, v.Place} {
		text = text[:min(len(text), maxPlace)]
		dst = append(binary.LittleEndian.AppendUint16(dst, uint16(len(text))), text...)
	}
	return dst
}

// explained puts the violations to the steps that found them. indices says which
// steps these are. What came from outside is redacted; what the description says
// is not.
func explained(steps []TrailStep, indices []uint16, b []byte) []TrailStep {
	for len(b) > 0 {
		at := slices.Index(indices, binary.LittleEndian.Uint16(b))
		b = b[2:]
		var texts [6]string
		for i := range texts {
			n := 2 + int(binary.LittleEndian.Uint16(b))
			texts[i], b = string(b[2:n]), b[n:]
		}
		if at >= 0 {
			steps[at].Violations = append(steps[at].Violations,
				TrailViolation{In: texts[0], Name: texts[1], Pointer: redacted(texts[2]), Keyword: texts[3], Member: texts[4], Place: texts[5]})
		}
	}
	return steps
}

// violations writes what the description demands and was not met.
func (p *printer) violations(t *Trail) {
	begun := false
	for i := range t.Steps {
		for _, v := range t.Steps[i].Violations {
			if !begun {
				p.text("\nNot as described\n")
				p.row("  BY", "WHERE AND WHAT", "DEMANDED AT")
			}
			begun = true
			p.row("  "+t.Steps[i].Control, v.String(), orElse(v.Place, fmt.Sprintf("the control %s itself", t.Steps[i].Control)))
		}
	}
}
