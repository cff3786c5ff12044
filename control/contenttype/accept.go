package contenttype

import (
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

// accepts judges the Accept fields (RFC 9110 section 12.5.1): whether they can be
// read, and whether they allow one of the media types that the operation gives.
// No field, and an empty one, allow everything.
func (k *check) accepts(f gatehouse.Fields) *gatehouse.Answer {
	value, n := "", 0
	for i := range f {
		if f[i].Name == "accept" {
			value, n = f[i].Value, n+1
		}
	}
	if n == 0 || n == 1 && slices.Contains(k.usual, value) {
		return nil
	}
	return k.judge(f)
}

// judge reads the fields and compares them with what the operation gives.
func (k *check) judge(f gatehouse.Fields) *gatehouse.Answer {
	said := false
	for i := range f {
		if f[i].Name != "accept" {
			continue
		}
		r := ranges{rest: f[i].Value}
		for r.next() {
			said = true
		}
		if r.bad {
			return badAccept
		}
	}
	if !said || len(k.gives) == 0 {
		return nil
	}
	for _, t := range k.gives {
		if allows(f, t) {
			return nil
		}
	}
	return notAcceptable
}

// allows reports whether the most specific range that takes the media type has
// another weight than 0.
func allows(f gatehouse.Fields, mediaType string) bool {
	best, allowed := -1, false
	for i := range f {
		if f[i].Name != "accept" {
			continue
		}
		for r := (ranges{rest: f[i].Value}); r.next(); {
			if s := specific(r.mediaRange, mediaType); s > best || s == best && s >= 0 && !r.none {
				best, allowed = s, !r.none
			}
		}
	}
	return allowed
}

// specific returns how closely a range names a media type, or -1 when it does not
// take it. Parameters of a range are not looked at: they narrow what only the
// application knows.
func specific(mediaRange, mediaType string) int {
	switch prefix, ranged := strings.CutSuffix(mediaRange, "*"); {
	case mediaRange == "*/*", mediaRange == "*":
		return 0
	case ranged && len(mediaType) > len(prefix) && strings.EqualFold(mediaType[:len(prefix)], prefix):
		return 1
	case strings.EqualFold(mediaRange, mediaType):
		return 2
	}
	return -1
}

// ranges reads the elements of an Accept field one by one.
type ranges struct {
	rest       string
	mediaRange string
	none       bool // its weight is 0
	bad        bool // the rest cannot be read
}

// next reads the next element and reports whether there is one. Empty elements
// are passed over (RFC 9110 section 5.6.1.2).
func (r *ranges) next() bool {
	r.rest = strings.TrimLeft(r.rest, ", \t")
	if r.rest == "" || r.bad {
		return false
	}
	end := strings.IndexAny(r.rest, ";, \t")
	if end < 0 {
		end = len(r.rest)
	}
	r.mediaRange, r.rest, r.none = r.rest[:end], r.rest[end:], false
	// "*" alone is what Java's HttpURLConnection sent for 25 years. It means "*/*".
	if r.bad = r.mediaRange != "*" && !mediaRange(r.mediaRange); r.bad {
		return false
	}
	for weighted := false; ; {
		r.rest = strings.TrimLeft(r.rest, " \t")
		switch {
		case r.rest == "", r.rest[0] == ',':
			return true
		case r.rest[0] != ';':
			r.bad = true
			return false
		}
		r.rest = strings.TrimLeft(r.rest[1:], " \t")
		if r.rest == "" || r.rest[0] == ',' || r.rest[0] == ';' {
			continue // a parameter may be empty (RFC 9110 section 5.6.6)
		}
		name, value, ok := r.parameter()
		switch {
		case !ok, weighted && strings.EqualFold(name, "q"):
			r.bad = true
			return false
		case strings.EqualFold(name, "q"):
			weighted = true
			if r.none, ok = weight(value); !ok {
				r.bad = true
				return false
			}
		}
	}
}

// parameter reads name=value, the value being a token or a quoted string.
func (r *ranges) parameter() (name, value string, ok bool) {
	end := strings.IndexByte(r.rest, '=')
	if end < 0 || !token(r.rest[:end]) {
		return "", "", false
	}
	name, r.rest = r.rest[:end], r.rest[end+1:]
	if strings.HasPrefix(r.rest, `"`) {
		end = strings.IndexByte(r.rest[1:], '"') + 2
		if end < 2 || strings.IndexByte(r.rest[:end], '\\') >= 0 {
			return "", "", false
		}
		value, r.rest = r.rest[:end], r.rest[end:]
		return name, value, true
	}
	if end = strings.IndexAny(r.rest, ";, \t"); end < 0 {
		end = len(r.rest)
	}
	value, r.rest = r.rest[:end], r.rest[end:]
	return name, value, token(value)
}

// mediaRange reports */*, type/* and type/subtype.
func mediaRange(s string) bool {
	kind, sub, ok := strings.Cut(s, "/")
	switch {
	case !ok || !token(kind) || !token(sub):
		return false
	case kind == "*":
		return sub == "*"
	}
	return strings.IndexByte(kind, '*') < 0 && (sub == "*" || strings.IndexByte(sub, '*') < 0)
}

// weight reads a qvalue (RFC 9110 section 12.4.2) and reports whether it is 0. A
// digit may be missing before the point: that, too, is what old Java sends.
func weight(s string) (none, ok bool) {
	whole, fraction, pointed := strings.Cut(s, ".")
	switch {
	case len(fraction) > 3, whole != "0" && whole != "1" && (whole != "" || fraction == ""):
		return false, false
	}
	zero := true
	for i := range len(fraction) {
		if fraction[i] < '0' || fraction[i] > '9' {
			return false, false
		}
		zero = zero && fraction[i] == '0'
	}
	if whole == "1" {
		return false, zero
	}
	return zero, whole != "" || pointed
}
