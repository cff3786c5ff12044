package redact

import (
	"strings"
	"testing"
)

// log.redacted: parameters are sanitized.
func TestOnlyQueryValuesKnownToBeHarmlessAreKept(t *testing.T) {
	for query, want := range map[string]string{
		"":                                       "",
		"page=2&limit=50":                        "page=2&limit=50",
		"sort=created_at&order=desc":             "sort=created_at&order=desc",
		"id=100000123":                           "id=100000123",
		"since=2026-11-21T19:33:57Z":             "since=2026-11-21T19:33:57Z",
		"q=red+shoes":                            "q=[redacted]",
		"q=smith":                                "q=[redacted]",
		"password=hunter2":                       "password=[redacted]",
		"pass%77ord=1":                           "[redacted]=[redacted]",
		"PassWord=1":                             "PassWord=[redacted]",
		"user_pwd=1":                             "user_pwd=[redacted]",
		"pin=1234":                               "pin=[redacted]",
		"otp=123456&page=1":                      "otp=[redacted]&page=1",
		"code=abc&state=1":                       "code=[redacted]&state=[redacted]",
		"card=4111111111111111":                  "card=[redacted]",
		"x=4111-1111-1111-1111":                  "x=[redacted]",
		"page=4111111111111111":                  "page=[redacted]",
		"sort=a@example.com":                     "sort=[redacted]",
		"sort=a%40example.com":                   "sort=[redacted]",
		"sort=eyJhbGciOiJFUzI1NiJ9.e":            "sort=[redacted]",
		"status=sk_live_abcdef":                  "status=[redacted]",
		"flag":                                   "flag",
		"eyJhbGciOiJFUzI1NiJ9":                   "[redacted]",
		"a=":                                     "a=",
		"ok=true":                                "ok=true",
		"x=8c0f0b2e-6b1f-4b59-9f0e-0d2f4a3a1b2c": "x=8c0f0b2e-6b1f-4b59-9f0e-0d2f4a3a1b2c",
		"filter[email]=1":                        "filter[email]=[redacted]",
	} {
		if got := string(Query(nil, query)); got != want {
			t.Errorf("Query(%q) = %q, want %q", query, got, want)
		}
	}
}

// log.redacted
func TestPathsKeepWhatTheTemplateSpellsOutAndShortPlainIdentifiers(t *testing.T) {
	for _, c := range [][3]string{
		{"/", "/", "/"},
		{"/v1/orders/1", "/v1/orders/{orderId}", "/v1/orders/1"},
		{"/v1/orders/ORD-2026-001", "/v1/orders/{orderId}", "/v1/orders/ORD-2026-001"},
		{"/v1/orders/8c0f0b2e-6b1f-4b59-9f0e-0d2f4a3a1b2c", "/v1/orders/{id}", "/v1/orders/8c0f0b2e-6b1f-4b59-9f0e-0d2f4a3a1b2c"},
		{"/v1/reset/abc", "/v1/reset/{token}", "/v1/reset/[redacted]"},
		{"/v1/token/", "/v1/token/", "/v1/token/"},
		{"/v1/sessions/abc", "/v1/sessions/{id}", "/v1/sessions/[redacted]"},
		{"/reset-password/abc", "", "/reset-password/[redacted]"},
		{"/cards/4111111111111111", "/cards/{number}", "/cards/[redacted]"},
		{"/people/123-45-6789", "/people/{id}", "/people/[redacted]"},
		{"/users/a@example.com", "/users/{id}", "/users/[redacted]"},
		{"/users/a%40example.com", "/users/{id}", "/users/[redacted]"},
		{"/x/eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJh.c2ln", "", "/x/[redacted]"},
		{"/x/AbCdEf0123456789AbCdEf01", "", "/x/[redacted]"},
		{"/a\x1b[31m", "", "/[redacted]"},
	} {
		if got := string(Path(nil, c[0], c[1])); got != c[2] {
			t.Errorf("Path(%q, %q) = %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

// log.redacted
func TestFreeTextLosesItsSecretsAndNothingElse(t *testing.T) {
	for in, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
		"curl/8.5.0":                                            "curl/8.5.0",
		"audience does not match":                               "audience does not match",
		"Bearer abc":                                            "Bearer [redacted]",
		"authorization: Bearer abc":                             "authorization: Bearer [redacted]",
		"token=abc def":                                         "token=[redacted] def",
		`"password": "abc"`:                                     `"password": "[redacted]"`,
		"mail to alice@example.com now":                         "mail to [redacted] now",
		"card 4111-1111-1111-1111 seen":                         "card [redacted] seen",
		"x eyJhbGciOiJFUzI1NiJ9.e30.c2ln":                       "x [redacted]",
		"card 4111 1111 1111 1111 seen":                         "card [redacted] seen",
		"iban DE89 3704 0044 0532 0130 00":                      "iban DE89 [redacted]",
		"key AKIAIOSFODNN7EXAMPLE":                              "key [redacted]",
		"order 8c0f0b2e-6b1f-4b59-9f0e-0d2f4a3a1b2c is foreign": "order 8c0f0b2e-6b1f-4b59-9f0e-0d2f4a3a1b2c is foreign",
	} {
		if got := string(Text(nil, in)); got != want {
			t.Errorf("Text(%q) = %q, want %q", in, got, want)
		}
	}
}

// log.redacted: a part of a secret is not seen to be one.
func TestLongTextsAreCutBetweenTokens(t *testing.T) {
	for n := range 40 {
		text := strings.Repeat("a ", maxText/2-20) + strings.Repeat("b", n) + " eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"
		if got := string(Text(nil, text)); strings.Contains(got, "eyJ") || len(got) > maxText+len(Mask) {
			t.Errorf("%d: %q", n, got)
		}
		query := strings.Repeat("a=1&", maxQuery/4-5) + strings.Repeat("b", n) + "=1&page=5500005555555559"
		if got := string(Query(nil, query)); strings.Contains(got, "55000") || len(got) > maxQuery+len(Mask) {
			t.Errorf("%d: %q", n, got)
		}
	}
	if got := string(Text(nil, strings.Repeat("x", 1000))); got != Mask {
		t.Errorf("one long token: %q", got)
	}
	if got := string(Query(nil, strings.Repeat("x", 2000))); got != Mask {
		t.Errorf("one long parameter: %q", got)
	}
}

// log.redacted log.fields
func TestSubjectsAreKeptButTheirMailboxes(t *testing.T) {
	for in, want := range map[string]string{
		"alice":                "alice",
		"auth0|5f7c8ec7c33c":   "auth0|5f7c8ec7c33c",
		"alice@example.com":    "a***@example.com",
		"mailto:a@example.com": "m***@example.com",
		"4111111111111111":     Mask,
		"eyJhbGciOiJFUzI1NiJ9": Mask,
		"":                     "",
	} {
		if got := string(Subject(nil, in)); got != want {
			t.Errorf("Subject(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestRedactionDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() {
		buf = Path(buf[:0], "/v1/orders/1", "/v1/orders/{orderId}")
		buf = Query(buf, "page=2&token=abc&q=x")
		buf = Text(buf, "Mozilla/5.0 token=abc")
		buf = Subject(buf, "alice@example.com")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzRedact searches what redaction lets through for what it must not.
func FuzzRedact(f *testing.F) {
	f.Add("v", "a=1&b=2")
	f.Add("%2", "%70%61%73%73=%")
	f.Add("/a//b/", "=&=&&")
	f.Fuzz(func(t *testing.T, a, b string) {
		const jwt, pan = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl", "4111111111111111"
		if strings.ContainsAny(a+b, "1") || strings.Contains(a+b, "ey") {
			return
		}
		var outs []string
		for _, secret := range []string{jwt, pan} {
			outs = append(outs, string(Query(nil, a+"="+secret+"&"+b)), string(Path(nil, "/"+a+"/"+secret+"/"+b, b)), string(Text(nil, a+" "+secret+" "+b)))
		}
		for _, out := range outs {
			if strings.Contains(out, jwt) || strings.Contains(out, pan) {
				t.Errorf("%q and %q let through %q", a, b, out)
			}
		}
		Subject(nil, a)
	})
}

func BenchmarkPath(b *testing.B) {
	buf := make([]byte, 0, 4096)
	for b.Loop() {
		buf = Path(buf[:0], "/v1/orders/1", "/v1/orders/{orderId}")
	}
}

func BenchmarkQuery(b *testing.B) {
	buf := make([]byte, 0, 4096)
	for b.Loop() {
		buf = Query(buf[:0], "page=2&token=abc")
	}
}

func BenchmarkUserAgent(b *testing.B) {
	buf := make([]byte, 0, 4096)
	for b.Loop() {
		buf = Text(buf[:0], "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
	}
}

func BenchmarkPathOfATemplate(b *testing.B) {
	buf, t := make([]byte, 0, 4096), NewTemplate("/v1/orders/{orderId}")
	for b.Loop() {
		buf = t.Append(buf[:0], "/v1/orders/1")
	}
}
