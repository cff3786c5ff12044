package openapi

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// Digits are read one by one and all at once alike, whatever stands behind them.
func TestDigitsAreReadAtOnceAsOneByOne(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	for n := range 16 {
		for range 2_000 {
			text := strings.Repeat("0", r.IntN(n+1))
			for len(text) < n {
				text += strconv.Itoa(r.IntN(10))
			}
			for _, behind := range []string{"", ",", "}", "/", ":", "\x00", "\x7f", "\x80", "\xff", " 12345678", "e1234567", ".1234567", "\xff\xff1\xff12\xff"} {
				want, _ := strconv.ParseInt("0"+text, 10, 64)
				if v, got := eachDigit([]byte(text + behind)); got != n || v != want {
					t.Fatalf("%q: %d of %d digits, want %d of %d", text+behind, v, got, want, n)
				}
				x := binary.LittleEndian.Uint64([]byte(text + behind + "        "))
				if v, got := digits(x); got != min(n, 8) || n <= 8 && v != want {
					t.Fatalf("%q: at once %d of %d digits, want %d of %d", text+behind, v, got, want, n)
				}
			}
		}
	}
}
