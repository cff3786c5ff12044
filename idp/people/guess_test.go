package people

import (
	"fmt"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/idp"
)

func cookies(name, value string) []*http.Cookie {
	return []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true}}
}

var variable = regexp.MustCompile(`name="csrf" value="[^"]*"|name="ticket" value="[^"]*"|value="[^"]*@[^"]*"|&#34;challenge&#34;:&#34;[^&]*&#34;`)

// seen is what an outsider sees of an answer: status, fields, text, without what is
// random in every one.
func seen(b *browser) string {
	var names []string
	for name, values := range b.header {
		if name != "Date" && name != "Content-Length" {
			names = append(names, name+": "+strings.Split(strings.Join(values, ","), "=")[0])
		}
	}
	slices.Sort(names)
	return fmt.Sprint(b.status, names, variable.ReplaceAllString(b.body, ""))
}

// R42: the answers to a known and an unknown account are the same.
func TestNobodyLearnsWhoHasAnAccount(t *testing.T) {
	h := newHouse(t, nil)
	known := h.add(alice)
	disabled := h.add("gone@example.com")
	if err := h.people.accounts.Disable(t.Context(), disabled.ID, "left", "ops@example.com"); err != nil {
		t.Fatal(err)
	}
	h.withFactor(h.add("careful@example.com"))
	if _, err := h.people.accounts.Add(t.Context(), "unset@example.com", "", nil, ""); err != nil {
		t.Fatal(err)
	}
	for what, do := range map[string]func(b *browser, name string){
		"signing in":             func(b *browser, name string) { b.signIn(name, "a wrong password altogether") },
		"signing in without one": func(b *browser, name string) { b.signIn(name, "") },
		"signing in at the account": func(b *browser, name string) {
			b.get("/account/sign-in").post("/account/sign-in", "name", name, "password", "wrong")
		},
		"forgetting":                 func(b *browser, name string) { b.get("/account/forgot").post("/account/forgot", "name", name) },
		"registering":                func(b *browser, name string) { b.get("/account/register").post("/account/register", "name", name) },
		"many failures, then a wait": func(b *browser, name string) { h.fail(b, name, 12) },
		"too many in a minute": func(b *browser, name string) {
			for range 6 {
				b.signIn(name, "wrong")
			}
		},
	} {
		answers := map[string]string{}
		for i, name := range []string{"nobody@example.com", alice, "gone@example.com", "careful@example.com", "unset@example.com"} {
			h.from(fmt.Sprintf("192.0.2.%d", 10+i))
			b := h.browser()
			do(b, name)
			answers[name] = seen(b)
			h.later(2 * time.Hour)
		}
		for name, got := range answers {
			if got != answers["nobody@example.com"] {
				t.Errorf("%s: %s is told apart:\n%s\n%s", what, name, got, answers["nobody@example.com"])
			}
		}
	}
	_ = known
}

// R42: nor does a passkey tell: the question is the same for whoever is named, and a
// forged answer by a passkey that somebody has is refused as one that nobody has is.
func TestTheStartOfAPasskeySignInTellsNobodyWhoIsThere(t *testing.T) {
	h := newHouse(t, nil)
	h.add(alice)
	_, _, keyed := h.someone("keyed@example.com")
	gone, _, theirs := h.someone("gone@example.com")
	if err := h.people.accounts.Disable(t.Context(), gone.ID, "left", "ops@example.com"); err != nil {
		t.Fatal(err)
	}
	first := map[string]string{}
	for i, one := range []struct {
		name string
		of   *device
	}{{"nobody@example.com", h.device()}, {alice, h.device()}, {"keyed@example.com", keyed}, {"gone@example.com", theirs}} {
		h.later(2 * time.Hour)
		h.from(fmt.Sprintf("192.0.2.%d", 10+i))
		forged := *one.of
		forged.key = freshKey()
		forged.key.ID = one.of.key.ID
		if len(forged.authenticator.Options.UserHandle) == 0 {
			forged.authenticator.Options.UserHandle = []byte(gone.ID) // nobody's passkey says a handle, too
		}
		b := h.browser()
		for _, what := range []string{"the question", "the answer"} {
			if b.get(authorize); what == "the answer" {
				b.use(authorize, &forged)
			} else {
				b.post(authorize, "name", one.name, "password", "")
			}
			if b.status != 200 || strings.Contains(b.options(), "allowCredentials") {
				t.Errorf("%s to %s: %d %s", what, one.name, b.status, b.options())
			}
			if i == 0 {
				first[what] = seen(b)
			} else if got := seen(b); got != first[what] {
				t.Errorf("%s: %s is told apart:\n%s\n%s", what, one.name, got, first[what])
			}
		}
		if !strings.Contains(b.get(authorize).use(authorize, &forged).body, notKnown) {
			t.Errorf("%s: %s", one.name, words(b.body))
		}
	}
}

// fail fails to sign in, from ever other addresses, without running into the limits
// of a minute.
func (h *house) fail(b *browser, name string, times int) {
	h.t.Helper()
	for i := range times {
		h.from(fmt.Sprintf("198.51.100.%d", i))
		b.signIn(name, "wrong")
		h.later(15 * time.Second)
	}
}

// R42: nor does a clock tell: a two-sample test (Mann-Whitney) cannot tell the times
// of known and unknown accounts apart.
func TestNoClockTellsWhoHasAnAccount(t *testing.T) {
	h := newHouse(t, nil)
	h.add(alice)
	b := h.browser()
	var times [2][]float64
	const n = 40
	for i := range 2*n + 4 {
		who := (i + i/2) % 2 // either is as often before the other as after it
		name := []string{alice, "nobody@example.com"}[who]
		b.get(authorize)
		f := b.fields()
		f.Set("name", name)
		f.Set("password", "wrong")
		h.later(2 * time.Hour) // no account waits, no limit is reached
		began := time.Now()
		b.send(authorize, f, h.server.URL)
		if i >= 4 { // the first ones warm up
			times[who] = append(times[who], time.Since(began).Seconds())
		}
		if !strings.Contains(b.body, unrecognised) {
			t.Fatalf("%d: %s", b.status, words(b.body))
		}
	}
	z := mannWhitney(times[0], times[1])
	t.Logf("known %.1f ms, unknown %.1f ms (medians), z = %.2f", 1000*median(times[0]), 1000*median(times[1]), z)
	// 3.9 is one false alarm in 10,000; skipping the hash would be far beyond it.
	if math.Abs(z) > 3.9 {
		t.Errorf("the times of known and unknown accounts differ: z = %.2f", z)
	}
	// The test can tell: without the hash it would be over in a fraction.
	fast := make([]float64, n)
	for i := range fast {
		fast[i] = times[1][i] / 2
	}
	if math.Abs(mannWhitney(times[0], fast)) < 3.9 {
		t.Error("this test tells nothing")
	}
}

func median(list []float64) float64 { l := slices.Sorted(slices.Values(list)); return l[len(l)/2] }

// mannWhitney returns by how many standard deviations the ranks of a differ from
// what chance would give.
func mannWhitney(a, b []float64) float64 {
	u := 0.0
	for _, x := range a {
		for _, y := range b {
			switch {
			case x > y:
				u++
			case x == y:
				u += 0.5
			}
		}
	}
	n, m := float64(len(a)), float64(len(b))
	return (u - n*m/2) / math.Sqrt(n*m*(n+m+1)/12)
}

// limit.preset-auth
func TestGuessesAreLimitedByAddressAndByAccount(t *testing.T) {
	h := newHouse(t, nil)
	h.add(alice)
	for i := range 5 {
		h.browser().signIn(fmt.Sprintf("user%d@example.com", i), "wrong").want(200, "do not fit")
	}
	b := h.browser()
	b.signIn(alice, secretWord).want(429, "too many tries")
	if b.header.Get("Retry-After") == "" {
		t.Error("nobody says how long to wait")
	}
	h.from("192.0.2.2")
	b.signIn(alice, secretWord).want(200, "PROVEN")
	h.later(time.Hour)
	// R43: aliases of one account share one count, whatever the address.
	for i, name := range []string{"alice@example.com", "ALICE@example.com", " alice@example.com ", "Alice@Example.Com", "ａlice@example.com"} {
		h.from(fmt.Sprintf("203.0.113.%d", i))
		h.browser().signIn(name, "wrong").want(200, "do not fit")
	}
	h.from("203.0.113.9")
	h.browser().signIn(alice, secretWord).want(429, "too many tries")
	// One subscriber's IPv6 network is one address.
	h.later(time.Hour)
	for i := range 5 {
		h.from(fmt.Sprintf("2001:db8::%d", i+1))
		h.browser().signIn(fmt.Sprintf("user%d@example.com", i), "wrong").want(200, "do not fit")
	}
	h.from("2001:db8::ffff:1")
	h.browser().signIn(alice, "wrong").want(429, "too many tries")
}

// R43: after ten failures an account waits, longer each time and never without
// bound, and strangers do not shut out the browser that the account is known from.
func TestAnAccountWaitsAfterManyFailures(t *testing.T) {
	h := newHouse(t, nil)
	u := h.add(alice)
	own := h.browser()
	own.signIn(alice, secretWord).want(200, "PROVEN")
	h.later(time.Hour)
	stranger := h.browser()
	h.fail(stranger, alice, FreeFailures)
	stranger.signIn(alice, secretWord).want(200, "has to wait")
	h.later(2 * time.Minute)
	h.from("192.0.2.77")
	own.signIn(alice, secretWord).want(200, "PROVEN "+u.ID)
	h.fail(stranger, alice, 1) // the first after the wait: two minutes now
	h.later(90 * time.Second)
	h.browser().signIn(alice, secretWord).want(200, "has to wait")
	own.client.Jar.SetCookies(mustURL(t, h), cookies(cookieSession, ""))
	own.signIn(alice, secretWord).want(200, "PROVEN "+u.ID)
	h.later(time.Minute)
	h.browser().signIn(alice, secretWord).want(200, "PROVEN "+u.ID)
	for n, want := range map[int]time.Duration{0: 0, 9: 0, 10: time.Minute, 11: 2 * time.Minute, 13: 8 * time.Minute, 16: time.Hour, 1 << 40: time.Hour} {
		if got := waits(n); got != want {
			t.Errorf("after %d failures %s; want %s", n, got, want)
		}
	}
	// A known browser is known for its own person only, and has its own limits.
	h.ask(idp.Pending{Prompt: []string{"login"}})
	h.add("bob@example.com")
	h.fail(stranger, "bob@example.com", FreeFailures)
	h.from("192.0.2.78")
	own.signIn("bob@example.com", secretWord).want(200, "has to wait")
	h.later(time.Hour)
	h.fail(own, alice, FreeFailures)
	own.signIn(alice, secretWord).want(200, "has to wait")
}

func TestNamesHaveOneSpelling(t *testing.T) {
	for in, want := range map[string]string{
		"Alice@Example.com": "alice@example.com", " a.b+c@x-y.example ": "a.b+c@x-y.example", "ａlice@example.com": "alice@example.com",
		"a@b@example.com": "", "alice": "", "@example.com": "", "alice@": "", "alice@localhost": "", "a b@example.com": "", "a..b@example.com": "",
		"alice@example.com\r\nBcc: x@example.com": "", "alice@.example.com": "", `"a"@example.com`: "", "alice@exämple.com": "", "<a@example.com>": "",
		strings.Repeat("a", 65) + "@example.com": "", "a@" + strings.Repeat("b.", 130) + "com": "",
	} {
		got, err := Canonical(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v; want %q", in, got, err, want)
		}
	}
}
