package jsonwalk

// Limits bound what a document may cost, whatever its schema says. A zero field
// means the default; the zero Limits are the defaults throughout.
//
// They are three times 16 bytes, which is how they are copied: of any other size the
// pieces would overlap, and each copy would wait for the one before it.
type Limits struct {
	Bytes    int   // length of the document in bytes; default 10 MiB
	Depth    int   // nesting of arrays and objects; default 64
	Keys     int   // members of one object; default 4,096
	Values   int   // values of the document; default 1,048,576
	Digits   int32 // characters of one number; default and most 128
	Exponent int32 // absolute value of a written exponent; default 400
	// AllowNUL accepts the escape \u0000, which ends a string in many programs.
	AllowNUL bool
}

func (l Limits) orDefaults() Limits {
	l.fill()
	return l
}

// fill fills in the defaults in place: limits that are changed and then copied wait for
// the changes to reach memory.
func (l *Limits) fill() {
	set(&l.Bytes, 10<<20)
	set(&l.Depth, 64)
	set(&l.Keys, 4096)
	set(&l.Values, 1<<20)
	set(&l.Digits, maxDigits)
	set(&l.Exponent, 400)
	l.Digits = min(l.Digits, maxDigits)
}

func set[N int | int32](v *N, to N) {
	if *v <= 0 {
		*v = to
	}
}

// Error is a reason why a document is refused. Its text holds nothing of the
// document.
type Error string

// Error returns the reason.
func (e Error) Error() string { return "jsonwalk: " + string(e) }

// The reasons why a document is refused.
const (
	ErrEmpty     = Error("no document")
	ErrSyntax    = Error("not JSON (RFC 8259)")
	ErrLiteral   = Error("not one of true, false and null: NaN and Infinity do not exist")
	ErrNumber    = Error("not a number: leading zeros and plus signs do not exist")
	ErrEscape    = Error("unknown escape in a string")
	ErrControl   = Error("control character in a string")
	ErrBOM       = Error("byte order mark")
	ErrUTF8      = Error("invalid UTF-8")
	ErrSurrogate = Error("lone surrogate")
	ErrNUL       = Error("NUL in a string")
	ErrTrailing  = Error("data after the document")
	ErrDuplicate = Error("duplicate member name")
	ErrBytes     = Error("document too long")
	ErrDepth     = Error("nested too deeply")
	ErrKeys      = Error("too many members in an object")
	ErrValues    = Error("too many values")
	ErrDigits    = Error("number too long")
	ErrExponent  = Error("exponent too large")
)
