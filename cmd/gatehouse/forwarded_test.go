package main

import (
	"net/http"
	"strings"
	"testing"
)

func TestTheClientsAddressIsReadFromOneForwardedFieldAndNothingElse(t *testing.T) {
	for field, want := range map[string]string{
		`for=192.0.2.7;host="login.example.com";proto=https`:       "192.0.2.7",
		`for="[2001:db8::7]";host="login.example.com";proto=https`: "2001:db8::7",
		`for="[::ffff:192.0.2.7]";proto=https`:                     "192.0.2.7",
		`for=192.0.2.7`:                                            "192.0.2.7",
		``:                                                         "",
		`for=192.0.2.7, for=192.0.2.8`:                             "",
		`for=192.0.2.7:80;proto=https`:                             "",
		`for="192.0.2.7";proto=https`:                              "",
		`for="[192.0.2.7]";proto=https`:                            "",
		`for="[2001:db8::7]:80";proto=https`:                       "",
		`for=2001:db8::7;proto=https`:                              "",
		`for="[fe80::1%eth0]";proto=https`:                         "",
		`for="[2001:db8::7`:                                        "",
		`for=unknown;proto=https`:                                  "",
		`for=_hidden`:                                              "",
		`proto=https;for=192.0.2.7`:                                "",
	} {
		r := &http.Request{Header: http.Header{"Forwarded": {field}}}
		if got := clientAddress(r); got != want {
			t.Errorf("%s: %q; want %q", field, got, want)
		}
	}
	if got := clientAddress(&http.Request{Header: http.Header{"Forwarded": {"for=192.0.2.7", "for=192.0.2.7"}}}); got != "" {
		t.Errorf("two fields: %q", got)
	}
}

// People see from where a browser signed in, operators too, and what the client says
// of itself is not believed.
func TestSessionsAreShownWithTheAddressTheyWereBegunFrom(t *testing.T) {
	h := startSelfWith(t, nil, withPeople)
	_, password := h.user("alice@example.com")
	b := h.tab()
	b.client.Transport = lying{b.client.Transport}
	b.get(h.url + "/account/sign-in")
	if b.send("name", "alice@example.com", "password", password); !strings.Contains(b.body, "127.0.0.1, since ") || strings.Contains(b.body, "192.0.2.66") {
		t.Errorf("%d %s", b.status, b.body)
	}
	if out, _ := h.do(0, "sessions", "list"); !strings.Contains(out, "ADDRESS") || !strings.Contains(out, "127.0.0.1") {
		t.Error(out)
	}
	if out, _ := h.do(0, "sessions", "list", "alice@example.com", "--json"); !strings.Contains(out, `"address": "127.0.0.1"`) {
		t.Error(out)
	}
	if log := h.log.String(); !strings.Contains(log, "address=127.0.0.1") || strings.Contains(log, "192.0.2.66") {
		t.Error("the log has another address")
	}
}

// lying says that every request comes from elsewhere.
type lying struct{ http.RoundTripper }

func (l lying) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Forwarded", "for=192.0.2.66")
	r.Header.Set("X-Forwarded-For", "192.0.2.66")
	return l.RoundTripper.RoundTrip(r)
}
