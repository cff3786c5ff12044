package jose

import (
	"crypto/rand"
	"crypto/rsa"
	"testing"
)

// CVE-2017-15361: the vulnerable keys are Wycheproof's; sound ones are let through.
func TestSoundKeysAreNotTakenForWeakOnes(t *testing.T) {
	for range 8 {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		if weak(k.N) {
			t.Errorf("%x is taken for weak", k.N)
		}
	}
}
