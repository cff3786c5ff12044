package jose

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"math/big"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v4"
)

var discard = slog.New(slog.DiscardHandler)

var onceKey = sync.OnceValue(func() *ecdsa.PublicKey {
	k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return &k.PublicKey
})

func testKey(string) *ecdsa.PublicKey { return onceKey() }

var onceSigner = sync.OnceValues(GenerateSigner)

func testSigner(t testing.TB) *Signer {
	t.Helper()
	s, err := onceSigner()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// check verifies a token with the one key of a set.
func check(token string, set *Set) error {
	t, err := Parse(token)
	if err != nil {
		return err
	}
	keys, _ := set.find(t.Algorithm, t.KeyID)
	if len(keys) != 1 {
		return ErrKeyUnknown
	}
	return t.Verify(keys[0])
}

func compact(header, claims string, signature []byte) string {
	return strict.EncodeToString([]byte(header)) + "." + strict.EncodeToString([]byte(claims)) + "." + strict.EncodeToString(signature)
}

// An independent implementation and ours must agree on what is genuine.
func TestTokensOfGoJoseVerifyHereAndOursThere(t *testing.T) {
	r, _ := rsa.GenerateKey(rand.Reader, 2048)
	e, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p, d, _ := ed25519.GenerateKey(rand.Reader)
	for alg, keys := range map[string][2]interface{}{RS256: {r, &r.PublicKey}, PS256: {r, &r.PublicKey}, ES256: {e, &e.PublicKey}, EdDSA: {d, p}} {
		private := gojose.JSONWebKey{Key: keys[0], KeyID: "k"}
		s, err := gojose.NewSigner(gojose.SigningKey{Algorithm: gojose.SignatureAlgorithm(alg), Key: private}, (&gojose.SignerOptions{}).WithType("at+jwt"))
		if err != nil {
			t.Fatal(err)
		}
		o, err := s.Sign([]byte(`{"sub":"alice"}`))
		if err != nil {
			t.Fatal(err)
		}
		token, _ := o.CompactSerialize()
		doc, _ := json.Marshal(gojose.JSONWebKeySet{Keys: []gojose.JSONWebKey{{Key: keys[1], KeyID: "k", Use: "sig"}}})
		set, err := ParseSet(doc)
		if err != nil {
			t.Fatal(err)
		}
		if err := check(token, set); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
	}
	ours := testSigner(t)
	token, err := ours.Sign("x+jwt", []byte(`{"sub":"alice"}`))
	if err != nil {
		t.Fatal(err)
	}
	var set gojose.JSONWebKeySet
	if err := json.Unmarshal(ours.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	o, err := gojose.ParseSignedCompact(token, []gojose.SignatureAlgorithm{gojose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := o.Verify(set.Key(ours.KeyID())[0])
	if err != nil || string(payload) != `{"sub":"alice"}` {
		t.Errorf("%s, %v", payload, err)
	}
	thumb, _ := set.Keys[0].Thumbprint(5) // crypto.SHA256
	if ours.KeyID() != strict.EncodeToString(thumb) {
		t.Error("the kid is not the RFC 7638 thumbprint")
	}
}

// R15: edge values of r and s, as Wycheproof has them (jwt.signature).
func TestR15_EdgeValuesOfAnES256SignatureAreRefused(t *testing.T) {
	s := testSigner(t)
	set, err := ParseSet(s.JWKS())
	if err != nil {
		t.Fatal(err)
	}
	good, _ := s.Sign("at+jwt", []byte(`{"sub":"alice"}`))
	input := good[:strings.LastIndexByte(good, '.')]
	genuine, _ := strict.DecodeString(good[len(input)+1:])
	n, p := elliptic.P256().Params().N, elliptic.P256().Params().P
	plus := func(a *big.Int, b int64) *big.Int { return new(big.Int).Add(a, big.NewInt(b)) }
	values := []*big.Int{big.NewInt(0), big.NewInt(1), big.NewInt(2), plus(n, -1), n, plus(n, 1), plus(p, -1), p, plus(p, 1), plus(p, -3), new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)),
		new(big.Int).SetBytes(genuine[:32]), new(big.Int).SetBytes(genuine[32:])}
	cases := 0
	for i, r := range values {
		for k, v := range values {
			raw := append(r.FillBytes(make([]byte, 32)), v.FillBytes(make([]byte, 32))...)
			if want := i == len(values)-2 && k == len(values)-1; (check(input+"."+strict.EncodeToString(raw), set) == nil) != want {
				t.Errorf("r=%x s=%x: accepted %v", r, v, !want)
			}
			cases++
		}
	}
	for size := range 200 {
		if size != 64 && check(input+"."+strict.EncodeToString(append(bytes.Clone(genuine), make([]byte, 200)...)[:size]), set) == nil {
			t.Errorf("a signature of %d bytes is accepted", size)
		}
	}
	if cases != 169 {
		t.Errorf("%d cases", cases)
	}
	// The twin s' = n - s is a valid signature (JWS does not forbid it), so no
	// list of refused tokens may be keyed by the text of a token.
	twin := new(big.Int).Sub(n, new(big.Int).SetBytes(genuine[32:]))
	if err := check(input+"."+strict.EncodeToString(append(bytes.Clone(genuine[:32]), twin.FillBytes(make([]byte, 32))...)), set); err != nil {
		t.Errorf("the twin: %v", err)
	}
}

// jwt.alg-pinned: R15, what go-jose accepts of ASSURANCE.md section 2 and we do not.
func TestR15_AKeyIsForWhatItsJWKSaysAndNothingElse(t *testing.T) {
	r, _ := rsa.GenerateKey(rand.Reader, 2048)
	n := strict.EncodeToString(r.N.Bytes())
	for extra, ok := range map[string]bool{
		``: true, `,"alg":"RS256"`: true, `,"use":"sig"`: true, `,"key_ops":["verify"]`: true, `,"key_ops":["sign","verify"]`: true, `,"extra":1`: true,
		`,"alg":"PS512"`: false, `,"alg":"PS256"`: false, `,"alg":"ES256"`: false, `,"alg":"rs256"`: false, `,"alg":1`: false,
		`,"use":"enc"`: false, `,"use":"SIG"`: false, `,"key_ops":["encrypt"]`: false, `,"key_ops":[]`: false, `,"key_ops":"verify"`: false,
		`,"d":"AQAB"`: false, `,"k":"AQAB"`: false, `,"kty":"EC"`: false, `,"use":"sig","use":"sig"`: false,
	} {
		set, err := ParseSet([]byte(`{"keys":[{"kty":"RSA","kid":"k","e":"AQAB","n":"` + n + `"` + extra + `}]}`))
		fits := false
		if err == nil {
			keys, _ := set.find(RS256, "k")
			fits = len(keys) == 1
		}
		if fits != ok {
			t.Errorf("%s: %v, %v", extra, fits, err)
		}
	}
	for _, e := range []string{"", "AA", "AQ", "Ag", "Aw", "AQAA", "AQAAAAE"} {
		if _, err := ParseSet([]byte(`{"keys":[{"kty":"RSA","kid":"k","n":"` + n + `","e":"` + e + `"}]}`)); err == nil {
			t.Errorf("exponent %q is accepted", e)
		}
	}
	tooBig := strict.EncodeToString(append([]byte{0x80}, make([]byte, 1024)...))
	if _, err := ParseSet([]byte(`{"keys":[{"kty":"RSA","kid":"k","n":"` + tooBig + `","e":"AQAB"}]}`)); err == nil {
		t.Error("a modulus over 8192 bits is accepted")
	}
}

func TestAnEd25519KeyOfSmallOrderIsRefused(t *testing.T) {
	one := append([]byte{1}, make([]byte, 31)...)
	signature := append(bytes.Clone(one), make([]byte, 32)...)
	if !ed25519.Verify(one, []byte("any message"), signature) || !ed25519.Verify(one, []byte("another"), signature) {
		t.Fatal("the standard library refuses it by itself: the check is no longer needed")
	}
	refused := 0
	for _, y := range smallOrderPoints {
		raw, err := hex.DecodeString(y)
		if err != nil || len(raw) != 32 {
			t.Fatal(err)
		}
		for _, sign := range []byte{0, 0x80} {
			raw[31] = raw[31]&0x7f | sign
			if new(Key).take(ed25519.PublicKey(raw)) == nil {
				t.Errorf("%x is accepted", raw)
			}
			refused++
		}
	}
	good, _, _ := ed25519.GenerateKey(rand.Reader)
	if refused != 14 || new(Key).take(good) != nil {
		t.Error("a genuine key is refused")
	}
}

func TestABadKeyDoesNotTakeTheOthersWithIt(t *testing.T) {
	good := strings.TrimPrefix(string(testSigner(t).JWKS()), `{"keys":[`)
	set, err := ParseSet([]byte(`{"keys":[{"kty":"oct","k":"AA"},{"kty":"AKP"},{},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},7,` + good))
	if err != nil || set.Len() != 1 || len(set.Refused) != 5 {
		t.Errorf("%+v, %v", set, err)
	}
}

// R17: hostile tokens cost less than a millisecond and 64 KiB.
func TestR17_HostileTokensAreCheap(t *testing.T) {
	part := func(s string) string { return strict.EncodeToString([]byte(s)) }
	big := strings.Repeat("a", 5000)
	var names strings.Builder
	for i := range 900 {
		names.WriteString(`,"` + string(rune('a'+i%26)) + big[:i%9] + `":1`)
	}
	head := part(`{"alg":"ES256","kid":"k"}`)
	for name, token := range map[string]string{
		"a million dots":      strings.Repeat(".", 1_000_000),
		"8000 dots":           strings.Repeat(".", 8000),
		"1 MB":                strings.Repeat("a", 1<<20),
		"8 KiB":               strings.Repeat("a", MaxToken),
		"PBES2 rounds":        part(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":1000000,"p2s":"AA"}`) + ".AA.AA.AA.AA",
		"PBES2 in three":      part(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":1000000,"p2s":"AA"}`) + ".AA.AA",
		"JWE":                 part(`{"alg":"RSA-OAEP","enc":"A256GCM"}`) + ".AA.AA.AA.AA",
		"zip":                 part(`{"alg":"ES256","zip":"DEF"}`) + "." + part(big) + ".AA",
		"deep header":         part(strings.Repeat("[", 6000)) + ".AA.AA",
		"deep claims":         head + "." + part(strings.Repeat(`{"a":`, 1200)) + ".AA",
		"wide claims":         head + "." + part(`{"a":1`+names.String()[:5000]+"}") + ".AA",
		"a long number":       head + "." + part(`{"exp":`+strings.Repeat("9", 5000)+"x}") + ".AA",
		"escapes":             head + "." + part(`{"a":"`+strings.Repeat(`\u0061`, 800)+`"}x`) + ".AA",
		"a long kid":          part(`{"alg":"ES256","kid":"`+big+`"}`) + ".AA.AA",
		"4000 array elements": head + "." + part(`{"aud":[`+strings.Repeat("1,", 2000)+`1]}`) + ".AA",
	} {
		if _, err := Parse(token); err == nil {
			t.Errorf("%s is accepted", name)
		}
		best, least := time.Hour, uint64(1<<62)
		for range 5 { // the least of five, since other work runs on this machine
			var a, b runtime.MemStats
			runtime.ReadMemStats(&a)
			began := time.Now()
			_, _ = Parse(token)
			best = min(best, time.Since(began))
			runtime.ReadMemStats(&b)
			least = min(least, b.TotalAlloc-a.TotalAlloc)
		}
		if best >= time.Millisecond || least > 64<<10 {
			t.Errorf("%s: %s, %d bytes", name, best, least)
		}
	}
}

func TestASignerIsReadFromItsOwnPEM(t *testing.T) {
	s := testSigner(t)
	text, err := s.PEM()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseSigner(string(text))
	if err != nil || again.KeyID() != s.KeyID() {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if _, err := ParseSigner(bad); err == nil {
			t.Errorf("%q is a key", bad)
		}
	}
}

func freshSigner(t *testing.T) *Signer {
	t.Helper()
	s, err := GenerateSigner()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOfSeveralKeysInAFileTheFirstSignsAndAllArePublished(t *testing.T) {
	one, two, three := freshSigner(t), freshSigner(t), freshSigner(t)
	text, err := three.Before(two.Before(one, 2), 2).PEM()
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseSigner("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + string(text))
	if err != nil || s.KeyID() != three.KeyID() {
		t.Fatal(err)
	}
	set, err := ParseSet(s.JWKS())
	if err != nil || set.Len() != 3 || len(set.Refused) > 0 {
		t.Fatal(set, err)
	}
	for _, signer := range []*Signer{one, two, three, s} {
		token, err := signer.Sign("test+jwt", []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := Parse(token)
		if err != nil {
			t.Fatal(err)
		}
		if keys, known := set.find(ES256, parsed.KeyID); !known || parsed.Verify(keys[0]) != nil {
			t.Errorf("what %s signed does not verify", signer.KeyID())
		}
	}
	if set, err := ParseSet(freshSigner(t).Before(s, 1).JWKS()); err != nil || set.Len() != 2 {
		t.Error("more keys are kept than were asked for", err)
	}
	if _, err := ParseSigner(string(text) + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"); err == nil {
		t.Error("a file with something that is no key is read")
	}
}

func TestAPublishedKeyIsPublishedOnce(t *testing.T) {
	var p Published
	one, two := freshSigner(t), freshSigner(t)
	for _, k := range []IdentityKey{one, one, two.Before(one, 2)} {
		if err := p.Add(k); err != nil {
			t.Fatal(err)
		}
	}
	if set, err := ParseSet(p.JWKS()); err != nil || set.Len() != 2 {
		t.Errorf("%s %v", p.JWKS(), err)
	}
}

func TestTheReasonOfARefusalCanBeTold(t *testing.T) {
	good := `{"alg":"ES256","kid":"k","typ":"at+jwt"}`
	for token, want := range map[string]error{
		strings.Repeat("a", MaxToken+1):                          ErrTooLarge,
		"a.b":                                                    ErrMalformed,
		compact(good, "{}", nil):                                 ErrMalformed,
		compact(good, "[]", []byte{1}):                           ErrMalformed,
		compact(`{"alg":"none"}`, "{}", []byte{1}):               ErrAlgorithm,
		compact(`{"alg":"HS256"}`, "{}", []byte{1}):              ErrAlgorithm,
		compact(`{"alg":"ES256","jku":1}`, "{}", []byte{1}):      ErrHeader,
		compact(`{"alg":"ES256","kid":1}`, "{}", []byte{1}):      ErrHeader,
		compact(`{"alg":"ES256","kid":"a\nb"}`, "{}", []byte{1}): ErrHeader,
		compact(`{"alg":"ES256","crit":[]}`, "{}", []byte{1}):    ErrHeader,
	} {
		if _, err := Parse(token); !errors.Is(err, want) {
			t.Errorf("%.40q: %v, want %v", token, err, want)
		}
	}
	if _, err := Parse(compact(good, "{}", []byte{1})); err != nil {
		t.Error(err)
	}
}
