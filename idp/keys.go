package idp

import (
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/luikyv/go-oidc/pkg/goidc"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/store"
)

// The numbers of signing keys.
const (
	KeyAhead  = 24 * time.Hour              // a key is published this long before it signs
	KeyLife   = 90 * 24 * time.Hour         // a key signs this long
	keyAfter  = store.TokenLife + time.Hour // a key verifies this long after it has signed last
	keysEvery = 5 * time.Second             // how often the store is asked for keys of other servers
)

// Keys is the server's signing keys: ECDSA on P-256, one of which signs at a time.
// The private keys are in the store, sealed by a key that is not.
type Keys struct {
	store store.SigningKeys
	seal  cipher.AEAD
	now   func() time.Time

	mu  sync.Mutex // of those who read the store again
	set atomic.Pointer[keySet]
}

// keySet is the keys at one time. It is immutable.
type keySet struct {
	ids     []string
	library goidc.JSONWebKeySet // private, the one that signs first
	jwks    []byte
	public  *jose.Set
	signs   time.Time // since when the first one does
	header  string    // of the access tokens that it signs, in base64url and with the dot
}

// Key is what an operator is told about a key.
type Key struct {
	ID    string    // kid
	Made  time.Time // and published
	From  time.Time // signs from then
	Until time.Time // verifies until then; the zero time while it has no successor
	Signs bool      // now
}

// OpenKeys reads the keys of a store, and makes the first. seal is 32 random bytes
// that are kept elsewhere: without them the keys cannot be read.
func OpenKeys(ctx context.Context, s store.SigningKeys, seal []byte, now func() time.Time) (*Keys, error) {
	block, err := aes.NewCipher(seal)
	if err != nil || len(seal) != 32 {
		return nil, errors.New("idp: the key that seals signing keys must have 32 bytes")
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("idp: sealing: %w", err)
	}
	k := &Keys{store: s, seal: aead, now: now}
	if err := k.refresh(ctx); err != nil {
		return nil, err
	}
	return k, nil
}

// refresh reads the store again, makes a key when one is due and forgets those that
// verify nothing any more.
func (k *Keys) refresh(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	list, err := k.store.List(ctx)
	if err != nil {
		return fmt.Errorf("idp: reading the signing keys: %w", err)
	}
	now := k.now()
	var due time.Time
	if len(list) == 0 {
		due = now // nobody has read a set without it
	} else if end := list[len(list)-1].From.Add(KeyLife); !now.Before(end.Add(-KeyAhead)) {
		due = now.Add(KeyAhead)
	}
	if !due.IsZero() {
		if list, err = k.add(ctx, list, now, due); err != nil {
			return err
		}
	}
	live := list[:0:0]
	for i := range list {
		if end := over(list, i); end.IsZero() || now.Before(end) {
			live = append(live, list[i])
		} else if err := k.store.Drop(ctx, list[i].ID); err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("idp: forgetting a signing key: %w", err)
		}
	}
	return k.publish(live, now)
}

// over is when key i verifies nothing any more, or the zero time.
func over(list []store.SigningKey, i int) time.Time {
	if i+1 == len(list) {
		return time.Time{}
	}
	return list[i+1].From.Add(keyAfter)
}

// signing is the index of the key that signs now.
func signing(list []store.SigningKey, now time.Time) int {
	best := 0
	for i := range list {
		if !now.Before(list[i].From) {
			best = i
		}
	}
	return best
}

func (k *Keys) add(ctx context.Context, list []store.SigningKey, now, from time.Time) ([]store.SigningKey, error) {
	fresh, err := k.generate(now, from)
	if err != nil {
		return nil, err
	}
	latest := ""
	if len(list) > 0 {
		latest = list[len(list)-1].ID
	}
	switch err := k.store.Add(ctx, fresh, latest); {
	case errors.Is(err, store.ErrConflict): // another server was faster: its key is ours
		if list, err = k.store.List(ctx); err == nil && len(list) == 0 {
			err = errors.New("no key")
		}
		if err != nil {
			return nil, fmt.Errorf("idp: reading the signing keys: %w", err)
		}
		return list, nil
	case err != nil:
		return nil, fmt.Errorf("idp: keeping a signing key: %w", err)
	}
	return append(list, fresh), nil
}

func (k *Keys) generate(now, from time.Time) (store.SigningKey, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return store.SigningKey{}, fmt.Errorf("idp: making a signing key: %w", err)
	}
	thumb, err := (&gojose.JSONWebKey{Key: private.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		return store.SigningKey{}, fmt.Errorf("idp: naming a signing key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return store.SigningKey{}, fmt.Errorf("idp: writing a signing key: %w", err)
	}
	plain, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return store.SigningKey{}, fmt.Errorf("idp: writing a signing key: %w", err)
	}
	id := base64.RawURLEncoding.EncodeToString(thumb)
	return store.SigningKey{ID: id, Public: public, Sealed: k.seal.Seal(nil, nil, plain, []byte(id)), Made: now, From: from}, nil
}

func (k *Keys) open(s *store.SigningKey) (*ecdsa.PrivateKey, error) {
	plain, err := k.seal.Open(nil, nil, s.Sealed, []byte(s.ID))
	if err != nil {
		return nil, fmt.Errorf("idp: the signing key %s was sealed by another key", s.ID)
	}
	key, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return nil, fmt.Errorf("idp: reading the signing key %s: %w", s.ID, err)
	}
	private, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("idp: the signing key %s is not one of ours", s.ID)
	}
	return private, nil
}

// publish makes the set of these keys the present one. The library signs with the
// first key that fits: the one that signs goes first.
func (k *Keys) publish(list []store.SigningKey, now time.Time) error {
	current := signing(list, now)
	order := append([]store.SigningKey{list[current]}, slices.Delete(slices.Clone(list), current, current+1)...)
	next := &keySet{signs: list[current].From}
	header := appendText([]byte(`{"alg":"ES256","typ":"at+jwt","kid":`), order[0].ID)
	next.header = base64.RawURLEncoding.EncodeToString(append(header, '}')) + "."
	for i := range order {
		next.ids = append(next.ids, order[i].ID)
	}
	if old := k.set.Load(); old != nil && slices.Equal(old.ids, next.ids) {
		return nil
	}
	for i := range order {
		private, err := k.open(&order[i])
		if err != nil {
			return err
		}
		next.library.Keys = append(next.library.Keys, goidc.JSONWebKey{KeyID: order[i].ID, Key: private, Algorithm: jose.ES256, Use: "sig"})
	}
	var err error
	if next.jwks, err = json.Marshal(next.library.Public()); err != nil {
		return fmt.Errorf("idp: writing the key set: %w", err)
	}
	if next.public, err = jose.ParseSet(next.jwks); err != nil {
		return fmt.Errorf("idp: writing the key set: %w", err)
	}
	k.set.Store(next)
	return nil
}

// signer gives the library the key that signs, for ES256 alone.
func (k *Keys) signer(_ context.Context, alg goidc.SignatureAlgorithm) (string, crypto.Signer, error) {
	id, key := k.Signer()
	if alg != goidc.ES256 || key == nil {
		return "", nil, fmt.Errorf("idp: nothing signs by %s", alg)
	}
	return id, es256{key}, nil
}

// appendAccessToken appends the access token with these claims, a JSON object, signed by
// the key that signs now (RFC 9068 section 2.1).
func (k *Keys) appendAccessToken(b, claims []byte) ([]byte, error) {
	set := k.set.Load()
	key, ok := set.library.Keys[0].Key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("idp: there is no key that signs")
	}
	begin := len(b)
	b = append(b, set.header...)
	b = base64.RawURLEncoding.AppendEncode(b, claims)
	digest := sha256.Sum256(b[begin:])
	signature, err := es256{key}.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("idp: signing an access token: %w", err)
	}
	return base64.RawURLEncoding.AppendEncode(append(b, '.'), signature), nil
}

// es256 signs as JWS has it (RFC 7518 section 3.4): r and s, one behind the other. The
// nonce is that of RFC 6979, which costs a quarter less than a random one.
type es256 struct{ *ecdsa.PrivateKey }

// Sign implements [crypto.Signer].
func (k es256) Sign(_ io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	der, err := k.PrivateKey.Sign(nil, digest, o)
	if err != nil {
		return nil, err
	}
	var inner cryptobyte.String
	var r, s []byte
	input := cryptobyte.String(der)
	if !input.ReadASN1(&inner, asn1.SEQUENCE) || !inner.ReadASN1Integer(&r) || !inner.ReadASN1Integer(&s) || len(r) > 32 || len(s) > 32 {
		return nil, errors.New("idp: a signature of an unknown form")
	}
	out := make([]byte, 64)
	copy(out[32-len(r):], r)
	copy(out[64-len(s):], s)
	return out, nil
}

// library gives the library the private keys.
func (k *Keys) library(context.Context) (goidc.JSONWebKeySet, error) {
	return k.set.Load().library, nil
}

// Signer returns the id and the private key of what signs now. It is for the tour of
// `gatehouse demo`, which needs tokens that the server would never issue, to show that
// they are refused; archtest keeps everybody else from it.
func (k *Keys) Signer() (id string, key *ecdsa.PrivateKey) {
	set := k.set.Load()
	key, _ = set.library.Keys[0].Key.(*ecdsa.PrivateKey)
	return set.ids[0], key
}

// JWKS returns the public keys as a JWK set (RFC 7517 section 5).
func (k *Keys) JWKS() []byte { return k.set.Load().jwks }

// Set returns the public keys as the gateway's own verifier reads them. It is the
// same pointer until they change.
func (k *Keys) Set() *jose.Set { return k.set.Load().public }

// Age is how long the key that signs has done so. It grows to [KeyLife] and begins
// anew.
func (k *Keys) Age() time.Duration { return max(0, k.now().Sub(k.set.Load().signs)) }

// List returns what an operator is told about the keys, the oldest first.
func (k *Keys) List(ctx context.Context) ([]Key, error) {
	list, err := k.store.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("idp: listing the signing keys: %w", err)
	}
	var out []Key
	for i := range list {
		out = append(out, Key{ID: list[i].ID, Made: list[i].Made, From: list[i].From, Until: over(list, i), Signs: i == signing(list, k.now())})
	}
	return out, nil
}

// Rotate makes a new key. It is published at once and signs after [KeyAhead], when
// every client has read it. In an emergency it signs now, and every other key, with
// the tokens that it signed, is worth nothing from now on.
func (k *Keys) Rotate(ctx context.Context, emergency bool) (Key, error) {
	if err := k.refresh(ctx); err != nil {
		return Key{}, err
	}
	k.mu.Lock()
	list, err := k.store.List(ctx)
	now := k.now()
	from := now
	if !emergency {
		from = now.Add(KeyAhead)
	}
	old := len(list)
	if err == nil {
		list, err = k.add(ctx, list, now, from)
	}
	if err == nil && emergency {
		for i := range list[:old] {
			if err = k.store.Drop(ctx, list[i].ID); err != nil {
				break
			}
		}
	}
	k.mu.Unlock()
	if err == nil {
		err = k.refresh(ctx)
	}
	if err != nil {
		return Key{}, fmt.Errorf("idp: rotating: %w", err)
	}
	fresh := list[len(list)-1]
	return Key{ID: fresh.ID, Made: fresh.Made, From: fresh.From, Signs: emergency}, nil
}
