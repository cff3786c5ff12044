package wire

import "github.com/gatehouse-api/gatehouse"

// Framing is how a message's body is delimited (RFC 9112 section 6.3).
type Framing uint8

// The framings.
const (
	None       Framing = iota // there is no body
	Length                    // Content-Length
	Chunked                   // Transfer-Encoding: chunked
	UntilClose                // replies only: the body ends with the connection
)

// Message holds what a head says about its own transport: facts for the host,
// not for the controls. Parsing overwrites all of it and keeps its memory.
type Message struct {
	Framing Framing
	// Length is the Content-Length in bytes, or -1 where there is none. A reply
	// to HEAD and a 304 may have a Length although their Framing is None.
	Length int64
	// Close reports that the connection must not be used after this message.
	Close bool
	// Expect reports "Expect: 100-continue".
	Expect bool
	// Upgrade reports a well-formed WebSocket opening handshake in a request, or
	// a 101 to it in a reply.
	Upgrade bool
	// Needs holds what must be permitted for the request to be taken. Where it
	// is refused, Needs is not empty only when permitting that would help.
	Needs gatehouse.Permit
	// Trailer is the value of the Trailer field: the names that are announced.
	Trailer string
	// Forwarded holds the fields that only a trusted proxy may say: Forwarded,
	// X-Forwarded-*, X-Real-IP and their kin. They are not among the request's
	// fields; the host reads them when the peer is trusted.
	Forwarded gatehouse.Fields
}

func (m *Message) reset() {
	clear(m.Forwarded)
	*m = Message{Length: -1, Forwarded: m.Forwarded[:0]}
}

// Limits bounds what a request's head may hold.
type Limits struct {
	Head   int // bytes of the whole head; what a [Reader] enforces is its own MaxHead
	Fields int // number of field lines
	Target int // bytes of the request target
	// Permit holds the spellings that are taken here and left to the host to
	// refuse by [Message.Needs]: what any endpoint permits. What resolves to a
	// dot segment or an empty one, a double encoding, and a field name whose twin
	// with hyphens means something to the gateway are refused all the same.
	Permit gatehouse.Permit
}

// DefaultLimits returns 32 KiB of head, 100 fields and 8 KiB of target.
func DefaultLimits() Limits { return Limits{Head: 32 << 10, Fields: 100, Target: 8 << 10} }
