package idp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/store/sqlite"
)

// ring is keys with a clock that is set by hand.
type ring struct {
	*testing.T
	store *sqlite.Store
	seal  []byte
	at    time.Time
	keys  *Keys
}

func newRing(t *testing.T) *ring {
	t.Helper()
	s, err := sqlite.OpenStore(t.Context(), filepath.Join(t.TempDir(), "store.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	r := &ring{T: t, store: s, seal: make([]byte, 32), at: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	_, _ = rand.Read(r.seal)
	r.keys = r.open()
	return r
}

func (r *ring) open() *Keys {
	r.Helper()
	k, err := OpenKeys(context.Background(), r.store.SigningKeys(), r.seal, func() time.Time { return r.at })
	if err != nil {
		r.Fatal(err)
	}
	return k
}

// after lets time pass and returns the keys: the one that signs, and how many are
// published.
func (r *ring) after(d time.Duration) (signs string, published int) {
	r.Helper()
	r.at = r.at.Add(d)
	if err := r.keys.refresh(r.Context()); err != nil {
		r.Fatal(err)
	}
	set := r.keys.set.Load()
	if set.public.Len() != len(set.ids) || len(set.library.Keys) != len(set.ids) {
		r.Errorf("the sets disagree: %d, %d, %d", set.public.Len(), len(set.ids), len(set.library.Keys))
	}
	return set.ids[0], len(set.ids)
}

func TestKeysRotateByThemselves(t *testing.T) { // token.key-rotation
	r := newRing(t)
	first, n := r.after(0)
	if n != 1 {
		t.Fatalf("%d keys", n)
	}
	if same, n := r.after(KeyLife - KeyAhead - time.Second); same != first || n != 1 {
		t.Errorf("too early: %d keys", n)
	}
	if same, n := r.after(time.Second); same != first || n != 2 {
		t.Errorf("a day before: the successor is not published: %d keys", n)
	}
	if same, n := r.after(KeyAhead - time.Second); same != first || n != 2 {
		t.Errorf("a second before: %s signs, of %d", same, n)
	}
	second, n := r.after(time.Second)
	if second == first || n != 2 {
		t.Errorf("the successor does not sign, or the old key does not verify: %d keys", n)
	}
	// What it signed last expires in an hour; clocks differ by a minute on either side;
	// then one more hour.
	if end := ClientAccessLife + 2*time.Minute + time.Hour; end != keyAfter {
		t.Errorf("an old key verifies for %s; want %s", keyAfter, end)
	}
	if _, n := r.after(keyAfter - time.Second); n != 2 || r.keys.Age() != keyAfter-time.Second {
		t.Errorf("the old key is gone while its tokens may live, or the age is %s", r.keys.Age())
	}
	if same, n := r.after(time.Second); same != second || n != 1 || !bytes.Contains(r.keys.JWKS(), []byte(second)) || bytes.Contains(r.keys.JWKS(), []byte(first)) {
		t.Errorf("the old key stays: %d keys", n)
	}
	if same, n := r.after(10 * KeyLife); same != second || n != 2 {
		t.Errorf("after a long stop a key signs that nobody has seen: %d keys", n)
	}
}

func TestAnEmergencyLeavesOneNewKey(t *testing.T) { // token.key-rotation
	r := newRing(t)
	first, _ := r.after(0)
	if _, err := r.keys.Rotate(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	fresh, err := r.keys.Rotate(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	signs, n := r.after(0)
	if signs != fresh.ID || signs == first || n != 1 || bytes.Contains(r.keys.JWKS(), []byte(first)) {
		t.Errorf("%s signs, of %d", signs, n)
	}
	list, err := r.keys.List(t.Context())
	if err != nil || len(list) != 1 || !list[0].Signs || !list[0].Until.IsZero() {
		t.Errorf("%+v %v", list, err)
	}
}

func TestAnotherServerHasTheSameKeys(t *testing.T) {
	r := newRing(t)
	other := r.open()
	if !bytes.Equal(other.JWKS(), r.keys.JWKS()) {
		t.Error("two servers of one store publish different keys")
	}
	if _, err := other.Rotate(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	before := r.keys.Set()
	if r.after(0); !bytes.Equal(other.JWKS(), r.keys.JWKS()) || r.keys.Set() == before {
		t.Error("a rotation by another server is not seen")
	}
	before = r.keys.Set()
	if r.after(0); r.keys.Set() != before {
		t.Error("the set is made anew although nothing changed")
	}
}

func TestPrivateKeysRestSealed(t *testing.T) {
	r := newRing(t)
	list, err := r.store.SigningKeys().List(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatal(err)
	}
	private, err := r.keys.open(&list[0])
	if err != nil {
		t.Fatal(err)
	}
	scalar, err := private.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(list[0].Sealed, scalar) || bytes.Contains(r.keys.JWKS(), []byte(`"d"`)) {
		t.Error("a private key is readable")
	}
	moved := list[0]
	moved.ID = "other"
	if _, err := r.keys.open(&moved); err == nil {
		t.Error("a key is read under another name")
	}
	r.seal = make([]byte, 32)
	if _, err := OpenKeys(t.Context(), r.store.SigningKeys(), r.seal, time.Now); err == nil || !strings.Contains(err.Error(), "sealed by another key") {
		t.Errorf("another seal: %v", err)
	}
	if _, err := OpenKeys(t.Context(), r.store.SigningKeys(), r.seal[:16], time.Now); err == nil {
		t.Error("a short seal is taken")
	}
}

// TestSignaturesAreTheSixtyFourBytesOfJWS makes many, so that r and s of fewer than 32
// bytes are among them, and verifies each by the standard library.
func TestSignaturesAreTheSixtyFourBytesOfJWS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	short := 0
	for i := range 2000 {
		digest := sha256.Sum256([]byte(fmt.Sprint(i)))
		sig, err := es256{key}.Sign(nil, digest[:], crypto.SHA256)
		if err != nil || len(sig) != 64 {
			t.Fatal(len(sig), err)
		}
		if sig[0] == 0 || sig[32] == 0 {
			short++
		}
		if !ecdsa.Verify(&key.PublicKey, digest[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
			t.Fatalf("signature %d does not verify", i)
		}
	}
	if short == 0 {
		t.Error("no short number was among them")
	}
}
