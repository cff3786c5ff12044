// Package shape tells personal data by its shape: payment card numbers, IBANs
// and e-mail addresses. Controls defend with it from such data in places where
// it does not belong, the URL and the reply.
//
// A shape is no proof. So everything here asks for all that is known of one: the
// length, the check digits, the ranges that are issued, the grouping, and that
// it is no part of a longer number or word.
package shape

// span is a range of issuer identification numbers (ISO/IEC 7812-1) by their
// first six digits, and how long its card numbers are.
type span struct {
	low, high         int
	shortest, longest int
}

// spans are the ranges that networks issue, as they publish them. Two lengths
// that standards permit are left out on purpose, since other numbers have them
// far more often: Visa of 13 digits (no longer issued; one in ten EAN-13 of
// Germany and Japan would be one) and Visa of 19 (one in a hundred random 63-bit
// ids would be).
var spans = [...]span{
	{400000, 499999, 16, 16}, // Visa
	{510000, 559999, 16, 16}, // Mastercard
	{222100, 272099, 16, 16}, // Mastercard
	{340000, 349999, 15, 15}, // American Express
	{370000, 379999, 15, 15}, // American Express
	{300000, 305999, 14, 14}, // Diners Club
	{309500, 309599, 14, 14}, // Diners Club
	{360000, 369999, 14, 14}, // Diners Club
	{380000, 399999, 14, 14}, // Diners Club
	{601100, 601199, 16, 19}, // Discover
	{644000, 659999, 16, 19}, // Discover, RuPay
	{620000, 629999, 16, 19}, // UnionPay
	{810000, 817199, 16, 19}, // UnionPay
	{352800, 358999, 16, 19}, // JCB
	{220000, 220499, 16, 19}, // Mir
	{508500, 508999, 16, 16}, // RuPay
	{606985, 608500, 16, 16}, // RuPay
	{501800, 501899, 16, 19}, // Maestro
	{502000, 502099, 16, 19}, // Maestro
	{503800, 503899, 16, 19}, // Maestro
	{589300, 589399, 16, 19}, // Maestro
	{630400, 630499, 16, 19}, // Maestro
	{675900, 675999, 16, 19}, // Maestro
	{676100, 676399, 16, 19}, // Maestro
	{506099, 506199, 16, 19}, // Verve
	{506700, 506799, 16, 16}, // Elo
	{979200, 979299, 16, 16}, // Troy
}

// layouts are how card numbers are grouped, longest first.
var layouts = [...][5]uint8{{4, 4, 4, 4, 3}, {4, 4, 4, 4}, {4, 6, 5}, {4, 6, 4}}

// The fewest and the most digits of a card number that is told.
const (
	fewest = 14
	most   = 19
)

// Text is what can be looked into.
type Text interface{ ~string | ~[]byte }

// Card returns the end of the payment card number that begins at s[i], or 0 when
// none does. Its digits stand together, or in the usual groups with one space or
// hyphen between each two; it is in a range that is issued, has the right check
// digit (ISO/IEC 7812-1 annex B) and is no part of a longer number, word, path
// or identifier.
func Card[T Text](s T, i int) int {
	var d [most]byte
	n := run(s, i, d[:])
	switch {
	case n == 4:
		return grouped(s, i, &d)
	case n < fewest || n > most || !begins(s, i) || !ends(s, i+n) || !valid(d[:n]):
		return 0
	}
	return i + n
}

// run reads the digits from s[i] into d, and returns how many stand there: one
// more than there is room for when there are more.
func run[T Text](s T, i int, d []byte) int {
	n := 0
	for i+n < len(s) && s[i+n]-'0' < 10 {
		if n == len(d) {
			return n + 1
		}
		d[n] = s[i+n] - '0'
		n++
	}
	return n
}

func grouped[T Text](s T, i int, d *[most]byte) int {
	end := i + 4
	if end >= len(s) || s[end] != ' ' && s[end] != '-' || !begins(s, i) || inTable(s, i, s[end]) {
		return 0
	}
	separator := s[end]
	groups, stops := [5]uint8{4}, [5]int{end}
	n, k := 4, 1
	for k < len(groups) && end+1 < len(s) && s[end] == separator {
		more := run(s, end+1, d[n:])
		if more == 0 || n+more > most {
			break
		}
		n, end = n+more, end+1+more
		groups[k], stops[k] = uint8(more), end
		k++
	}
	for _, layout := range layouts {
		digits, last := 0, 0
		for j := 0; j < len(layout) && layout[j] > 0 && layout[j] == groups[j]; j++ {
			digits, last = digits+int(layout[j]), j
		}
		if complete := last == len(layout)-1 || layout[last+1] == 0; complete && ends(s, stops[last]) && valid(d[:digits]) {
			return stops[last]
		}
	}
	return 0
}

// inTable reports whether another four digits and the separator stand before
// s[i]: a row of numbers, or a longer one.
func inTable[T Text](s T, i int, separator byte) bool {
	if i < 5 || s[i-1] != separator {
		return false
	}
	for _, at := range [...]int{i - 5, i - 4, i - 3, i - 2} {
		if s[at]-'0' > 9 {
			return false
		}
	}
	return true
}

// begins reports whether a number that begins at s[i] is the beginning of one.
func begins[T Text](s T, i int) bool {
	if i == 0 {
		return true
	}
	switch c := s[i-1]; {
	case c == '-' || c == '_' || c == '/' || c == '+':
		return false // a part of an identifier, a path or a telephone number
	case c == '.':
		return i < 2 || s[i-2]-'0' > 9
	case isWord(c):
		return escaped(s, i)
	}
	return true
}

// escaped reports whether an escape of JSON ends before s[i], as in "\n4111".
func escaped[T Text](s T, i int) bool {
	if i >= 6 && s[i-6] == '\\' && s[i-5] == 'u' {
		return true
	}
	if i < 2 || s[i-2] != '\\' {
		return false
	}
	switch s[i-1] {
	case 'b', 'f', 'n', 'r', 't':
		return true
	}
	return false
}

// ends reports whether a number that ends before s[i] goes on no further.
func ends[T Text](s T, i int) bool {
	if i == len(s) {
		return true
	}
	next := byte(0)
	if i+1 < len(s) {
		next = s[i+1]
	}
	switch c := s[i]; {
	case isWord(c) || c == '_':
		return false
	case c == '-':
		return !isWord(next)
	case c == '.':
		return next-'0' > 9
	}
	return true
}

func isWord(c byte) bool { return c-'0' < 10 || c|0x20-'a' < 26 }

// valid reports whether a number is in a range that is issued, of the right
// length, and has the right check digit.
func valid(d []byte) bool {
	if len(d) < fewest {
		return false
	}
	head := 0
	for _, v := range d[:6] {
		head = head*10 + int(v)
	}
	for i := range spans {
		if s := &spans[i]; s.low <= head && head <= s.high && s.shortest <= len(d) && len(d) <= s.longest {
			return luhn(d)
		}
	}
	return false
}

// luhn checks the last digit (ISO/IEC 7812-1 annex B).
func luhn(d []byte) bool {
	sum := 0
	for i := range d {
		v := int(d[len(d)-1-i])
		if i%2 == 1 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}
