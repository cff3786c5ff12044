package shape

// ibanLengths has, by country, how long its IBANs are (ISO 13616 registry).
const ibanLengths = "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22GE22GI23" +
	"GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28" +
	"NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30"

// IBAN returns the end of the international bank account number (ISO 13616) that
// begins at s[i], or 0. It is written in one, or in groups of four with a space
// between each two, and its check digits are right (ISO/IEC 7064 MOD 97-10).
func IBAN[T Text](s T, i int) int {
	if i+15 > len(s) || s[i+2]-'0' > 9 || s[i+3]-'0' > 9 || !begins(s, i) {
		return 0
	}
	length := 0
	for at := 0; at < len(ibanLengths); at += 4 {
		if ibanLengths[at] == s[i] && ibanLengths[at+1] == s[i+1] {
			length = int(ibanLengths[at+2]-'0')*10 + int(ibanLengths[at+3]-'0')
			break
		}
	}
	if length == 0 {
		return 0
	}
	var text [34]byte
	n, end, spaced := 0, i, s[min(i+4, len(s)-1)] == ' '
	for n < length && end < len(s) {
		if spaced && n > 0 && n%4 == 0 {
			if s[end] != ' ' {
				return 0
			}
			end++
			if end == len(s) {
				return 0
			}
		}
		c := s[end]
		if c-'0' > 9 && c-'A' > 25 {
			return 0
		}
		text[n] = c
		n, end = n+1, end+1
	}
	if n < length || !ends(s, end) || !mod97(text[:n]) {
		return 0
	}
	return end
}

// mod97 checks the two digits behind the country, which count as the last.
func mod97(iban []byte) bool {
	rest := 0
	for i := range iban {
		if c := iban[(i+4)%len(iban)]; c <= '9' {
			rest = (rest*10 + int(c-'0')) % 97
		} else {
			rest = (rest*100 + int(c-'A') + 10) % 97
		}
	}
	return rest == 1
}

// Email reports whether an e-mail address stands around the at sign at s[at]. The
// last label of its domain has no digits, unlike that of name@1.2.30.
func Email[T Text](s T, at int) bool {
	if at == 0 || !(isWord(s[at-1]) || s[at-1] == '_' || s[at-1] == '-' || s[at-1] == '+') {
		return false
	}
	dots, last, plain := 0, 0, true
	for i := at + 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.' && last == 0:
			return false
		case c == '.' && i+1 < len(s) && (isWord(s[i+1]) || s[i+1] >= 0x80):
			dots, last, plain = dots+1, 0, true
		case isWord(c) || c == '-' || c >= 0x80:
			last++
			plain = plain && c-'0' > 9
		default:
			return dots > 0 && last >= 2 && plain
		}
	}
	return dots > 0 && last >= 2 && plain
}
