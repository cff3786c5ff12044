package gatehouse

import "net/http"

// Request is the one canonical form of a request, whatever the protocol and
// the door it came through. Controls decide on it and hosts forward it: what
// was decided on is byte for byte what the upstream gets.
//
// Its strings are views into the connection's buffer and live as long as the
// exchange.
type Request struct {
	Method string // as sent; methods are case-sensitive (RFC 9110 section 9.1)
	Scheme string // "https" or "http", from the connection, never from a field
	Host   string // lower case, without trailing dot, without the default port
	Path   string // canonical: unreserved characters decoded, other escapes in upper case, no dot segments
	Query  string // without "?"; parses in exactly one way
	Major  int    // protocol major version: 1 or 2

	// Fields holds the end-to-end fields in the order of arrival. Hop-by-hop
	// fields, Host, framing fields and everything that only a trusted proxy may
	// say are gone; duplicates of singletons have been refused.
	Fields Fields

	// Params holds the values of the endpoint's path parameters, decoded once.
	Params []Param

	// HasBody reports whether a body follows, of whatever framing. No decision
	// may depend on whether its length is known.
	HasBody bool
	// BodyLimit is the most bytes of body that are read. Set by a control before
	// the body is read; zero means the host's own default of 1 MiB.
	BodyLimit int64
	// Body is the whole body, once a step needed it.
	Body []byte
	// BodyTooLarge reports that the body went over BodyLimit; Body is then cut short.
	BodyTooLarge bool
	// Parsed keeps what one control made of Body for the next to use.
	Parsed interface{ Reset() }

	// Upgrade reports a well-formed WebSocket opening handshake (RFC 6455).
	Upgrade bool

	// Forward lists the fields that are added for the upstream, written last.
	// A field of the same name from the client is never forwarded.
	Forward Fields
	// Drop lists client fields that are not forwarded, by name.
	Drop []string
	// TrustedID is the request id a trusted proxy sent, or "".
	TrustedID string
}

// Param is one path parameter: the name of the template and the decoded value.
type Param struct{ Name, Value string }

// Param returns the decoded value of a path parameter, and whether there is one.
func (r *Request) Param(name string) (string, bool) {
	for i := range r.Params {
		if r.Params[i].Name == name {
			return r.Params[i].Value, true
		}
	}
	return "", false
}

// Safe reports whether the method is safe (RFC 9110 section 9.2.1).
func (r *Request) Safe() bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
}

// Idempotent reports whether the method is idempotent (RFC 9110 section 9.2.2).
func (r *Request) Idempotent() bool {
	return r.Safe() || r.Method == http.MethodPut || r.Method == http.MethodDelete
}

// Response is what will be sent back: the upstream's reply, or an answer made here.
type Response struct {
	Status int
	// Fields holds the end-to-end fields, lower-case names, framing fields excepted.
	Fields Fields
	// Body is the whole body, once a step needed it or when it was made here.
	Body []byte
	// BodyLimit is the most bytes of reply body that are held; zero means the
	// host's own default of 4 MiB.
	BodyLimit int64
	// BodyTooLarge reports that the reply body went over BodyLimit.
	BodyTooLarge bool
	// Partial is set by a step, under a waiver, so that a success which goes over
	// BodyLimit is not refused by the host: the steps see its beginning and
	// BodyTooLarge and decide, and what follows is streamed.
	Partial bool
	// Sequence reports that the reply's media type is that of a sequence, whose
	// items the host can bring one by one.
	Sequence bool
	// ItemLimit is the most bytes of one item; zero means the host's own default of
	// 1 MiB.
	ItemLimit int64
	// Parsed keeps what one control made of Body for the next to use. Who
	// changes Body resets it.
	Parsed interface{ Reset() }
	// Own reports that the response was made here rather than upstream.
	Own bool
}

// Changed forgets what was made of a body that is another now, and drops the fields
// that speak of the bytes that were: the entity tag and digests (RFC 9530).
func (r *Response) Changed() {
	if r.Parsed != nil {
		r.Parsed.Reset()
	}
	for _, name := range [...]string{"etag", "content-md5", "digest", "content-digest", "repr-digest"} {
		r.Fields.Del(name)
	}
}

// Item is one item of a reply that is a sequence: an event of a
// text/event-stream, or a line of JSON.
type Item struct {
	// Data is what the item carries, mostly a JSON text. A step may replace it, with
	// memory that lives until the next item.
	Data []byte
	// Name and ID are the fields event and id of an event.
	Name, ID []byte
	// Dropped is set by a step when the item must not leave, and the others may.
	Dropped bool
}
