package leak

import (
	"bytes"
	endian "encoding/binary"

	"github.com/gatehouse-api/gatehouse/control/internal/shape"
)

// look is how the bodies of an endpoint are looked at. It is immutable, so one
// body after another, or one event of a stream after another, may be given to it.
type look struct {
	successes, errors *scanner
	cards             string // "mask", "block" or "allow"
	ids               []string
	personal          bool // personal data may stand in errors
}

// success judges a body that is no error: what is found in it must not leave.
// Card numbers it masks in b itself, so that b keeps its length, and reports it.
func (l *look) success(b []byte, isJSON bool) (found what, masked bool) {
	found, numbers := l.successes.find(b)
	if found != nothing || !numbers || l.cards == "allow" {
		return found, false
	}
	for from := 0; ; {
		run, end := longRun(b, from)
		if run < 0 {
			return nothing, false
		}
		from = end
		for i := run; i < end; i++ {
			if i > run && b[i-1]-'0' < 10 {
				continue
			}
			if shape.Card(b, i) > 0 {
				return l.someCards(b, run, isJSON)
			}
		}
	}
}

// failure judges the body of an error.
func (l *look) failure(b []byte) what {
	if found, _ := l.errors.find(b); found != nothing {
		return found
	}
	for i := range b {
		switch c := b[i]; {
		case c-'0' < 10 && (i == 0 || b[i-1]-'0' > 9):
			if l.cards != "allow" && shape.Card(b, i) > 0 {
				return cardNumber
			}
			if inside(b, i) {
				return hostName
			}
		case l.personal:
		case c == '@' && shape.Email(b, i) && !role(b[:i]), c-'A' < 26 && shape.IBAN(b, i) > 0:
			return personal
		}
	}
	return nothing
}

// longRun returns where the next stretch of digits, spaces and hyphens begins and
// ends that a card number may stand in, or -1.
//
// It looks at eight bytes in one go and then seven bytes further on: the shortest
// card number has 14 digits, so eight of its bytes stand in one of these places,
// and no more than two of them are separators.
func longRun(b []byte, from int) (run, end int) {
	for i := from; i+8 <= len(b); i += stride {
		for i+4*stride+1 <= len(b) { // four places at once
			p := b[i : i+4*stride+1]
			if mostlyDigits(p) || mostlyDigits(p[stride:]) || mostlyDigits(p[2*stride:]) || mostlyDigits(p[3*stride:]) {
				break
			}
			i += 4 * stride
		}
		for i+8 <= len(b) && !mostlyDigits(b[i:]) {
			i += stride
		}
		run, end = i, i
		for run > from && inRun(b[run-1]) {
			run--
		}
		for end < len(b) && inRun(b[end]) {
			end++
		}
		if end-run >= 14 {
			return run, end
		}
		i = max(i, end-stride)
	}
	return -1, -1
}

const stride = 7

// mostlyDigits reports whether b begins with eight bytes from 0x20 to 0x39, and
// six of them at the least from 0x30 on, where the digits are.
func mostlyDigits(b []byte) bool {
	const every = 0x0101010101010101
	w := endian.LittleEndian.Uint64(b)
	return w&(0xe0*every) == 0x20*every && (w+6*every)&(0x40*every) == 0 && (w&(0x10*every)>>4)*every>>56 >= 6
}

func inRun(c byte) bool { return c-'0' < 10 || c == ' ' || c == '-' }

// someCards masks the card numbers in b from the run on, or says why b must not
// leave.
func (l *look) someCards(b []byte, from int, isJSON bool) (found what, masked bool) {
	p := position{}
	for i := from; i < len(b); {
		end := 0
		if b[i]-'0' < 10 {
			end = shape.Card(b, i)
		}
		if end == 0 {
			i++
			continue
		}
		if isJSON {
			p.moveTo(b, i)
		}
		switch {
		case isJSON && l.excused(b, i, end, &p):
		case l.cards == "block" || isJSON && !p.inString:
			return cardNumber, masked
		default:
			mask(b[i:end])
			masked = true
		}
		i = end
	}
	return nothing, masked
}

// excused reports whether a number of a JSON body, by the name of its member, is
// no card number after all.
func (l *look) excused(b []byte, from, end int, p *position) bool {
	name := b[p.name[0]:p.name[1]]
	for _, id := range l.ids {
		if string(name) == id {
			return true
		}
	}
	switch {
	case l.cards == "block" || saysCard(name):
		return false
	case !p.inString:
		return true
	}
	// The whole string, without separators.
	return saysID(name) && p.text == from && end < len(b) && b[end] == '"' && !bytes.ContainsAny(b[from:end], " -")
}

// mask leaves the last four digits, as PCI DSS 3.4 permits.
func mask(number []byte) {
	for i := range number[:len(number)-4] {
		if number[i]-'0' < 10 {
			number[i] = '*'
		}
	}
}

// position is a place in a JSON text. It moves forward only.
type position struct {
	at       int
	inString bool
	text     int    // where the string began that it is in, or that ended last
	end      int    // where the string ended that ended last
	name     [2]int // the member's name stands between these
}

func (p *position) moveTo(b []byte, to int) {
	for ; p.at < to; p.at++ {
		switch c := b[p.at]; {
		case p.inString && c == '\\':
			p.at++
		case p.inString && c == '"':
			p.inString, p.end = false, p.at
		case p.inString:
		case c == '"':
			p.inString, p.text = true, p.at+1
		case c == ':':
			p.name = [2]int{p.text, p.end}
		}
	}
}

// saysCard reports whether a member's name says that it holds a card number.
func saysCard(name []byte) bool {
	for i := range name {
		if i+4 <= len(name) && bytes.EqualFold(name[i:i+4], []byte("card")) {
			return true
		}
	}
	for _, s := range [...]string{"pan", "cc_number", "ccnumber", "ccn", "cc", "primary_account_number", "primaryAccountNumber", "dpan", "fpan"} {
		if len(name) == len(s) && bytes.EqualFold(name, []byte(s)) {
			return true
		}
	}
	return false
}

// saysID reports whether a member's name says that it holds an identifier: "id",
// "order_id", "orderId", "ids".
func saysID(name []byte) bool {
	if n := len(name); n > 2 && name[n-1]|0x20 == 's' {
		name = name[:n-1]
	}
	n := len(name)
	return n >= 2 && name[n-2]|0x20 == 'i' && name[n-1]|0x20 == 'd'
}

// inside reports whether an address of a private network (RFC 1918) begins at b[i].
func inside(b []byte, i int) bool {
	if i > 0 && (alnum.has(b[i-1]) && !alone(b[:i]) || b[i-1] == '.') {
		return false
	}
	var octet [4]int
	for n := range octet {
		digit := 0
		for ; i < len(b) && b[i]-'0' < 10 && digit < 3; digit++ {
			octet[n] = octet[n]*10 + int(b[i]-'0')
			i++
		}
		if digit == 0 || octet[n] > 255 {
			return false
		}
		if n < len(octet)-1 {
			if i >= len(b) || b[i] != '.' {
				return false
			}
			i++
		}
	}
	if i < len(b) && (alnum.has(b[i]) || b[i] == '.' && i+1 < len(b) && digits.has(b[i+1])) {
		return false
	}
	return octet[0] == 10 || octet[0] == 172 && octet[1]>>4 == 1 || octet[0] == 192 && octet[1] == 168
}

// roles are mailboxes of departments (RFC 2142 and custom), not of people.
var roles = [...]string{"support", "help", "helpdesk", "info", "contact", "api", "security", "service", "noreply", "no-reply", "sales", "abuse", "postmaster", "webmaster",
	"developers", "developer", "feedback", "privacy", "legal", "billing", "git"}

// role reports whether the local part that ends b is one of roles.
func role(b []byte) bool {
	for _, r := range roles {
		if n := len(b) - len(r); n >= 0 && bytes.EqualFold(b[n:], []byte(r)) && (n == 0 || !word.has(b[n-1]) && b[n-1] != '.' && b[n-1] != '+' || alone(b[:n])) {
			return true
		}
	}
	return false
}
