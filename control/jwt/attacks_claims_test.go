package jwt

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

// reason is said without a test to fail.
func reason(step gatehouse.Step, token string) string {
	v, err := step.Enforce(context.Background(), withToken(time.Now(), token))
	if err != nil {
		return err.Error()
	}
	return v.Rule()
}

// claim signs a token for each of the values of one claim.
func claim(name string, values ...string) attack {
	return func(l *lab) []try {
		var tokens []string
		for _, v := range values {
			tokens = append(tokens, l.token(nil, change{name: v}, l.rs))
		}
		return tries(tokens...)
	}
}

// ago signs a token with times relative to now, in seconds.
func ago(times map[string]int64) attack {
	return func(l *lab) []try {
		c := change{}
		for name, s := range times {
			c[name] = fmt.Sprint(time.Now().Unix() + s)
		}
		return tries(l.token(nil, c, l.rs))
	}
}

var timeAttacks = map[string]attack{
	"exp-past":    ago(map[string]int64{"exp": -3600, "iat": -3900, "nbf": -3900}),
	"exp-skew":    ago(map[string]int64{"exp": -31, "iat": -300, "nbf": -300}),
	"exp-missing": claim("exp", ""),
	"exp-type":    claim("exp", `"9999999999"`, "null", "true", "[]", "{}", "NaN"),
	"exp-huge":    claim("exp", "1e400", "9223372036854775808", "1e308", "-1", "253402300800000", "18446744073709551617", "99999999999999999999999999"),
	"exp-fraction": func(l *lab) []try {
		return append(claim("exp", "1.7e9", "1700000000.999", "1700000000.")(l), tries(l.token(nil, change{
			"exp": fmt.Sprintf("%d.999", time.Now().Unix()-31), "iat": fmt.Sprint(time.Now().Unix() - 300), "nbf": ""}, l.rs))...)
	},
	"exp-too-far": ago(map[string]int64{"exp": 901, "iat": 0}),
	"nbf-future":  ago(map[string]int64{"nbf": 3600}),
	"iat-future":  ago(map[string]int64{"iat": 3600, "exp": 3900}),
}

var claimAttacks = map[string]attack{
	"iss-missing": claim("iss", ""),
	"iss-wrong": func(l *lab) []try {
		host := strings.TrimPrefix(l.url, "http://")
		return claim("iss", `"https://stranger.example"`, quote(strings.ToUpper(l.url)), quote(l.url+"/"), quote("https://"+host), quote(l.url+"0"), quote(" "+l.url), `""`)(l)
	},
	"iss-type": func(l *lab) []try {
		return claim("iss", "["+quote(l.url)+"]", `{"a":`+quote(l.url)+"}", "null")(l)
	},
	"iss-key-mismatch": func(l *lab) []try {
		return tries(l.token(nil, nil, l.rsB), l.token(change{"kid": ""}, change{"iss": quote(l.urlB)}, l.rs))
	},
	"aud-missing": claim("aud", ""),
	"aud-wrong":   claim("aud", `"https://api.example.com/invoices"`, `["https://api.example.com/invoices","https://other.example"]`),
	"aud-empty":   claim("aud", `""`, `[]`, `[""]`),
	"aud-type":    claim("aud", `{"0":`+quote(api)+`}`, "1", `[[`+quote(api)+`]]`, `[`+quote(api)+`,1]`, "null", "true"),
	"aud-substring": claim("aud", quote(api+".attacker.test"), quote("x"+api), quote(strings.ToUpper(api)), quote(api+" "), quote(api+"/"), quote(api[:len(api)-1]),
		quote(api+","+api), quote(api+" other")),
	"sub-missing": claim("sub", "", `""`, "null", "1", "{}"),
	"claims-duplicate": func(l *lab) []try {
		var tokens []string
		for _, twice := range []string{`"sub":"admin"`, `"aud":"x"`, `"exp":4000000000`, `"scope":"all"`, `"\u0073ub":"admin"`, `"x":{"a":1,"a":2}`} {
			body := strings.TrimSuffix(string(l.claims(nil)), "}")
			tokens = append(tokens, compact(l.header(nil), []byte(body+","+twice+"}"), l.rs))
		}
		return tries(tokens...)
	},
	"claims-casefold": func(l *lab) []try {
		return tries(l.token(nil, change{"SUB": `"admin"`}, l.rs), l.token(nil, change{"exp": "", "Exp": "4000000000"}, l.rs), l.token(nil, change{"Roles": `["admin"]`}, l.rs))
	},
	"claims-not-object": func(l *lab) []try { return payloads(l, "[]", `"text"`, "1", "null", "", " ") },
	"claims-trailing": func(l *lab) []try {
		c := string(l.claims(nil))
		return payloads(l, c+c, c+"x", c+"\x00", "\ufeff"+c, "/* */"+c, c+"// x", strings.TrimSuffix(c, "}")+",}", "{,"+c[1:], strings.Replace(c, `"alice"`, `'alice'`, 1))
	},
	"claims-utf8": func(l *lab) []try {
		replace := func(with string) string { return strings.Replace(string(l.claims(nil)), "alice", with, 1) }
		var utf16 []byte
		for _, c := range l.claims(nil) {
			utf16 = append(utf16, 0, c)
		}
		return payloads(l, replace("al\xff"), string(utf16), replace("al\xc0\xaf"), replace(`al\ud800`), replace(`al\udc00\ud800`), replace("al\xed\xa0\x80"), replace(`al\u12`), replace("al\n"))
	},
	"claims-deep": func(l *lab) []try {
		return payloads(l, strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 100_000), `{"a":`+strings.Repeat("[", 5000), strings.Replace(string(l.claims(nil)), `"alice"`, strings.Repeat("[", 17)+strings.Repeat("]", 17), 1))
	},
	"claims-proto": func(l *lab) []try {
		var tokens []string
		for _, name := range []string{"__proto__", "constructor", "prototype", "$where", "sub.id", "roles.0", "tenant_id.x"} {
			tokens = append(tokens, l.token(nil, change{name: `{"admin":true}`}, l.rs))
		}
		return tries(tokens...)
	},
	"scope-type": claim("scope", "{}", "1", `["orders:read"]`, `"orders:read\torders:write"`, `"orders:read,orders:write"`, `"a  b"`, `" a"`, "null", "true"),
	// The scope itself is compared in control/scope; here it is read exactly.
	"role-injection": func(l *lab) []try {
		return tries(l.token(change{"roles": `["admin"]`}, nil, l.rs), l.token(change{"scope": `"all"`}, nil, l.rs), l.token(change{"sub": `"admin"`}, nil, l.rs), l.token(change{"Roles": `["admin"]`}, nil, l.rs))
	},
	"cnf-missing":    claim("cnf", `{"x5t#S256":"`+base64.RawURLEncoding.EncodeToString(make([]byte, 32))+`"}`, `{"jkt":"x"}`, `{"jwk":{}}`, "null"),
	"token-otherenv": func(l *lab) []try { return tries(l.token(nil, nil, rs256(l.rsaX))) },
}

func payloads(l *lab, all ...string) []try {
	var tokens []string
	for _, p := range all {
		tokens = append(tokens, compact(l.header(nil), []byte(p), l.rs))
	}
	return tries(tokens...)
}

func typ(values ...string) attack {
	return func(l *lab) []try {
		var tokens []string
		for _, v := range values {
			tokens = append(tokens, l.token(change{"typ": v}, nil, l.rs))
		}
		return tries(tokens...)
	}
}

var typeAttacks = map[string]attack{
	"typ-id-token": func(l *lab) []try {
		return tries(l.token(change{"typ": `"JWT"`}, change{"aud": `"client"`}, l.rs), l.token(nil, change{"aud": `"client"`}, l.rs))
	},
	"typ-refresh": func(l *lab) []try {
		return tries(l.token(change{"typ": `"JWT"`}, change{"aud": quote(l.url)}, l.rs), l.token(change{"typ": `"refresh+jwt"`}, nil, l.rs))
	},
	"typ-logout": func(l *lab) []try {
		events := change{"events": `{"http://schemas.openid.net/event/backchannel-logout":{}}`}
		return tries(l.token(change{"typ": `"logout+jwt"`}, events, l.rs), l.token(nil, events, l.rs))
	},
	"typ-secevent": typ(`"secevent+jwt"`),
	"typ-assertion": func(l *lab) []try {
		return tries(l.token(nil, change{"iss": `"client"`, "sub": `"client"`}, l.rs), l.token(change{"typ": `"JWT"`}, change{"iss": `"client"`, "sub": `"client"`}, l.rs))
	},
	"typ-dpop": func(l *lab) []try {
		return tries(l.token(change{"typ": `"dpop+jwt"`, "jwk": rsaJWK(&l.rsaX.PublicKey, "", "")}, nil, rs256(l.rsaX)), l.token(change{"typ": `"dpop+jwt"`}, nil, l.rs))
	},
	"typ-missing": typ("", `"JWT"`, `"at+JWT "`, `""`, "null", "1", `["at+jwt"]`, `"application/application/at+jwt"`),
	"typ-nested": func(l *lab) []try {
		token := l.genuineA
		for range 4 { // beyond that the size alone refuses it
			token = compact(l.header(change{"cty": `"JWT"`}), []byte(token), l.rs)
		}
		deep := token
		for range 12 {
			deep = compact(l.header(change{"cty": `"JWT"`}), []byte(deep), l.rs)
		}
		return tries(token, deep, l.token(change{"cty": `"JWT"`}, nil, l.rs), compact(l.header(nil), []byte(l.genuineA), l.rs))
	},
}

func header(changes ...change) attack {
	return func(l *lab) []try {
		var tokens []string
		for _, c := range changes {
			tokens = append(tokens, l.token(c, nil, l.rs))
		}
		return tries(tokens...)
	}
}

func field(values ...func(genuine string) string) attack {
	return func(l *lab) []try {
		var all []try
		for _, v := range values {
			all = append(all, try{x: exchange(time.Now(), gatehouse.Field{Name: "authorization", Value: v(l.genuineA)})})
		}
		return all
	}
}

func part(change func(genuine string, at int) string) attack {
	return func(l *lab) []try {
		first, _ := cutHeader(l.genuineA)
		input, _ := cutSignature(l.genuineA)
		return tries(change(l.genuineA, len(first)), change(l.genuineA, len(input)), change(l.genuineA, len(l.genuineA)))
	}
}

func insert(s string, at int, what string) string { return s[:at] + what + s[at:] }

// encrypted makes five parts under a header.
func encrypted(headers ...string) attack {
	return func(l *lab) []try {
		var tokens []string
		for _, h := range headers {
			tokens = append(tokens, enc([]byte(h))+"."+enc([]byte("key"))+"."+enc([]byte("iv"))+"."+enc([]byte("text"))+"."+enc([]byte("tag")), compact([]byte(h), l.claims(nil), l.rs))
		}
		return tries(tokens...)
	}
}
