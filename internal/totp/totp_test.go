package totp

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestTheVectorsOfTheRFC is RFC 6238 appendix B for SHA-1, of whose eight digits
// six are the code.
func TestTheVectorsOfTheRFC(t *testing.T) {
	secret := []byte("12345678901234567890")
	for unix, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		at := time.Unix(unix, 0)
		if got := Code(secret, unix/30); got != want[2:] {
			t.Errorf("at %d: %s; want %s", unix, got, want[2:])
		}
		if step, ok := Check(secret, want[2:], at, 0); !ok || step != unix/30 {
			t.Errorf("at %d: step %d, %v", unix, step, ok)
		}
	}
}

// A code is good for its step and its neighbours, once.
func TestACodeIsGoodOnceAndNotLong(t *testing.T) {
	secret, at := NewSecret(), time.Unix(1_800_000_000, 0)
	now := at.Unix() / 30
	for off, want := range map[int64]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
		if step, ok := Check(secret, Code(secret, now+off), at, 0); ok != want || ok && step != now+off {
			t.Errorf("%d steps off: step %d, %v; want %v", off, step, ok, want)
		}
	}
	if _, ok := Check(secret, Code(secret, now), at, now); ok {
		t.Error("a code was accepted twice")
	}
	if _, ok := Check(secret, Code(secret, now-1), at, now); ok {
		t.Error("a code from before the last one was accepted")
	}
	if _, ok := Check(secret, Code(secret, now+1), at, now); !ok {
		t.Error("the next code was refused")
	}
	for _, wrong := range []string{"", "0", "00000000", Code(secret, now) + " ", Code(NewSecret(), now) + "x"} {
		if _, ok := Check(secret, wrong, at, 0); ok {
			t.Errorf("%q was accepted", wrong)
		}
	}
}

func TestAnAppCanTakeTheSecretOver(t *testing.T) {
	secret := []byte("12345678901234567890")
	if got := Text(secret); got != "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ" {
		t.Errorf("typed as %q", got)
	}
	uri := URI(secret, "Example Bank", "alice+x@example.com")
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Example Bank:alice+x@example.com" || q.Get("secret") != "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" ||
		q.Get("issuer") != "Example Bank" || q.Get("period") != "30" || q.Get("digits") != "6" || strings.Contains(uri, "+") && strings.Contains(u.RawQuery, "+") {
		t.Errorf("%s", uri)
	}
}

func TestRecoveryCodesAreFoundHoweverTheyAreTyped(t *testing.T) {
	codes, hashes := NewRecovery()
	if len(codes) != 10 || len(hashes) != 10 {
		t.Fatalf("%d codes, %d hashes", len(codes), len(hashes))
	}
	seen := map[string]bool{}
	for i, code := range codes {
		if seen[code] || len(code) != 19 {
			t.Errorf("the code %q", code)
		}
		seen[code] = true
		for _, typed := range []string{code, strings.ToUpper(code), strings.ReplaceAll(code, "-", ""), " " + strings.ReplaceAll(code, "-", " ")} {
			if h, ok := HashRecovery(typed); !ok || h != hashes[i] {
				t.Errorf("%q is not found", typed)
			}
		}
	}
	for _, typed := range []string{"", "123456", codes[0] + "a", codes[0][1:]} {
		if _, ok := HashRecovery(typed); ok {
			t.Errorf("%q is taken for a code", typed)
		}
	}
}
