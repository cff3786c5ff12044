package redact

// sensitiveWords are what names of secrets and of personal data contain, in
// lower case and without separators. "key" alone is not among them, since "sort_key" is harmless; but see
// sensitiveNames.
var sensitiveWords = []string{
	"passw", "passphrase", "passcode", "pwd", "secret", "token", "credential", "auth", "apikey", "accesskey", "privatekey", "signature",
	"session", "cookie", "jwt", "bearer", "assertion", "otp", "mfa", "nonce", "verifier", "ticket", "cvv", "cvc", "card", "creditc",
	"iban", "accountn", "routing", "ssn", "socialsec", "taxid", "passport", "licen", "email", "mail", "phone", "mobile", "birth",
	"firstname", "lastname", "fullname", "surname", "username", "street", "address", "postal", "salary", "invite", "magic", "reset",
}

// sensitiveNames are sensitive as a whole name only.
var sensitiveNames = []string{"key", "pin", "pan", "code", "state", "sig", "sid", "dob", "tel", "fax", "zip", "user", "login", "name", "hmac", "csrf", "xsrf", "pass", "saml", "samlresponse", "iin", "vat", "ip"}

// harmlessNames are query parameters whose values say how to answer, not about whom.
var harmlessNames = []string{"page", "pagesize", "perpage", "size", "limit", "offset", "first", "last", "skip", "top", "sort", "sortby",
	"order", "orderby", "direction", "dir", "fields", "include", "expand", "embed", "status", "type", "kind", "format", "lang", "locale",
	"version", "apiversion", "currency", "unit", "from", "to", "since", "until", "before", "after", "date", "interval", "timezone", "view"}

// sensitive reports whether a parameter's name says that its value is secret or
// personal. It sees through letter case, separators and one layer of escapes.
func sensitive(name string) bool {
	var buf [maxName]byte
	n, fits := fold(&buf, name)
	if !fits {
		return true // a name too long to judge
	}
	folded := buf[:n]
	for _, w := range namesBy[first(folded)] {
		if string(folded) == w {
			return true
		}
	}
	for i := 0; i+1 < len(folded); i++ {
		if wordsGoOn[folded[i]&31]>>(folded[i+1]&31)&1 == 0 {
			continue
		}
		for _, w := range wordsBy[folded[i]&31] {
			if len(folded)-i >= len(w) && string(folded[i:i+len(w)]) == w {
				return true
			}
		}
	}
	return false
}

// wordsBy, namesBy and harmlessBy hold the lists by first letter.
var (
	wordsBy    = byLetter(sensitiveWords)
	namesBy    = byLetter(sensitiveNames)
	harmlessBy = byLetter(harmlessNames)
)

// wordsGoOn has, by the first letter of sensitive words, one bit per second letter.
var wordsGoOn = func() (t [32]uint32) {
	for _, w := range sensitiveWords {
		t[w[0]&31] |= 1 << (w[1] & 31)
	}
	return t
}()

func byLetter(words []string) (t [32][]string) {
	for _, w := range words {
		t[w[0]&31] = append(t[w[0]&31], w)
	}
	return t
}

func first(s []byte) byte {
	if len(s) == 0 {
		return 0
	}
	return s[0] & 31
}

// harmless reports whether a parameter is known to carry no data.
func harmless(name string) bool {
	var buf [maxName]byte
	n, fits := fold(&buf, name)
	if !fits {
		return false
	}
	for _, w := range harmlessBy[first(buf[:n])] {
		if string(buf[:n]) == w {
			return true
		}
	}
	return false
}

// fold writes the letters and digits of name in lower case to buf, unescaped
// once. It reports false when they do not fit.
func fold(buf *[maxName]byte, name string) (n int, fits bool) {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c == '%' && i+2 < len(name) {
			if h, l := unhex(name[i+1]), unhex(name[i+2]); h < 16 && l < 16 {
				c = h<<4 | l
				i += 2
			}
		}
		if !alnum(c) {
			continue
		}
		if letter(c) {
			c |= 0x20
		}
		if n == len(buf) {
			return 0, false
		}
		buf[n] = c
		n++
	}
	return n, true
}

func unhex(c byte) byte {
	switch {
	case digit(c):
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 16
}
