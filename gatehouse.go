// Package gatehouse is the vocabulary every room of the house shares: what a
// request is while it passes through, in which order it is looked at, and how
// one look is decided. It imports the standard library only.
//
// One endpoint is compiled, at load, into a [Plan]: a flat list of [Step]s
// sorted by [Stage]. One request is an [Exchange] that walks the plan. What a
// step decides is a [Verdict], whose zero value denies.
package gatehouse

import "fmt"

// Stage is a place on a request's way. The order of the constants is the order
// of enforcement; nothing else decides it.
type Stage uint8

// The stages, in the only order that exists.
const (
	Connect      Stage = iota + 1 // the peer and its TLS
	Identify                      // which client, which endpoint, which version
	Authenticate                  // prove it
	Limit                         // may it ask this often
	Validate                      // is it well-formed
	Authorize                     // may it do this, to this object
	Forward                       // what is sent upstream
	Inspect                       // is the reply fit to leave
	Respond                       // what is sent back, refusals included
)

var stageNames = [...]string{"", "connect", "identify", "authenticate", "limit", "validate", "authorize", "forward", "inspect", "respond"}

// String returns the stage's name in lower case, as `gatehouse explain` prints it.
func (s Stage) String() string {
	if int(s) < len(stageNames) && s > 0 {
		return stageNames[s]
	}
	return fmt.Sprintf("stage(%d)", uint8(s))
}

// Need is what a step must have before it can decide. The values are ordered:
// an exchange that has one has all before it, [Object] excepted, which is
// fetched only for the steps that ask for it.
type Need uint8

// The needs.
const (
	Head      Need = iota // the request line and fields: always there
	Body                  // the whole request body, up to Request.BodyLimit
	Object                // the object's present state, looked up upstream into Exchange.Lookup
	Reply                 // the upstream's status and fields
	ReplyBody             // the whole reply body, up to Response.BodyLimit
)

var needNames = [...]string{"head", "body", "object", "reply", "reply body"}

// String returns the need's name in lower case.
func (n Need) String() string {
	if int(n) < len(needNames) {
		return needNames[n]
	}
	return fmt.Sprintf("need(%d)", uint8(n))
}

// Mode says how far a control's word goes.
type Mode uint8

// The modes. Enforce is the zero value: a control nobody spoke about enforces.
const (
	Enforce Mode = iota // decides
	Shadow              // decides, counts and explains, but never denies
	Off                 // is not compiled; needs a waiver
)

var modeNames = [...]string{"enforce", "shadow", "off"}

// String returns the mode's name as it is written in the configuration.
func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return fmt.Sprintf("mode(%d)", uint8(m))
}

// Requirement is the slug of one row of the requirement catalogue, such as
// "jwt.aud". It names what a control covers, in the audit and in tests.
type Requirement string

// File is the path of a file or folder in a control's own block. The configuration
// joins it to the folder of the file that it is written in, and reads everything
// anew when it changes.
type File string
