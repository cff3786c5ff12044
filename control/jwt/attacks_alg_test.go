package jwt

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"math/big"
	"strings"
	"time"

	gojose "github.com/go-jose/go-jose/v4"
)

var none = fixed(nil)

func algIs(values ...string) attack {
	return func(l *lab) []try {
		var tokens []string
		for _, v := range values {
			for _, s := range []signer{none, l.rs} {
				tokens = append(tokens, l.token(change{"alg": v}, nil, s))
			}
		}
		return tries(tokens...)
	}
}

var algAttacks = map[string]attack{
	"alg-none":        algIs(`"none"`),
	"alg-none-case-1": algIs(`"None"`),
	"alg-none-case-2": algIs(`"NONE"`),
	"alg-none-case-3": algIs(`"nOnE"`),
	"alg-none-space":  algIs(`" none"`, `"none "`),
	"alg-none-oldsig": func(l *lab) []try {
		_, old := cutSignature(l.genuineA)
		_, payload := cutHeader(l.genuineA)
		return tries(enc(l.header(change{"alg": `"none"`})) + "." + payload + "." + old)
	},
	"alg-none-nodot": func(l *lab) []try {
		input, _ := cutSignature(l.token(change{"alg": `"none"`}, nil, none))
		return tries(input)
	},
	"alg-none-nul":        algIs(`"\u006eone"`, `"none\u0000"`),
	"alg-missing":         algIs(""),
	"alg-empty":           algIs(`""`),
	"alg-null":            algIs("null"),
	"alg-type":            algIs(`["RS256"]`, `{"a":"RS256"}`, "256", "true"),
	"alg-case":            algIs(`"rs256"`),
	"alg-unknown":         algIs(`"XS256"`),
	"alg-duplicate-first": rawHeader(`{"alg":"RS256","alg":"none","kid":"rsa","typ":"at+jwt"}`, `{"alg":"RS256","\u0061lg":"none","kid":"rsa","typ":"at+jwt"}`),
	"alg-duplicate-last":  rawHeader(`{"alg":"none","alg":"RS256","kid":"rsa","typ":"at+jwt"}`),
	"alg-casefold-member": rawHeader(`{"Alg":"none","alg":"RS256","kid":"rsa","typ":"at+jwt"}`, `{"ALG":"RS256","kid":"rsa","typ":"at+jwt"}`),

	"confusion-rs-hs":      hmacUnder("HS256", crypto.SHA256, func(l *lab) [][]byte { return [][]byte{l.pem()} }),
	"confusion-rs-hs-nonl": hmacUnder("HS256", crypto.SHA256, func(l *lab) [][]byte { return [][]byte{bytes.TrimSpace(l.pem())} }),
	"confusion-rs-hs-crlf": hmacUnder("HS256", crypto.SHA256, func(l *lab) [][]byte { return [][]byte{bytes.ReplaceAll(l.pem(), []byte("\n"), []byte("\r\n"))} }),
	"confusion-rs-hs-pkcs1": hmacUnder("HS256", crypto.SHA256, func(l *lab) [][]byte {
		return [][]byte{pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&l.rsa.PublicKey)})}
	}),
	"confusion-rs-hs-der": hmacUnder("HS256", crypto.SHA256, func(l *lab) [][]byte { return [][]byte{spki(&l.rsa.PublicKey)} }),
	"confusion-rs-hs-cert": hmacUnder("HS256", crypto.SHA256, func(l *lab) [][]byte {
		return [][]byte{pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate(l.rsa)})}
	}),
	"confusion-rs-hs-jwk": hmacUnder("HS256", crypto.SHA256, func(l *lab) [][]byte {
		n := enc(l.rsa.N.Bytes())
		return [][]byte{[]byte(rsaJWK(&l.rsa.PublicKey, "rsa", `"alg":"RS256","use":"sig"`)), []byte(`{"e":"AQAB","kty":"RSA","n":"` + n + `"}`)}
	}),
	"confusion-rs-hs-n": hmacUnder("HS256", crypto.SHA256, func(l *lab) [][]byte { return [][]byte{l.rsa.N.Bytes(), []byte(enc(l.rsa.N.Bytes()))} }),
	"confusion-rs-hs-ssh": hmacUnder("HS256", crypto.SHA256, func(l *lab) [][]byte {
		return [][]byte{[]byte("ssh-rsa " + base64.StdEncoding.EncodeToString(sshRSA(&l.rsa.PublicKey)))}
	}),
	"confusion-es-hs": hmacUnder("HS256", crypto.SHA256, func(l *lab) [][]byte {
		point, _ := l.ec.PublicKey.Bytes()
		return [][]byte{pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki(&l.ec.PublicKey)}), point, point[1:]}
	}),
	"confusion-ed-hs": hmacUnder("HS256", crypto.SHA256, func(l *lab) [][]byte { return [][]byte{l.ed.Public().(ed25519.PublicKey)} }),
	"confusion-rs-hs384": func(l *lab) []try {
		return append(hmacUnder("HS384", crypto.SHA384, func(l *lab) [][]byte { return [][]byte{l.pem()} })(l),
			hmacUnder("HS512", crypto.SHA512, func(l *lab) [][]byte { return [][]byte{l.pem()} })(l)...)
	},
	"confusion-rs-ps": func(l *lab) []try {
		token := l.token(change{"alg": `"PS256"`}, nil, ps256(l.rsa, 32))
		// Also where both are allowed, but the key says that it is for RS256.
		return append(tries(token), meeting(l.with([]string{"RS256", "PS256", "ES256"}, rsaJWK(&l.rsa.PublicKey, "rsa", `"alg":"RS256"`)), token)...)
	},
	"confusion-rs-rs512": func(l *lab) []try {
		return append(tries(l.token(change{"alg": `"RS512"`}, nil, rsaWith(l.rsa, crypto.SHA512))),
			meeting(l.with([]string{"ES256"}, rsaJWK(&l.rsa.PublicKey, "rsa", "")), l.genuineA)...)
	},
	"confusion-es-curve": func(l *lab) []try {
		k, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		k1 := jwk(`"kty":"EC","crv":"secp256k1","x":"`+enc(make([]byte, 32))+`","y":"`+enc(make([]byte, 32))+`"`, "k1", "")
		step := l.with([]string{"ES256", "RS256"}, ecJWK(&k.PublicKey, "p384", ""), k1)
		es384 := func(k *ecdsa.PrivateKey, size int) signer {
			return func(input string) []byte {
				d := crypto.SHA384.New()
				d.Write([]byte(input))
				r, s, _ := ecdsa.Sign(rand.Reader, k, d.Sum(nil))
				return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
			}
		}
		return meeting(step,
			l.token(change{"alg": `"ES256"`, "kid": `"p384"`}, nil, func(input string) []byte {
				d := sha256.Sum256([]byte(input))
				r, s, _ := ecdsa.Sign(rand.Reader, k, d[:])
				return append(r.FillBytes(make([]byte, 48)), s.FillBytes(make([]byte, 48))...)
			}),
			l.token(change{"alg": `"ES256"`, "kid": `"k1"`}, nil, l.es),
			l.token(change{"alg": `"ES384"`, "kid": `"p384"`}, nil, es384(k, 48)),
			l.token(change{"alg": `"ES384"`, "kid": `"ec"`}, nil, es384(l.ec, 32)))
	},
	"confusion-jwe":      func(l *lab) []try { return tries(l.jwe(l.claims(nil), "")) },
	"confusion-jwe-none": func(l *lab) []try { return tries(l.jwe([]byte(l.token(change{"alg": `"none"`}, nil, none)), "JWT")) },
	"confusion-enc-key": func(l *lab) []try {
		var all []try
		for _, extra := range []string{`"use":"enc"`, `"key_ops":["encrypt"]`, `"key_ops":[]`, `"use":"sig","key_ops":["sign"]`} {
			all = append(all, meeting(l.with([]string{"RS256", "ES256"}, rsaJWK(&l.rsa.PublicKey, "rsa", extra)), l.genuineA)...)
		}
		return all
	},
	"confusion-jwk-alg": func(l *lab) []try {
		var all []try
		for _, alg := range []string{"RS512", "PS256", "PS512", "ES256", "none"} {
			all = append(all, meeting(l.with([]string{"RS256", "ES256"}, rsaJWK(&l.rsa.PublicKey, "rsa", `"alg":"`+alg+`"`)), l.genuineA)...)
		}
		return all
	},
}

var sigAttacks = map[string]attack{
	"sig-null":    func(l *lab) []try { return tries(l.token(nil, nil, none)) },
	"sig-missing": func(l *lab) []try { input, _ := cutSignature(l.genuineA); return tries(input) },
	"sig-flip": func(l *lab) []try {
		flip := func(at func(int) int) signer {
			return changed(l.rs, func(s []byte) []byte { s[at(len(s))] ^= 1; return s })
		}
		return tries(l.token(nil, nil, flip(func(int) int { return 0 })), l.token(nil, nil, flip(func(n int) int { return n / 2 })), l.token(nil, nil, flip(func(n int) int { return n - 1 })))
	},
	"sig-truncated": func(l *lab) []try {
		cut := func(n func(int) int) string {
			return l.token(nil, nil, changed(l.rs, func(s []byte) []byte { return s[:n(len(s))] }))
		}
		return tries(cut(func(n int) int { return n - 1 }), cut(func(n int) int { return n / 2 }), cut(func(int) int { return 1 }))
	},
	"sig-extended": func(l *lab) []try {
		before := func(s []byte) []byte { return append([]byte{0}, s...) }
		after := func(s []byte) []byte { return append(s, 0) }
		es := change{"alg": `"ES256"`, "kid": `"ec"`}
		return tries(l.token(nil, nil, changed(l.rs, before)), l.token(nil, nil, changed(l.rs, after)), l.token(es, nil, changed(l.es, before)), l.token(es, nil, changed(l.es, after)))
	},
	"sig-zero": func(l *lab) []try {
		return tries(l.token(nil, nil, fixed(make([]byte, 256))), l.token(change{"alg": `"ES256"`, "kid": `"ec"`}, nil, fixed(make([]byte, 64))), l.token(change{"alg": `"HS256"`}, nil, fixed(make([]byte, 32))))
	},
	"sig-ff": func(l *lab) []try { return tries(l.token(nil, nil, fixed(bytes.Repeat([]byte{0xff}, 256)))) },
	"sig-other-token": func(l *lab) []try {
		_, s := cutSignature(l.genuineA)
		input, _ := cutSignature(l.token(nil, change{"sub": `"bob"`}, l.rs))
		return tries(input + "." + s)
	},
	"sig-claims-tampered": func(l *lab) []try {
		header, rest := cutHeader(l.genuineA)
		_, s := cutSignature(rest)
		var tokens []string
		for _, c := range []change{{"sub": `"admin"`}, {"roles": `["admin"]`}, {"scope": `"orders:write"`}, {"tenant_id": `"t2"`}, {"exp": "4000000000"}, {"sub": `"alice "`}} {
			tokens = append(tokens, header+"."+enc(l.claims(c))+"."+s)
		}
		return tries(tokens...)
	},
	"sig-header-tampered": func(l *lab) []try {
		_, rest := cutHeader(l.genuineA)
		var tokens []string
		for _, c := range []change{{"kid": `"ec"`}, {"kid": ""}, {"typ": `"AT+JWT"`}, {"typ": `"JWT"`}, {"cty": `"JWT"`}, {"x": "1"}} {
			tokens = append(tokens, enc(l.header(c))+"."+rest)
		}
		return tries(tokens...)
	},
	"sig-random-key": func(l *lab) []try {
		es := change{"alg": `"ES256"`, "kid": `"ec"`}
		ed := func(input string) []byte { return ed25519.Sign(l.ed, []byte(input)) }
		return tries(l.token(nil, nil, rs256(l.rsaX)), l.token(es, nil, es256(l.ecX)), l.token(change{"alg": `"EdDSA"`}, nil, ed), l.token(nil, nil, hs([]byte("x"), crypto.SHA256)), l.token(es, nil, ed))
	},
}

func rawHeader(headers ...string) attack {
	return func(l *lab) []try {
		var tokens []string
		for _, h := range headers {
			tokens = append(tokens, compact([]byte(h), l.claims(nil), l.rs))
		}
		return tries(tokens...)
	}
}

// hmacUnder tries keys for an HMAC under each kid of the issuer and under none.
func hmacUnder(alg string, h crypto.Hash, keys func(*lab) [][]byte) attack {
	return func(l *lab) []try {
		var tokens []string
		for _, key := range keys(l) {
			for _, kid := range []string{`"rsa"`, `"ec"`, ""} {
				tokens = append(tokens, l.token(change{"alg": quote(alg), "kid": kid}, nil, hs(key, h)), l.token(change{"kid": kid}, nil, hs(key, h)))
			}
		}
		return tries(tokens...)
	}
}

func (l *lab) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki(&l.rsa.PublicKey)})
}

func (l *lab) jwe(content []byte, cty string) string {
	options := (&gojose.EncrypterOptions{}).WithType("at+jwt")
	if cty != "" {
		options = options.WithContentType(gojose.ContentType(cty))
	}
	e, err := gojose.NewEncrypter(gojose.A128GCM, gojose.Recipient{Algorithm: gojose.RSA_OAEP, Key: &l.rsa.PublicKey, KeyID: "rsa"}, options)
	if err != nil {
		panic(err)
	}
	o, err := e.Encrypt(content)
	if err != nil {
		panic(err)
	}
	text, err := o.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return text
}

func spki[K *rsa.PublicKey | *ecdsa.PublicKey](k K) []byte {
	der, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		panic(err)
	}
	return der
}

func certificate(k *rsa.PrivateKey) []byte {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "login.example.com"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		panic(err)
	}
	return der
}

func sshRSA(k *rsa.PublicKey) []byte {
	var b []byte
	for _, part := range [][]byte{[]byte("ssh-rsa"), {1, 0, 1}, append([]byte{0}, k.N.Bytes()...)} {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(part))), part...)
	}
	return b
}

func derSignature(raw []byte) []byte {
	der, _ := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])})
	return der
}

func cutHeader(token string) (header, rest string) {
	header, rest, _ = strings.Cut(token, ".")
	return header, rest
}

func cutSignature(token string) (input, signature string) {
	at := strings.LastIndexByte(token, '.')
	return token[:at], token[at+1:]
}
