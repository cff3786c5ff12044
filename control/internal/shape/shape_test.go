package shape_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/control/internal/shape"
)

// first returns what the first card number, IBAN or address in s is, and where it ends.
func first(s string) (what string, end int) {
	for i := range len(s) {
		if n := shape.Card(s, i); n > 0 {
			return "card", n
		}
		if n := shape.IBAN(s, i); n > 0 {
			return "iban", n
		}
		if s[i] == '@' && shape.Email(s, i) {
			return "email", 0
		}
	}
	return "", 0
}

// The numbers are those that networks publish for tests.
func TestCardNumbersAreTold(t *testing.T) {
	for _, s := range []string{
		"4111111111111111", "4012888888881881", "5555555555554444", "5105105105105100", "2223003122003222", "2720990000000007", "378282246310005", "371449635398431",
		"30569309025904", "38520000023237", "36227206271667", "6011111111111117", "6011000990139424", "3530111333300000", "3566002020360505", "6200000000000005",
		"6205500000000000004", "6759649826438453", "2200000000000004", "9792030000000000",
		"4111 1111 1111 1111", "4111-1111-1111-1111", "3782 822463 10005", "3782-822463-10005", "3056 930902 5904", "6205 5000 0000 0000 004",
	} {
		for _, around := range []string{"%s", "card %s.", "(%s)", `"%s"`, "pan=%s&x=1", "a,%s,b", `line\n%s\n`, `\u0020%s`, "卡号%s。", "2026-11-21 %s", "%s 123", "%s 12/27", "%s;", "%s, 4"} {
			text := fmt.Sprintf(around, s)
			what, end := first(text)
			if want := strings.Index(text, s) + len(s); what != "card" || end != want {
				t.Errorf("%q: %q that ends at %d; want a card number that ends at %d", text, what, end, want)
			}
		}
	}
}

func TestOtherNumbersAreNoCardNumbers(t *testing.T) {
	for _, s := range []string{
		"4111111111111112", "4111 1111 1111 1112", // the check digit
		"411111111111111", "41111111111111111", "4222222222222", "4006381333931", // lengths; an EAN-13
		"1111111111111117", "7000000000000005", "0000000000000000", // nobody issues them
		"1732200000000", "1732200000000000", "1732200000000000000", "20261121223045", // times
		"41111111111111114111111111111111", "x4111111111111111", "4111111111111111x", "_4111111111111111", "4111111111111111_1",
		"0.4111111111111111", "4111111111111111.5", "-4111111111111111", "+4111111111111111", "/orders/4111111111111111", "INV-4111111111111111", "4111111111111111-01",
		"4111  1111  1111  1111", "4111 1111-1111 1111", "411 1111 1111 11111", "41 11 11 11 11 11 11 11", "4111.1111.1111.1111",
		"a1b2c3d4-4111-1111-1111-1111deadbeef", "4111-1111-1111-1111-111111111111", "00000000-4111-1111-1111-111111111111", "1234 4111 1111 1111 1111",
		"018f3c2e-7b1a-7c3d-9e4f-123456789abc", "356938035643809", "8944500000000000007", // a UUID, an IMEI, a SIM card
		"", "4", "4111 ", "4111 1", "4111-",
	} {
		if what, _ := first(s); what == "card" {
			t.Errorf("%q is told to be a card number", s)
		}
	}
}

// TestFewIdentifiersLookLikeCardNumbers says how honest the shape is: one in
// forty of all 16-digit strings has it.
func TestFewIdentifiersLookLikeCardNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for digits, limit := range map[int]float64{13: 0, 14: 0.5, 15: 0.25, 16: 2.7, 17: 0.6, 18: 0.6, 19: 0.6} {
		const tries = 200_000
		hits := 0
		for range tries {
			var b [19]byte
			for i := range digits {
				b[i] = '0' + byte(r.IntN(10))
			}
			if shape.Card(b[:digits], 0) > 0 {
				hits++
			}
		}
		percent := 100 * float64(hits) / tries
		t.Logf("figure: %.2f/%.2f %% of random %d-digit strings look like card numbers", percent, limit, digits)
		if percent > limit || limit > 0 && hits == 0 {
			t.Errorf("%d digits: %.2f %%, limit %.2f", digits, percent, limit)
		}
	}
}

func TestIBANsAreTold(t *testing.T) {
	for _, s := range []string{"DE89370400440532013000", "GB29NWBK60161331926819", "NL91ABNA0417164300", "FR1420041010050500013M02606", "MT84MALT011000012345MTLCAST001S",
		"NO9386011117947", "DE89 3704 0044 0532 0130 00", "GB29 NWBK 6016 1331 9268 19"} {
		for _, around := range []string{"%s", "account %s is closed", `"%s"`, "iban=%s&", `\n%s`} {
			text := fmt.Sprintf(around, s)
			if what, end := first(text); what != "iban" || end != strings.Index(text, s)+len(s) {
				t.Errorf("%q: %q that ends at %d", text, what, end)
			}
		}
	}
	for _, s := range []string{"DE89370400440532013001", "DE8937040044053201300", "DE893704004405320130000", "XX89370400440532013000", "de89370400440532013000", "xDE89370400440532013000",
		"DE89 3704 0044 0532 0130", "DE89 37040044 0532 0130 00", "DE89-3704-0044-0532-0130-00", "DE89", "DE89 3704 0044 053", "NL91 ABNA 0417 "} {
		if what, _ := first(s); what == "iban" {
			t.Errorf("%q is told to be an IBAN", s)
		}
	}
}

func TestAddressesAreTold(t *testing.T) {
	for _, s := range []string{"alice@example.com", "a.b+c@example.co.uk", "alice@example.com.", "<alice@example.com>", "alice_@bücher.example", "to alice@example.com, please"} {
		if what, _ := first(s); what != "email" {
			t.Errorf("%q: %q", s, what)
		}
	}
	for _, s := range []string{"@alice", "alice@", "a@b", "alice@localhost", "price@5.0", "lodash@4.17.21", "a@b..com", "a@.com", "git@", ".@example.com", "a @example.com"} {
		if what, _ := first(s); what == "email" {
			t.Errorf("%q is told to be an address", s)
		}
	}
}

func FuzzNothingIsReadBeyondTheText(f *testing.F) {
	for _, s := range []string{"4111 1111 1111 1111", "6205 5000 0000 0000 004", "DE89 3704 0044 0532 0130 00", "alice@example.com", `\u00204111111111111111`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for i := range b {
			for _, end := range []int{shape.Card(b, i), shape.IBAN(b, i)} {
				if end < 0 || end > len(b) || end > 0 && end < i+14 {
					t.Fatalf("%q at %d: ends at %d", b, i, end)
				}
			}
			shape.Email(b, i)
		}
		if s := string(b); len(s) > 0 && shape.Card(s, 0) != shape.Card(b, 0) {
			t.Fatalf("%q: strings and bytes differ", b)
		}
	})
}
