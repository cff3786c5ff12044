package urlsecret

import (
	"context"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/internal/percent"
)

var (
	bySecretName = &gatehouse.Answer{Status: 400, Reason: "urlsecret.name", Public: "Secrets do not belong in the URL: send them in a field or in the body"}
	byToken      = &gatehouse.Answer{Status: 400, Reason: "urlsecret.token", Public: "Tokens and keys do not belong in the URL: send them in the Authorization field"}
	byCard       = &gatehouse.Answer{Status: 400, Reason: "urlsecret.card", Public: "Card numbers do not belong in the URL: send them in the body"}
	byEmail      = &gatehouse.Answer{Status: 400, Reason: "urlsecret.email", Public: "E-mail addresses do not belong in the URL: send them in the body"}
)

func (c *Config) enforce(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	for i := range x.Request.Params {
		p := &x.Request.Params[i]
		if v := c.judge(p.Name, p.Value); !v.Passed() {
			return v, nil
		}
	}
	for query := x.Request.Query; query != ""; {
		pair, rest, _ := strings.Cut(query, "&")
		query = rest
		name, value, _ := strings.Cut(pair, "=")
		if v := c.judge(decoded(x, name), decoded(x, value)); !v.Passed() {
			return v, nil
		}
	}
	return gatehouse.Pass, nil
}

func (c *Config) judge(name, value string) gatehouse.Verdict {
	if slices.Contains(c.Allow, name) {
		return gatehouse.Pass
	}
	if value != "" && secretName(name) {
		return gatehouse.Deny(bySecretName)
	}
	// A flag or a bare value stands where the name does.
	for _, s := range [...]string{value, name} {
		if a := find(s); a != nil {
			return gatehouse.Deny(a)
		}
	}
	return gatehouse.Pass
}

// decoded undoes the escapes of a query's part. What is malformed stays as it is:
// the wire has refused it before.
func decoded(x *gatehouse.Exchange, s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	return x.Append(func(to []byte) []byte { return percent.Append(to, s, true) })
}

// secretName reports whether a parameter's name says that it holds a secret.
// Case, hyphens, underscores, dots and brackets do not matter.
func secretName(name string) bool {
	var buf [20]byte
	n := 0
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '-' || c == '_' || c == '.' || c == '[' || c == ']':
			continue
		case n == len(buf):
			return false
		case c >= 'A' && c <= 'Z':
			c |= 0x20
		}
		buf[n] = c
		n++
	}
	switch string(buf[:n]) {
	case "token", "accesstoken", "authtoken", "refreshtoken", "idtoken", "sessiontoken", "bearer", "bearertoken", "jwt", "xapikey",
		"apikey", "apitoken", "apisecret", "accesskey", "secretkey", "secretaccesskey", "privatekey", "authorization", "credentials",
		"secret", "clientsecret", "password", "passwd", "pwd", "passphrase", "session", "sessionid", "jsessionid", "phpsessid",
		"clientassertion", "otp", "pin", "cvv", "cvc", "cardnumber", "creditcard", "ssn":
		return true
	}
	return false
}
