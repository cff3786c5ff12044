package leak

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/internal/shape"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

// looking returns how replies are looked at under a configuration.
func looking(cards string, ids ...string) *look {
	return &look{successes: newScanner(inSuccesses()), errors: newScanner(patterns), cards: cards, ids: ids}
}

// output.errors
func TestCardNumbersAreMaskedInStringsAndBlockedAsNumbers(t *testing.T) {
	const blocked = "blocked"
	for _, c := range []struct{ body, mask, block string }{
		{`{"note":"4111111111111111"}`, `{"note":"************1111"}`, blocked},
		{`{"note":"4111 1111 1111 1111, 3782-822463-10005"}`, `{"note":"**** **** **** 1111, ****-******-*0005"}`, blocked},
		{`{"note":"paid\n4111111111111111\n"}`, `{"note":"paid\n************1111\n"}`, blocked},
		{`{"4111111111111111":true}`, `{"************1111":true}`, blocked},
		{`{"card_id":"4111111111111111"}`, `{"card_id":"************1111"}`, blocked},
		{`{"id":"4111-1111-1111-1111"}`, `{"id":"****-****-****-1111"}`, blocked},
		{`{"id":"x 4111111111111111"}`, `{"id":"x ************1111"}`, blocked},
		{`{"cards":["4111111111111111","5555555555554444"]}`, `{"cards":["************1111","************4444"]}`, blocked},
		{`{"a\"":"\\","note":"4111111111111111"}`, `{"a\"":"\\","note":"************1111"}`, blocked},
		{`{"card_number":4111111111111111}`, blocked, blocked},
		{`{"pan" : 4111111111111111}`, blocked, blocked},
		{`{"cards":[1,4111111111111111]}`, blocked, blocked},
		{`{"n":4111111111111111}`, "", blocked},
		{`{"id":"4111111111111111"}`, "", blocked},
		{`{"orderId":"4111111111111111","order_ids":["5555555555554444"]}`, "", blocked},
		{`{"span":4111111111111111,"ids":[4111111111111111]}`, "", blocked},
		{`{"reference":"4111111111111111"}`, "", ""}, // named in ids
		{`{"reference":4111111111111111}`, "", ""},
		{`{"note":"4111111111111112"}`, "", ""},
		{`{"t":1732200000000,"m":1732200000000000,"n":1732200000000000000,"f":0.4111111111111111,"e":4.111111111111111e15,"g":-4111111111111111}`, "", ""},
		{`{"u":"41111111-1111-4111-8111-111111111111","link":"/orders/4111111111111111","ean":"4006381333931"}`, "", ""},
	} {
		for mode, want := range map[string]string{"mask": c.mask, "block": c.block, "allow": ""} {
			l := looking(mode, "reference")
			b := []byte(c.body)
			found, masked := l.success(b, true)
			got := string(b)
			switch {
			case found == cardNumber:
				got = blocked
			case !masked && got == c.body:
				got = ""
			}
			if got != want || len(b) != len(c.body) || found != cardNumber && !json.Valid(b) {
				t.Errorf("%s with %s: %s; want %s", mode, c.body, got, want)
			}
		}
	}
}

func TestCardNumbersInOtherTextsAreMaskedToo(t *testing.T) {
	l := looking("mask")
	for in, want := range map[string]string{
		"4111111111111111,alice\n5555555555554444,bob\n": "************1111,alice\n************4444,bob\n",
		"<pan>378282246310005</pan>":                     "<pan>***********0005</pan>",
		"id=4111111111111111":                            "id=************1111",
		"2026-11-21 4111 1111 1111 1111 12/27":           "2026-11-21 **** **** **** 1111 12/27",
		"12 34 56 78 90 12 34 56 78 90 4111111111111111": "12 34 56 78 90 12 34 56 78 90 ************1111",
	} {
		b := []byte(in)
		if found, masked := l.success(b, false); found != nothing || !masked || string(b) != want {
			t.Errorf("%s: %s, %q; want %s", in, b, whats[found], want)
		}
	}
}

// TestACardNumberIsSeenWhereverItStands moves numbers through a body byte by
// byte, since both looks for digits take only some places in.
func TestACardNumberIsSeenWhereverItStands(t *testing.T) {
	l := looking("block")
	for _, number := range []string{"30569309025904", "378282246310005", "4111111111111111", "4111 1111 1111 1111", "3056-930902-5904", "3782-822463-10005", "6205500000000000004", "6205-5000-0000-0000-004"} {
		for before := range 140 {
			for _, filler := range []string{"x", "1 ", `"`, "2026-11-21T"} {
				text := (strings.Repeat(filler, before) + "xxxxxxxxxxxxxxxxxxxx")[:before]
				for _, after := range []string{"", `"`, `"}` + strings.Repeat("x", 50)} {
					if found, _ := l.success([]byte(text+": "+number+after), false); found != cardNumber {
						t.Fatalf("%q behind %q was not seen", number, text)
					}
				}
			}
		}
	}
}

// TestOnlyLongNumbersMayBeCards names what a body may hold without a look at its digits.
func TestOnlyLongNumbersMayBeCards(t *testing.T) {
	s := newScanner(nil)
	for text, want := range map[string]bool{
		"2026-11-21 10:42:07": false, "2026-11-21T10:42:07.123456Z": false, "12-34-56-78-90": false, "1 2 3 4 5 6 7 8": false, "        1": false, "BK-10000": false,
		"018f3c2e-7b1a-7c3d-9e4f-89abcdef0123": false, "1234567": false, "4111 1111 1111 1111": true, "17322000000": true,
	} {
		for pad := range 40 {
			if _, numbers := s.find([]byte(strings.Repeat(" ", pad) + text)); numbers != want {
				t.Errorf("%q behind %d bytes: %v; want %v", text, pad, numbers, want)
			}
		}
	}
}

// FuzzCards compares the look for digits in strides with a look at every byte.
func FuzzCards(f *testing.F) {
	for _, s := range []string{"x4111 1111 1111 1111", `{"a":"30569309025904"}`, "1 2 3 4 5 6 7 8 9 0 4111111111111111", "2026-11-21 3056-930902-5904"} {
		f.Add([]byte(s))
	}
	empty := newScanner(nil)
	l := &look{successes: empty, errors: empty, cards: "block"}
	f.Fuzz(func(t *testing.T, b []byte) {
		want := false
		for i := range b {
			want = want || b[i]-'0' < 10 && (i == 0 || b[i-1]-'0' > 9) && shape.Card(b, i) > 0
		}
		if found, _ := l.success(b, false); (found == cardNumber) != want {
			t.Errorf("%q: %q; want %v", b, whats[found], want)
		}
		l.cards = "mask"
		defer func() { l.cards = "block" }()
		if _, masked := l.success(b, false); masked != want {
			t.Errorf("%q: masked %v; want %v", b, masked, want)
		}
		if _, masked := l.success(b, false); masked {
			t.Errorf("%q: masked twice", b)
		}
	})
}

func TestAMaskedReplyForgetsWhatWasSaidAboutIt(t *testing.T) {
	x, v := reply(t, 200, `{"note":"4111111111111111"}`, gatehouse.Field{Name: "content-type", Value: "application/json"}, gatehouse.Field{Name: "etag", Value: `"x"`}, gatehouse.Field{Name: "content-digest", Value: "x"})
	if !v.Passed() || v.Rule() != "leak.masked" || v.Detail() == "" || string(x.Response.Body) != `{"note":"************1111"}` {
		t.Errorf("%q %q: %s", v.Rule(), v.Detail(), x.Response.Body)
	}
	if f := x.Response.Fields; f.Has("etag") || f.Has("content-digest") || f.Get("content-type") != "application/json" {
		t.Errorf("%v", f)
	}
	if _, v := reply(t, 200, `{"pan":4111111111111111}`); v.Rule() != "leak.blocked" || strings.Contains(v.Detail(), "4") {
		t.Errorf("%q %q; want leak.blocked", v.Rule(), v.Detail())
	}
}

func TestPersonalDataMayStandInErrorsWithAWaiver(t *testing.T) {
	l := looking("mask")
	body := []byte("no user alice@example.com")
	if got := l.failure(body); got != personal {
		t.Errorf("%q; want personal data", whats[got])
	}
	if l.personal = true; l.failure(body) != nothing || l.failure([]byte("card 4111111111111111")) != cardNumber {
		t.Error("the waiver is for addresses and IBANs, and for nothing else")
	}
}

func TestMaskingAllocatesNothing(t *testing.T) {
	s, err := defaults().Compile(build())
	if err != nil {
		t.Fatal(err)
	}
	body, x, masked := []byte(`{"id":"5555555555554444","note":"4111 1111 1111 1111"}`), &gatehouse.Exchange{}, 0
	if n := testing.AllocsPerRun(200, func() {
		x.Reset()
		x.Response.Status, x.Response.Body = 200, append(x.Response.Body, body...)
		if v, err := s[2].Enforce(context.Background(), x); err == nil && v.Rule() == "leak.masked" {
			masked++
		}
	}); n != 0 && !race.Enabled || masked != 201 {
		t.Errorf("%v allocations, %d of 201 masked", n, masked)
	}
}

// TestTheLookIsLinear gives bodies that are made of nothing but beginnings.
func TestTheLookIsLinear(t *testing.T) {
	l := looking("mask")
	for name, unit := range map[string]string{"digits": "4", "groups": "4111 ", "spaces": "         1", "ids": `{"id":"4111111111111111"},`, "hyphens": "4111-1111-", "a prefix": "ghp_", "dots": ".ghp_", "tokens": "eyJ.ghp_abcdefghijklmnopqrstuvwxyz0123456789 ", "urls": "redis://a:"} {
		took := func(n int) time.Duration {
			b, best := []byte(strings.Repeat(unit, n/len(unit))), time.Duration(math.MaxInt64)
			for range 3 {
				start := time.Now()
				l.success(b, true)
				l.failure(b)
				best = min(best, time.Since(start))
			}
			return best
		}
		small, large := took(1<<17), took(1<<20)
		t.Logf("figure: %s of 1 MiB: %v", name, large)
		if large > 8*small*4 && large > 200*time.Millisecond {
			t.Errorf("%s: %v for 128 KiB, %v for 1 MiB", name, small, large)
		}
	}
}
