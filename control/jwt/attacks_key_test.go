package jwt

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

var es = change{"alg": `"ES256"`, "kid": `"ec"`}

var keyAttacks = map[string]attack{
	"ecdsa-psychic": func(l *lab) []try { return tries(l.token(es, nil, fixed(make([]byte, 64)))) },
	"ecdsa-n": func(l *lab) []try {
		n := elliptic.P256().Params().N.FillBytes(make([]byte, 32))
		zero := make([]byte, 32)
		part := func(f func(r, s []byte) [][]byte) string {
			return l.token(es, nil, changed(l.es, func(b []byte) []byte { return slices.Concat(f(b[:32], b[32:])...) }))
		}
		return tries(
			part(func(_, s []byte) [][]byte { return [][]byte{n, s} }), part(func(r, _ []byte) [][]byte { return [][]byte{r, n} }),
			part(func(_, _ []byte) [][]byte { return [][]byte{n, n} }), part(func(_, s []byte) [][]byte { return [][]byte{zero, s} }),
			part(func(r, _ []byte) [][]byte { return [][]byte{r, zero} }),
			part(func(r, s []byte) [][]byte { return [][]byte{overN(r), s} }), part(func(r, s []byte) [][]byte { return [][]byte{r, overN(s)} }))
	},
	"ecdsa-der": func(l *lab) []try { return tries(l.token(es, nil, changed(l.es, derSignature))) },
	"ecdsa-short": func(l *lab) []try {
		return tries(
			l.token(es, nil, changed(l.es, func(s []byte) []byte { return s[1:] })), l.token(es, nil, changed(l.es, func(s []byte) []byte { return slices.Concat(s[1:32], s[33:]) })),
			l.token(es, nil, leadingZero(l.es)))
	},
	"ecdsa-long": func(l *lab) []try {
		var tokens []string
		for _, size := range []int{48, 66} {
			pad := make([]byte, size-32)
			tokens = append(tokens, l.token(es, nil, changed(l.es, func(s []byte) []byte { return slices.Concat(pad, s[:32], pad, s[32:]) })))
		}
		return tries(tokens...)
	},
	"rsa-pkcs1-padding": func(l *lab) []try {
		return append(l.brokenPadding(), l.cubeRoot()...)
	},
	"rsa-weak": func(l *lab) []try {
		k, err := rsa.GenerateKey(rand.Reader, 1024)
		if err != nil {
			panic(err)
		}
		return meeting(l.with([]string{"RS256", "ES256"}, rsaJWK(&k.PublicKey, "rsa", "")), l.token(nil, nil, rs256(k)))
	},
	"rsa-e1": func(l *lab) []try {
		var all []try
		for _, e := range []int{0, 1, 2} {
			step := l.with([]string{"RS256", "ES256"}, rsaJWK(&rsa.PublicKey{N: l.rsa.N, E: e}, "rsa", ""))
			all = append(all, meeting(step, l.token(nil, nil, func(input string) []byte { return pkcs1(input, 256) }))...)
		}
		return all
	},
	"pss-salt": func(l *lab) []try {
		step := l.with([]string{"PS256", "ES256"}, rsaJWK(&l.rsa.PublicKey, "rsa", ""))
		ps := change{"alg": `"PS256"`}
		l.mustPass(step, l.token(ps, nil, ps256(l.rsa, 32)))
		return meeting(step, l.token(ps, nil, ps256(l.rsa, 0)), l.token(ps, nil, ps256(l.rsa, 20)), l.token(ps, nil, ps256(l.rsa, 33)))
	},
	"ed-malleable": func(l *lab) []try {
		step := l.with([]string{"EdDSA", "ES256"}, okpJWK(l.ed.Public().(ed25519.PublicKey), "ed"))
		sign := func(input string) []byte { return ed25519.Sign(l.ed, []byte(input)) }
		head := change{"alg": `"EdDSA"`, "kid": `"ed"`}
		l.mustPass(step, l.token(head, nil, sign))
		order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
		return meeting(step, l.token(head, nil, changed(sign, func(s []byte) []byte {
			n := new(big.Int).SetBytes(reversed(s[32:]))
			return append(s[:32:32], reversed(n.Add(n, order).FillBytes(make([]byte, 32)))...)
		})))
	},
	"ed-small-order": func(l *lab) []try {
		var all []try
		one := append([]byte{1}, make([]byte, 31)...)
		for _, key := range [][]byte{one, make([]byte, 32), append([]byte{1}, append(make([]byte, 30), 0x80)...)} {
			step := l.with([]string{"EdDSA", "ES256"}, okpJWK(key, "ed"))
			all = append(all, meeting(step, l.token(change{"alg": `"EdDSA"`, "kid": `"ed"`}, nil, fixed(append(slices.Clone(one), make([]byte, 32)...))))...)
		}
		return all
	},
	"ec-invalid-point": func(l *lab) []try {
		point, _ := l.ec.PublicKey.Bytes()
		x, y, ff := point[1:33], point[33:], bytes.Repeat([]byte{0xff}, 32)
		var all []try
		for _, p := range [][2][]byte{{x, x}, {make([]byte, 32), make([]byte, 32)}, {ff, y}, {x[:31], y}, {append([]byte{0}, x...), y}, {nil, nil}} {
			bad := jwk(`"kty":"EC","crv":"P-256","x":"`+enc(p[0])+`","y":"`+enc(p[1])+`"`, "bad", "")
			all = append(all, meeting(l.with([]string{"ES256"}, bad), l.token(change{"alg": `"ES256"`, "kid": `"bad"`}, nil, l.es))...)
		}
		return all
	},
	"hmac-blank": hmacUnder("HS256", crypto.SHA256, func(*lab) [][]byte { return [][]byte{nil} }),
	"hmac-common": hmacUnder("HS256", crypto.SHA256, func(l *lab) [][]byte {
		return [][]byte{[]byte("secret"), []byte("password"), []byte("changeme"), []byte("your-256-bit-secret"), []byte(l.url), []byte("client")}
	}),
	"hmac-null-byte": hmacUnder("HS256", crypto.SHA256, func(*lab) [][]byte { return [][]byte{{0}, make([]byte, 32)} }),
	"hmac-file": hmacUnder("HS256", crypto.SHA256, func(*lab) [][]byte {
		known, _ := os.ReadFile("config.go")
		return [][]byte{known, nil}
	}),
}

func overN(b []byte) []byte {
	n := new(big.Int).SetBytes(b)
	sum := n.Add(n, elliptic.P256().Params().N).Bytes()
	return sum[max(0, len(sum)-32):]
}

// leadingZero signs until r begins with a zero byte, and leaves that out.
func leadingZero(s signer) signer {
	return func(input string) []byte {
		for {
			if b := s(input); b[0] == 0 {
				return b[1:]
			}
		}
	}
}

func reversed(b []byte) []byte {
	b = slices.Clone(b)
	slices.Reverse(b)
	return b
}

// sha256ID is the DigestInfo of SHA-256 (RFC 8017 section 9.2).
var sha256ID = []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}

func pkcs1(input string, size int) []byte {
	d := sha256.Sum256([]byte(input))
	info := slices.Concat(sha256ID, d[:])
	return slices.Concat([]byte{0, 1}, bytes.Repeat([]byte{0xff}, size-3-len(info)), []byte{0}, info)
}

// brokenPadding signs blocks that a lax verifier takes for PKCS #1.
func (l *lab) brokenPadding() []try {
	raw := func(block func(d []byte) []byte) string {
		return l.token(nil, nil, func(input string) []byte {
			d := sha256.Sum256([]byte(input))
			m := new(big.Int).SetBytes(block(d[:]))
			return m.Exp(m, l.rsa.D, l.rsa.N).FillBytes(make([]byte, 256))
		})
	}
	ff := func(n int) []byte { return bytes.Repeat([]byte{0xff}, n) }
	l.mustPass(l.step, raw(func(d []byte) []byte { return slices.Concat([]byte{0, 1}, ff(202), []byte{0}, sha256ID, d) }))
	return tries(
		raw(func(d []byte) []byte {
			return slices.Concat([]byte{0, 1}, ff(8), []byte{0}, sha256ID, d, make([]byte, 194))
		}),
		raw(func(d []byte) []byte { return slices.Concat([]byte{0, 1}, ff(221), []byte{0}, d) }),
		raw(func(d []byte) []byte { return slices.Concat([]byte{0, 2}, ff(202), []byte{0}, sha256ID, d) }),
		raw(func(d []byte) []byte { return slices.Concat([]byte{0, 1}, make([]byte, 203), sha256ID, d) }))
}

// cubeRoot forges under a key with exponent 3 without knowing it.
func (l *lab) cubeRoot() []try {
	step := l.with([]string{"RS256", "ES256"}, rsaJWK(&rsa.PublicKey{N: l.rsa.N, E: 3}, "rsa", ""))
	return meeting(step, l.token(nil, nil, func(input string) []byte {
		d := sha256.Sum256([]byte(input))
		want := new(big.Int).SetBytes(slices.Concat([]byte{0, 1}, bytes.Repeat([]byte{0xff}, 8), []byte{0}, sha256ID, d[:], bytes.Repeat([]byte{0xff}, 194)))
		low, high := new(big.Int), new(big.Int).Lsh(big.NewInt(1), 700)
		for low.Cmp(high) < 0 {
			mid := new(big.Int).Add(low, high)
			mid.Add(mid, big.NewInt(1)).Rsh(mid, 1)
			if new(big.Int).Exp(mid, big.NewInt(3), nil).Cmp(want) <= 0 {
				low = mid
			} else {
				high = mid.Sub(mid, big.NewInt(1))
			}
		}
		return low.FillBytes(make([]byte, 256))
	}))
}

// kidIs signs with the issuer's key, and with an HMAC of the key that the kid
// would lead to, under a kid.
func kidIs(hmacKey string, kids ...string) attack {
	return func(l *lab) []try {
		var tokens []string
		for _, kid := range kids {
			tokens = append(tokens, l.token(change{"alg": `"HS256"`, "kid": kid}, nil, hs([]byte(hmacKey), crypto.SHA256)), l.token(change{"kid": kid}, nil, l.rs))
		}
		return tries(tokens...)
	}
}

var kidAttacks = map[string]attack{
	"kid-path":         kidIs("", `"../../../../../../dev/null"`),
	"kid-path-known":   kidIs("2", `"../../etc/hostname"`, `"/proc/sys/kernel/randomize_va_space"`),
	"kid-path-encoded": kidIs("", `"%2e%2e%2frsa"`, `"..\\rsa"`, `"rsa\u0000.pem"`),
	"kid-sql":          kidIs("aaa", `"x' UNION SELECT 'aaa' -- "`),
	"kid-ldap":         kidIs("", `"*)(objectClass=*"`),
	"kid-url":          kidIs("", `"http://attacker.test/key"`, `"file:///etc/passwd"`),
	"kid-unknown":      kidIs("", `"rsa "`, `"RSA"`, `"rsa2"`, `"rs"`),
	"kid-type":         kidIs("", "1", `["rsa"]`, `{"a":"rsa"}`, "null", `""`),
	"kid-long": func(l *lab) []try {
		return tries(l.token(change{"kid": quote(strings.Repeat("k", 1<<20))}, nil, l.rs), l.token(change{"kid": quote(strings.Repeat("k", 300))}, nil, l.rs))
	},
	"kid-other-issuer": func(l *lab) []try {
		return tries(l.token(change{"kid": `"b"`}, nil, l.rsB), l.token(nil, change{"iss": quote(l.urlB)}, l.rs))
	},
	"kid-missing": func(l *lab) []try {
		all := tries(l.token(change{"kid": ""}, nil, rs256(l.rsaX)), l.token(change{"kid": "", "alg": `"HS256"`}, nil, hs(l.pem(), crypto.SHA256)))
		// Two keys that suit: without a kid there is nothing to choose by.
		step := l.with([]string{"RS256", "ES256"}, rsaJWK(&l.rsa.PublicKey, "one", ""), rsaJWK(&l.rsaB.PublicKey, "two", ""))
		return append(all, meeting(step, l.token(change{"kid": ""}, nil, l.rs))...)
	},
}

var headerAttacks = map[string]attack{
	"jwk-embedded": func(l *lab) []try { return l.header1("jwk", rsaJWK(&l.rsaX.PublicKey, "", "")) },
	"jwk-embedded-oct": func(l *lab) []try {
		key := jwk(`"kty":"oct","k":"`+enc([]byte("attacker"))+`"`, "", "")
		return tries(l.token(change{"alg": `"HS256"`, "jwk": key}, nil, hs([]byte("attacker"), crypto.SHA256)))
	},
	"jwk-embedded-kid": func(l *lab) []try { return l.header1("jwk", rsaJWK(&l.rsaX.PublicKey, "rsa", "")) },
	"jku":              func(l *lab) []try { return l.header1("jku", `"https://attacker.test/jwks.json"`) },
	"jku-prefix": func(l *lab) []try {
		return l.header1("jku", `"https://issuer.example@attacker.test/"`, `"https://issuer.example.attacker.test/"`, `"https://attacker.test/#https://issuer.example/"`)
	},
	"jku-redirect": func(l *lab) []try {
		return l.header1("jku", quote(l.url+"/redirect?to=https://attacker.test/jwks.json"))
	},
	"jku-upload":    func(l *lab) []try { return l.header1("jku", quote(l.url+"/uploads/jwks.json")) },
	"jku-traversal": func(l *lab) []try { return l.header1("jku", quote(l.url+"/.well-known/../uploads/jwks.json")) },
	"jku-ssrf":      func(l *lab) []try { return l.header1("jku", ssrf...) },
	"jku-crlf":      func(l *lab) []try { return l.header1("jku", `"https://attacker.test/\r\nHost: x"`) },
	"x5u":           func(l *lab) []try { return l.header1("x5u", `"https://attacker.test/cert.pem"`) },
	"x5u-ssrf":      func(l *lab) []try { return l.header1("x5u", ssrf...) },
	"x5c": func(l *lab) []try {
		return l.header1("x5c", `[`+quote(base64.StdEncoding.EncodeToString(certificate(l.rsaX)))+`]`)
	},
	"x5c-mixed": func(l *lab) []try {
		good, bad := quote(base64.StdEncoding.EncodeToString(certificate(l.rsa))), quote(base64.StdEncoding.EncodeToString(certificate(l.rsaX)))
		return l.header1("x5c", "["+good+","+bad+"]", "["+bad+","+good+"]", "["+good+"]")
	},
	"x5t": func(l *lab) []try {
		sum := sha256.Sum256(certificate(l.rsa))
		key := rsaJWK(&l.rsaX.PublicKey, "", "")
		return tries(
			l.token(change{"x5t#S256": quote(enc(sum[:])), "jwk": key}, nil, rs256(l.rsaX)), l.token(change{"x5t": quote(enc(sum[:20])), "jwk": key}, nil, rs256(l.rsaX)),
			l.token(change{"x5t#S256": quote(enc(sum[:]))}, nil, rs256(l.rsaX)))
	},
}

var ssrf = []string{`"http://169.254.169.254/"`, `"http://127.0.0.1:2375/"`, `"file:///etc/passwd"`}

// header1 signs with the stranger's key under one more header parameter, and
// with the issuer's own: the parameter is refused, not just without effect.
func (l *lab) header1(name string, values ...string) []try {
	var tokens []string
	for _, v := range values {
		for _, s := range []signer{rs256(l.rsaX), l.rs} {
			tokens = append(tokens, l.token(change{name: v}, nil, s), l.token(change{name: v, "kid": ""}, nil, s))
		}
	}
	return tries(tokens...)
}

// mustPass keeps an attack honest: what it changes was accepted before.
func (l *lab) mustPass(step gatehouse.Step, token string) {
	if got := reason(step, token); got != "" {
		panic(fmt.Sprintf("the genuine token is refused: %s", got))
	}
}
