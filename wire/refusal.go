package wire

import "github.com/gatehouse-api/gatehouse"

// Refusal says why a request is not taken. It is an error; there is one package
// variable per rule, and nothing of the message is in it.
type Refusal struct {
	// Answer is what the client gets. Its Reason is "wire.<rule>".
	Answer *gatehouse.Answer
	// Close reports that the connection must be closed after the answer, since
	// where the next message begins is unknown or in doubt. When it is false the
	// message's framing was sound: the body may be discarded and the connection
	// used again.
	Close bool
	// Permit is what an endpoint may permit so that the rule does not hold
	// there, or zero.
	Permit gatehouse.Permit
}

// Error returns the rule's name, such as "wire.te_and_cl".
func (r *Refusal) Error() string { return r.Answer.Reason }

// ReplyError says why an upstream's reply is not taken: the caller answers 502
// and closes the connection to the upstream. It deliberately does not unwrap to
// the [Refusal], so that a fault of the upstream is never blamed on the client.
type ReplyError struct {
	Rule *Refusal // the rule that was broken
}

// Error returns the broken rule's name, for the log.
func (e *ReplyError) Error() string { return "wire: reply: " + e.Rule.Answer.Reason }

// fatal makes a refusal after which the connection is closed.
func fatal(status int, rule, public string) *Refusal {
	return &Refusal{Answer: &gatehouse.Answer{Status: status, Reason: "wire." + rule, Public: public}, Close: true}
}

// plain makes a refusal that leaves the connection usable.
func plain(status int, rule, public string) *Refusal {
	r := fatal(status, rule, public)
	r.Close = false
	return r
}

// permissible makes a plain refusal of what an endpoint may permit.
func permissible(p gatehouse.Permit, rule, public string) *Refusal {
	r := plain(400, rule, public)
	r.Permit = p
	return r
}

// The rules on the head's grammar (RFC 9112 sections 2 to 5).
var (
	RequestLine      = fatal(400, "request_line", "The request line is malformed.")
	StatusLine       = fatal(400, "status_line", "The status line is malformed.")
	Version          = fatal(505, "version", "Only HTTP/1.1 is spoken here.")
	BareLF           = fatal(400, "bare_lf", "A line does not end in CRLF.")
	BareCR           = fatal(400, "bare_cr", "A CR stands alone.")
	ObsFold          = fatal(400, "obs_fold", "A field is continued on a second line.")
	SpaceBeforeColon = fatal(400, "space_before_colon", "There is white space between a field name and its colon.")
	FieldName        = fatal(400, "field_name", "A field name is malformed.")
	FieldValue       = fatal(400, "field_value", "A field value holds a control character.")
	HeadTooLarge     = fatal(431, "head_too_large", "The header section is too large.")
	TooManyFields    = fatal(431, "too_many_fields", "There are too many header fields.")
)

// The rules on framing (RFC 9112 sections 6 and 7).
var (
	TEAndCL          = fatal(400, "te_and_cl", "Transfer-Encoding and Content-Length exclude each other.")
	TransferEncoding = fatal(400, "transfer_encoding", "Transfer-Encoding must be chunked, once.")
	ContentLength    = fatal(400, "content_length", "Content-Length must be one plain decimal number.")
	ChunkSize        = fatal(400, "chunk_size", "A chunk size is malformed.")
	ChunkExtension   = fatal(400, "chunk_extension", "Chunk extensions are not taken.")
	ChunkEnd         = fatal(400, "chunk_end", "A chunk does not end where its size says.")
	Trailer          = fatal(400, "trailer", "Trailer fields are not taken here.")
	TrailerField     = fatal(400, "trailer_field", "A field stands in the trailer section that must not be there.")
	TrailerTooLarge  = fatal(431, "trailer_too_large", "The trailer section is too large.")
)

// The rules on connections (RFC 9110 sections 7.6.1, 7.8 and 10.1.1).
var (
	ConnectionOption = fatal(400, "connection_option", "Connection names an end-to-end field.")
	Upgrade          = fatal(400, "upgrade", "Only a well-formed WebSocket handshake may ask for an upgrade.")
	Expect           = fatal(417, "expect", "Only the expectation 100-continue is known.")
)

// The rules on the method and the fields.
var (
	MethodTrace      = plain(405, "method_trace", "TRACE is not allowed.")
	MethodConnect    = fatal(405, "method_connect", "CONNECT is not allowed.")
	NoHost           = fatal(400, "no_host", "The Host field is missing.")
	DuplicateHost    = fatal(400, "duplicate_host", "There is more than one Host field.")
	Host             = fatal(400, "host", "The host is malformed.")
	HostMismatch     = fatal(400, "host_mismatch", "The target's authority and the Host field differ.")
	DuplicateField   = plain(400, "duplicate_field", "A field that may stand once stands twice.")
	HeaderUnderscore = permissible(gatehouse.Underscore, "header_underscore", "A field name holds an underscore.")
)

// The rules on the target (RFC 9112 section 3.2, RFC 3986).
var (
	TargetForm         = plain(400, "target_form", "The request target must be an absolute path.")
	TargetTooLong      = plain(414, "target_too_long", "The request target is too long.")
	TargetFragment     = plain(400, "target_fragment", "The request target holds a fragment.")
	TargetNonASCII     = plain(400, "target_non_ascii", "The request target holds a character outside ASCII.")
	TargetScheme       = plain(400, "target_scheme", "The target's scheme is not that of the connection.")
	PathDotSegment     = plain(400, "path_dot_segment", "The path holds a dot segment.")
	PathDoubleSlash    = plain(400, "path_double_slash", "The path holds an empty segment.")
	PathBackslash      = plain(400, "path_backslash", "The path holds a backslash.")
	PathSemicolon      = permissible(gatehouse.Semicolon, "path_semicolon", "The path holds a semicolon.")
	PathNUL            = plain(400, "path_nul", "The path holds a NUL.")
	PathControl        = plain(400, "path_control", "The path holds a control character.")
	PathCharacter      = plain(400, "path_character", "The path holds a character that must be escaped.")
	PathEscape         = plain(400, "path_escape", "The path holds a malformed escape.")
	PathEncodedSlash   = permissible(gatehouse.EncodedSlash, "path_encoded_slash", "The path holds an encoded slash.")
	PathDoubleEncoding = permissible(gatehouse.EncodedPercent, "path_double_encoding", "The path holds an encoded percent sign.")
	PathUTF8           = plain(400, "path_utf8", "The path is not valid UTF-8 once decoded.")
	QueryAmbiguous     = plain(400, "query_ambiguous", "The query can be read in more than one way.")
)

// The rules that only HTTP/2 has (RFC 9113 section 8).
var (
	H2ConnectionField = plain(400, "h2_connection_field", "A connection-specific field has no place in HTTP/2.")
	H2FieldName       = plain(400, "h2_field_name", "A field name is not in lower case.")
)
