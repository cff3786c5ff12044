// Package wire speaks HTTP/1.1 (RFC 9110, RFC 9112) on both sides of the gateway
// and makes the one canonical request that every control decides on.
//
// It defends the property that the request the policy saw is, byte for byte, the
// request the upstream gets. Whatever two implementations could read in two ways
// (framing, paths, duplicate fields, spellings of names) is refused and never
// repaired; each rule has its own [Refusal].
//
// A [Reader] buffers one side of one connection. Its phases are
//
//	Await   nothing of the next message has come: the connection is idle
//	Head    the head is being read
//	Parse   ParseRequest or ParseResponse fills the canonical form in place
//	Body    Body.Next gives the decoded body, piece by piece
//	Release the message is over; pipelined bytes stay
//
// Every string of a parsed message is a view into the Reader's buffer and dies
// with Release. Nothing is allocated in the steady state.
//
// HTTP/1.0 requests are refused with 505: they have no Host, no chunked coding
// and no agreed persistence, and nothing that may call an API needs them.
package wire
