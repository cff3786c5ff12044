// Package password keeps passwords so that a stolen database is worth little, and
// refuses those that are guessed first. The rules are those of NIST SP 800-63B-4:
// length instead of composition, a look at what is common, no forced change.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// The parameters of hashes: OWASP's for Argon2id (RFC 9106), about 30 ms.
const (
	passes  = 2
	memory  = 19 << 10 // KiB: 19 MiB
	lanes   = 1
	saltLen = 16
	hashLen = 32
)

// Longest is the longest password that is looked at, in characters.
const Longest = 256

// queue is how many wait for one that computes, before the next is refused.
const queue = 8

// ErrBusy says that more passwords wait to be hashed than can be soon. The caller
// answers 503: whoever floods the login must not have the gateway's memory.
var ErrBusy = errors.New("password: too many passwords are being checked")

// ErrForm is returned for a stored hash that is none, or of other parameters than
// were ever written.
var ErrForm = errors.New("password: not a hash of ours")

// Hasher hashes passwords, as many at once as there are processors. It is safe for
// concurrent use.
type Hasher struct {
	slots chan struct{} // held while computing: 19 MiB each
	lines chan struct{} // held while computing or waiting
	dummy string        // what nobody's password is compared with
}

// NewHasher returns a hasher. It takes the time of one hash.
func NewHasher() *Hasher {
	n := runtime.NumCPU()
	h := &Hasher{slots: make(chan struct{}, n), lines: make(chan struct{}, n*(1+queue))}
	h.dummy = compute(random(hashLen), random(saltLen))
	return h
}

// Hash returns the password's hash as a PHC string. It waits for its turn, until
// ctx ends, and returns [ErrBusy] when too many wait already.
func (h *Hasher) Hash(ctx context.Context, password string) (phc string, err error) {
	err = h.turn(ctx, func() { phc = compute([]byte(Normal(password)), random(saltLen)) })
	return phc, err
}

// Verify reports whether the password is the one that phc is a hash of. For "",
// which is nobody's hash, it computes as long and says no. It returns [ErrBusy] and
// [ErrForm].
func (h *Hasher) Verify(ctx context.Context, phc, password string) (bool, error) {
	nobody := phc == ""
	if nobody {
		phc = h.dummy
	}
	salt, want, err := parse(phc)
	if err != nil {
		return false, err
	}
	same := false
	err = h.turn(ctx, func() {
		got := argon2.IDKey([]byte(Normal(password)), salt, passes, memory, lanes, hashLen)
		same = subtle.ConstantTimeCompare(got, want) == 1
	})
	return same && !nobody && err == nil, err
}

// turn runs do when it is its turn.
func (h *Hasher) turn(ctx context.Context, do func()) error {
	select {
	case h.lines <- struct{}{}:
		defer func() { <-h.lines }()
	default:
		return ErrBusy
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return fmt.Errorf("password: waiting: %w", ctx.Err())
	}
	do()
	return nil
}

// Normal is the spelling in which a password is compared, counted and hashed:
// NFKC, so that every keyboard writes the same one (SP 800-63B-4 section 3.1.1.2).
func Normal(password string) string { return norm.NFKC.String(password) }

const head = "$argon2id$v=19$m=19456,t=2,p=1$"

func compute(password, salt []byte) string {
	sum := argon2.IDKey(password, salt, passes, memory, lanes, hashLen)
	return head + base64.RawStdEncoding.EncodeToString(salt) + "$" + base64.RawStdEncoding.EncodeToString(sum)
}

func parse(phc string) (salt, sum []byte, err error) {
	rest, ours := strings.CutPrefix(phc, head)
	s, h, two := strings.Cut(rest, "$")
	if !ours || !two {
		return nil, nil, ErrForm
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(s)
	sum, err2 := base64.RawStdEncoding.DecodeString(h)
	if err1 != nil || err2 != nil || len(salt) != saltLen || len(sum) != hashLen {
		return nil, nil, ErrForm
	}
	return salt, sum, nil
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}
