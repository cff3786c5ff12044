// Package totp proves the possession of a device by the six digits it shows:
// time-based one-time passwords (RFC 6238) as every authenticator app computes
// them, and recovery codes for the day on which the device is lost.
//
// A code can be watched while it is typed. So a caller keeps the time step whose
// code it accepted last, and no code of that step or an earlier one is accepted
// again (RFC 6238 section 5.2).
package totp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// The parameters that authenticator apps know.
const (
	period = 30 * time.Second
	digits = 6
	// window is how many steps a clock may be off, to both sides.
	window = 1
	// secretBytes is the length of a secret: that of the hash (RFC 4226 section 4).
	secretBytes = 20
)

// NewSecret returns a new secret.
func NewSecret() []byte {
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // never fails
	return secret
}

// Check reports whether code is the secret's at that time, and of which time step.
// The step must be later than last, the one that was accepted before; the caller
// keeps it. It takes as long for a wrong code as for a right one.
func Check(secret []byte, code string, at time.Time, last int64) (step int64, ok bool) {
	now := at.Unix() / int64(period/time.Second)
	for n := now - window; n <= now+window; n++ {
		right := subtle.ConstantTimeCompare([]byte(Code(secret, n)), []byte(code)) == 1
		if right && n > last {
			step, ok = n, true
		}
	}
	return step, ok
}

// Code returns the code of one time step (RFC 4226 section 5.3).
func Code(secret []byte, step int64) string {
	// SHA-1 is what apps know; what weakens it, collisions, does not weaken HMAC.
	mac := hmac.New(sha1.New, secret)
	_ = binary.Write(mac, binary.BigEndian, step)
	sum := mac.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[len(sum)-1]&15:]) & (1<<31 - 1)
	return fmt.Sprintf("%0*d", digits, n%1_000_000)
}

// Text returns the secret as people type it: base32 in groups of four.
func Text(secret []byte) string {
	s := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
	return strings.Join(groups(s, 4), " ")
}

// URI returns the address by which an app takes the secret over, for the account
// of that name at that issuer.
func URI(secret []byte, issuer, account string) string {
	q := url.Values{
		"secret": {base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)}, "issuer": {issuer},
		"algorithm": {"SHA1"}, "digits": {fmt.Sprint(digits)}, "period": {fmt.Sprint(int(period / time.Second))},
	}
	// Apps read %20 and not the plus sign.
	return "otpauth://totp/" + url.PathEscape(issuer) + ":" + url.PathEscape(account) + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}

// The recovery codes of one account.
const (
	recoveryCodes = 10
	recoveryBytes = 10 // 80 bit, so that a plain hash of them cannot be searched
)

// NewRecovery returns new recovery codes to be shown once, and the hashes to keep.
func NewRecovery() (codes []string, hashes [][32]byte) {
	for range recoveryCodes {
		raw := make([]byte, recoveryBytes)
		_, _ = rand.Read(raw) // never fails
		code := strings.ToLower(base32.StdEncoding.EncodeToString(raw))
		codes = append(codes, strings.Join(groups(code, 4), "-"))
		hashes = append(hashes, sha256.Sum256([]byte(code)))
	}
	return codes, hashes
}

// HashRecovery returns the hash of a recovery code as somebody typed it, whatever
// the case and the separators, and reports whether it can be one at all.
func HashRecovery(typed string) (hash [32]byte, ok bool) {
	code := strings.ToLower(strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, typed))
	if len(code) != recoveryBytes*8/5 {
		return hash, false
	}
	return sha256.Sum256([]byte(code)), true
}

func groups(s string, n int) (out []string) {
	for len(s) > n {
		out, s = append(out, s[:n]), s[n:]
	}
	return append(out, s)
}
