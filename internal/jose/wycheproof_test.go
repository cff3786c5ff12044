package jose

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"math/big"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"
)

// vectors reads a file of Project Wycheproof and asserts how many cases it has.
func vectors[T any](t *testing.T, name string, cases int) (groups []T) {
	t.Helper()
	data, err := fs.ReadFile(wycheproof.TestVectors, name)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		NumberOfTests int `json:"numberOfTests"`
		TestGroups    []T `json:"testGroups"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if file.NumberOfTests != cases {
		t.Fatalf("%s has %d cases; want %d", name, file.NumberOfTests, cases)
	}
	return file.TestGroups
}

// jwsGroup is a group of JWS and the key, or the set of keys, to verify them with.
type jwsGroup struct {
	Comment string          `json:"comment"`
	Public  json.RawMessage `json:"public"`
	Private json.RawMessage `json:"private"`
	Tests   []struct {
		ID      int             `json:"tcId"`
		Comment string          `json:"comment"`
		JWS     json.RawMessage `json:"jws"`
		Result  string          `json:"result"`
	} `json:"tests"`
}

// set returns the group's keys, or nil where none of them may verify here.
func (g *jwsGroup) set(t *testing.T) *Set {
	t.Helper()
	keys := g.Public
	if keys == nil {
		keys = g.Private // symmetric ones
	}
	var many struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(keys, &many); err != nil {
		t.Fatal(err)
	}
	if many.Keys == nil {
		keys = []byte(`{"keys":[` + string(keys) + `]}`)
	}
	set, err := ParseSet(keys)
	if err != nil {
		return nil
	}
	return set
}

// verified verifies one JWS as a token is verified, whatever its payload is.
func (g *jwsGroup) verified(raw json.RawMessage, set *Set) error {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return errors.New("JSON serialisation")
	}
	token, _, err := split(text, 64<<10, "")
	if err != nil {
		return err
	}
	keys, _ := set.find(token.Algorithm, token.KeyID)
	err = ErrKeyUnknown
	for _, k := range keys {
		if err = token.Verify(k); err == nil {
			return nil
		}
	}
	return err
}

// notOffered are the algorithms whose valid cases are refused, why, and how many of
// them there are.
var notOffered = map[string]struct {
	because string
	cases   int
}{
	"HS256": {"whoever verifies an HMAC can forge it", 14}, "HS384": {"whoever verifies an HMAC can forge it", 1}, "HS512": {"whoever verifies an HMAC can forge it", 1},
	"RS384": {"nobody needs it beside RS256 and ES256", 4}, "RS512": {"nobody needs it beside RS256 and ES256", 4},
	"PS384": {"nobody needs it beside PS256 and ES256", 6}, "PS512": {"nobody needs it beside PS256 and ES256", 4}, "ES512": {"nobody needs it beside ES256", 2},
	"encryption": {"it is no signature", 2},
}

// algorithm returns what the header of a compact JWS names.
func algorithm(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	if raw == nil {
		return "encryption" // the case has a JWE
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(text, ".")
	// The case inserts characters that base64url does not have.
	data, err := base64.RawURLEncoding.DecodeString(strings.Trim(first, "?"))
	var header struct{ Alg string }
	if err != nil || json.Unmarshal(data, &header) != nil {
		return "HS256" // of the group of such cases
	}
	return header.Alg
}

// jwt.signature, jwt.alg-pinned: no JWS that Project Wycheproof calls invalid is
// accepted, and none is refused that is valid and of our algorithms.
func TestWycheproofSignaturesInTokens(t *testing.T) {
	refused := map[string]int{}
	for _, f := range []struct {
		name            string
		cases, accepted int
	}{{"json_web_signature_test.json", 401, 16}, {"json_web_key_test.json", 26, 1}, {"json_web_crypto_test.json", 83, 2}} {
		accepted := 0
		for _, g := range vectors[jwsGroup](t, f.name, f.cases) {
			set := g.set(t)
			for _, c := range g.Tests {
				err := ErrKeyUnknown
				if set != nil {
					err = g.verified(c.JWS, set)
				}
				alg := ""
				if c.Result == "valid" && err != nil {
					alg = algorithm(t, c.JWS)
				}
				_, excused := notOffered[alg]
				switch {
				case err == nil && c.Result == "valid":
					accepted++
				case err == nil:
					t.Errorf("%s %d: %s %s is %s and was accepted", f.name, c.ID, g.Comment, c.Comment, c.Result)
				case c.Result == "valid" && excused:
					refused[alg]++
				case c.Result == "valid":
					t.Errorf("%s %d: %s %s is valid and was refused: %v", f.name, c.ID, g.Comment, c.Comment, err)
				}
			}
		}
		if accepted != f.accepted {
			t.Errorf("%s: %d accepted; want %d", f.name, accepted, f.accepted)
		}
	}
	for alg, d := range notOffered {
		if refused[alg] != d.cases {
			t.Errorf("%s (%s): %d valid cases were refused; want %d", alg, d.because, refused[alg], d.cases)
		}
	}
}

// jwt.dpop-mtls: the key that a proof brings along is judged like those of an issuer,
// and no private or symmetric key is taken there.
func TestWycheproofKeysInProofs(t *testing.T) {
	good, bad := 0, 0
	for name, cases := range map[string]int{"json_web_signature_test.json": 401, "json_web_key_test.json": 26, "json_web_crypto_test.json": 83} {
		for _, g := range vectors[jwsGroup](t, name, cases) {
			for i, raw := range []json.RawMessage{g.Public, g.Private} {
				var k struct{ Kty, Alg string }
				if raw == nil || json.Unmarshal(raw, &k) != nil || k.Kty == "" {
					continue
				}
				alg := map[string]string{"EC": ES256, "RSA": RS256, "oct": "HS256"}[k.Kty]
				header := `{"typ":"dpop+jwt","alg":"` + alg + `","jwk":` + string(raw) + `}`
				p, err := ParseProof(compact(header, proofClaims, make([]byte, 64)))
				_, keyErr := parseKey(raw)
				want := i == 0 && keyErr == nil && (k.Alg == "" || k.Alg == alg)
				if (err == nil) != want {
					t.Errorf("%s, %s, %.60s: %v", name, g.Comment, raw, err)
				}
				if err == nil {
					if good++; p.Verify() == nil {
						t.Errorf("%s, %s: zeros verify", name, g.Comment)
					}
					continue
				}
				bad++
			}
		}
	}
	if good != 8 || bad != 43 {
		t.Errorf("%d keys taken and %d refused", good, bad)
	}
}

// signatureGroup is a group of bare signatures and the key that made them.
type signatureGroup struct {
	PublicKey struct {
		N   string `json:"modulus"`
		E   string `json:"publicExponent"`
		PK  string `json:"pk"`
		Raw string `json:"uncompressed"`
	} `json:"publicKey"`
	Tests []struct {
		ID      int      `json:"tcId"`
		Comment string   `json:"comment"`
		Flags   []string `json:"flags"`
		Message string   `json:"msg"`
		Sig     string   `json:"sig"`
		Result  string   `json:"result"`
	} `json:"tests"`
}

// key returns the group's key, or why it is none of ours.
func (g *signatureGroup) key(t *testing.T, alg string) (*Key, error) {
	t.Helper()
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	b64 := base64.RawURLEncoding.EncodeToString
	var jwk map[string]string
	switch alg {
	case ES256:
		raw := unhex(g.PublicKey.Raw)
		jwk = map[string]string{"kty": "EC", "crv": "P-256", "x": b64(raw[1:33]), "y": b64(raw[33:])}
	case EdDSA:
		jwk = map[string]string{"kty": "OKP", "crv": "Ed25519", "x": b64(unhex(g.PublicKey.PK))}
	default:
		n, _ := new(big.Int).SetString(g.PublicKey.N, 16)
		e, _ := new(big.Int).SetString(g.PublicKey.E, 16)
		jwk = map[string]string{"kty": "RSA", "n": b64(n.Bytes()), "e": b64(e.Bytes())}
	}
	text, err := json.Marshal(jwk)
	if err != nil {
		t.Fatal(err)
	}
	return parseKey(text)
}

// jwt.signature: the same for bare signatures of our algorithms. Keys with a public
// exponent of 3 are refused whole (FIPS 186-5 section 5.4), with their valid cases.
func TestWycheproofSignatures(t *testing.T) {
	for _, f := range []struct {
		name, alg                string
		cases, accepted, unkeyed int
	}{
		{"ecdsa_secp256r1_sha256_p1363_test.json", ES256, 262, 173, 0}, {"ed25519_test.json", EdDSA, 151, 88, 0},
		{"rsa_signature_2048_sha256_test.json", RS256, 259, 7, 2}, {"rsa_pss_2048_sha256_mgf1_32_test.json", PS256, 108, 63, 0},
	} {
		accepted, unkeyed := 0, 0
		for _, g := range vectors[signatureGroup](t, f.name, f.cases) {
			k, err := g.key(t, f.alg)
			if err != nil && g.PublicKey.E == "03" {
				unkeyed += len(g.Tests)
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range g.Tests {
				message, err := hex.DecodeString(c.Message)
				if err != nil {
					t.Fatal(err)
				}
				sig, err := hex.DecodeString(c.Sig)
				if err != nil {
					t.Fatal(err)
				}
				digest := sha256.Sum256(message)
				ok := k.verify(f.alg, string(message), digest[:], sig)
				if ok {
					accepted++
				}
				if ok != (c.Result == "valid") {
					t.Errorf("%s %d: %s %v: %s, accepted %v", f.name, c.ID, c.Comment, c.Flags, c.Result, ok)
				}
			}
		}
		if accepted != f.accepted || unkeyed != f.unkeyed {
			t.Errorf("%s: %d accepted, %d without a key; want %d and %d", f.name, accepted, unkeyed, f.accepted, f.unkeyed)
		}
	}
}
