package passkey

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

const (
	site  = "https://login.example.com"
	alice = "u_alice"
)

// bench is a relying party with an authenticator that does as it is told.
type bench struct {
	testing.TB
	party         *Party
	site          virtualwebauthn.RelyingParty
	authenticator virtualwebauthn.Authenticator
	key           virtualwebauthn.Credential
	challenge     []byte
}

// newKey makes a passkey. The virtual authenticator leaves the zeros at the beginning
// of coordinates out, which RFC 9053 section 7.1.1 forbids: such keys are not used.
func newKey(kind virtualwebauthn.KeyType) virtualwebauthn.Credential {
	for {
		if c := virtualwebauthn.NewCredential(kind); kind != virtualwebauthn.KeyTypeEC2 || len(c.Key.AttestationData()) == 77 {
			return c
		}
	}
}

func newBench(t testing.TB, kind virtualwebauthn.KeyType) *bench {
	t.Helper()
	party, err := New("login.example.com", "Example Bank", site)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{
		TB: t, party: party, site: virtualwebauthn.RelyingParty{ID: "login.example.com", Name: "Example Bank", Origin: site},
		authenticator: virtualwebauthn.NewAuthenticator(), key: newKey(kind), challenge: make([]byte, ChallengeSize),
	}
	_, _ = rand.Read(b.challenge)
	return b
}

// made is what the authenticator answers to the request for a passkey.
func (b *bench) made() string {
	b.Helper()
	text, err := b.party.Creation(alice, "alice@example.com", b.challenge, nil)
	if err != nil {
		b.Fatal(err)
	}
	o, err := virtualwebauthn.ParseAttestationOptions(text)
	if err != nil {
		b.Fatal(err)
	}
	return virtualwebauthn.CreateAttestationResponse(b.site, b.authenticator, b.key, *o)
}

// used is what it answers to the request for a proof.
func (b *bench) used() string {
	b.Helper()
	text, err := b.party.Request(b.challenge, nil)
	if err != nil {
		b.Fatal(err)
	}
	o, err := virtualwebauthn.ParseAssertionOptions(text)
	if err != nil {
		b.Fatal(err)
	}
	return virtualwebauthn.CreateAssertionResponse(b.site, b.authenticator, b.key, *o)
}

func (b *bench) registered() *Credential {
	b.Helper()
	c, err := b.party.Register(b.made(), alice, b.challenge)
	if err != nil {
		b.Fatal(err)
	}
	return &c
}

func TestAPasskeyIsMadeAndUsed(t *testing.T) {
	for _, kind := range []virtualwebauthn.KeyType{virtualwebauthn.KeyTypeEC2, virtualwebauthn.KeyTypeRSA} {
		b := newBench(t, kind)
		b.authenticator.Options.BackupEligible, b.authenticator.Options.UserHandle = true, []byte(alice)
		c := b.registered()
		if !bytes.Equal(c.ID, b.key.ID) || !c.Synced || c.Count != 0 {
			t.Errorf("%s: %+v", kind, c)
		}
		b.key.Counter = 7
		answer := b.used()
		if id, user, err := Identify(answer); err != nil || user != alice || !bytes.Equal(id, b.key.ID) {
			t.Errorf("%s: %x of %q, %v", kind, id, user, err)
		}
		if n, err := b.party.Verify(answer, alice, b.challenge, c); n != 7 || err != nil {
			t.Errorf("%s: count %d, %v", kind, n, err)
		}
	}
}

func TestWhatAPageAsksForIsAPasskeyThatVerifiesItsUser(t *testing.T) {
	b := newBench(t, virtualwebauthn.KeyTypeEC2)
	made, err := b.party.Creation(alice, "alice@example.com", b.challenge, [][]byte{{1}})
	if err != nil {
		t.Fatal(err)
	}
	for _, must := range []string{`"userVerification":"required"`, `"residentKey":"required"`, `"attestation":"none"`, `"timeout":300000`, `"id":"AQ"`,
		`"id":"` + base64.RawURLEncoding.EncodeToString([]byte(alice)) + `"`, `"alg":-7`, `"alg":-8`, `"alg":-257`} {
		if !strings.Contains(made, must) {
			t.Errorf("%s is not in %s", must, made)
		}
	}
	if strings.Count(made, `"alg"`) != 3 {
		t.Errorf("more algorithms than three: %s", made)
	}
	used, err := b.party.Request(b.challenge, nil)
	if err != nil || !strings.Contains(used, `"userVerification":"required"`) || !strings.Contains(used, `"rpId":"login.example.com"`) || strings.Contains(used, "allowCredentials") {
		t.Errorf("%s, %v", used, err)
	}
}

// again changes what an answer says, without another signature.
func again(t testing.TB, answer string, part string, change func([]byte) []byte) string {
	t.Helper()
	var whole map[string]any
	if err := json.Unmarshal([]byte(answer), &whole); err != nil {
		t.Fatal(err)
	}
	response := whole["response"].(map[string]any)
	raw, err := base64.RawURLEncoding.DecodeString(response[part].(string))
	if err != nil {
		t.Fatal(err)
	}
	response[part] = base64.RawURLEncoding.EncodeToString(change(raw))
	b, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// clientData changes what the browser says about the page.
func clientData(t testing.TB, answer, key string, value any) string {
	return again(t, answer, "clientDataJSON", func(raw []byte) []byte {
		var c map[string]any
		if err := json.Unmarshal(raw, &c); err != nil {
			t.Fatal(err)
		}
		c[key] = value
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return b
	})
}

// session.mfa-aal2
func TestAProofThatDoesNotHoldIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*bench)                // what the authenticator and the browser do
		answer func(*bench, string) string // what is done to the answer
		says   string
	}{
		"of another origin":               {before: func(b *bench) { b.site.Origin = "https://login.example.org" }, says: "origin"},
		"of an origin below":              {before: func(b *bench) { b.site.Origin = "https://evil.login.example.com" }, says: "origin"},
		"of another port":                 {before: func(b *bench) { b.site.Origin = site + ":8443" }, says: "origin"},
		"of an origin without TLS":        {before: func(b *bench) { b.site.Origin = "http://login.example.com" }, says: "origin"},
		"of an origin in other case":      {before: func(b *bench) { b.site.Origin = "https://LOGIN.example.com" }, says: "origin"},
		"of an origin with a path":        {before: func(b *bench) { b.site.Origin = site + "/evil" }, says: "origin"},
		"of an origin with a user name":   {before: func(b *bench) { b.site.Origin = "https://evil@login.example.com" }, says: "origin"},
		"for another relying party":       {before: func(b *bench) { b.site.ID = "example.com" }, says: "RP Hash"},
		"without user verification":       {before: func(b *bench) { b.authenticator.Options.UserNotVerified = true }, says: "User verification"},
		"without user presence":           {before: func(b *bench) { b.authenticator.Options.UserNotPresent = true }, says: "User presence"},
		"by another key":                  {before: func(b *bench) { b.key.Key = newKey(virtualwebauthn.KeyTypeEC2).Key }, says: "signature"},
		"by a passkey of another id":      {before: func(b *bench) { b.key.ID = []byte("another one") }, says: "credential"},
		"with the handle of another user": {before: func(b *bench) { b.authenticator.Options.UserHandle = []byte("u_mallory") }, says: "do not match"},
		"of a key that became synced":     {before: func(b *bench) { b.authenticator.Options.BackupEligible = true }, says: "Backup Eligible"},
		"backed up but not eligible":      {before: func(b *bench) { b.authenticator.Options.BackupState = true }, says: "Backup State"},
		"for another challenge":           {before: func(b *bench) { b.challenge = bytes.Repeat([]byte{7}, ChallengeSize) }, says: "challenge"},
		"framed by another site":          {answer: func(b *bench, a string) string { return clientData(b.TB, a, "crossOrigin", true) }, says: "cross origin"},
		"of another ceremony":             {answer: func(b *bench, a string) string { return clientData(b.TB, a, "type", "webauthn.create") }, says: "ceremony type"},
		"with another signature": {answer: func(b *bench, a string) string {
			return again(b.TB, a, "signature", func(s []byte) []byte { s[len(s)-1] ^= 1; return s })
		}, says: "signature"},
		"without a signature": {answer: func(b *bench, a string) string {
			return again(b.TB, a, "signature", func([]byte) []byte { return nil })
		}, says: "signature"},
		"with another count": {answer: func(b *bench, a string) string {
			return again(b.TB, a, "authenticatorData", func(s []byte) []byte { s[36]++; return s })
		}, says: "signature"},
		"with a member more": {answer: func(b *bench, a string) string { return clientData(b.TB, a, "extra", 1) }, says: "signature"},
		"that is no answer":  {answer: func(*bench, string) string { return "{}" }, says: "ID missing"},
		"that is no JSON":    {answer: func(*bench, string) string { return "\x00" }, says: "Parse error"},
		"with more behind":   {answer: func(_ *bench, a string) string { return a + a }, says: "trailing"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, virtualwebauthn.KeyTypeEC2)
			known, challenge := b.registered(), b.challenge
			if c.before != nil {
				c.before(b)
			}
			answer := b.used()
			if c.answer != nil {
				answer = c.answer(b, answer)
			}
			_, err := b.party.Verify(answer, alice, challenge, known)
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v; want it to say %q", err, c.says)
			}
		})
	}
	t.Run("without a challenge", func(t *testing.T) {
		b := newBench(t, virtualwebauthn.KeyTypeEC2)
		known := b.registered()
		for _, none := range [][]byte{nil, {}, make([]byte, ChallengeSize), bytes.Repeat([]byte{1}, ChallengeSize-1)} {
			b.challenge = none
			if _, err := b.party.Verify(clientData(t, newBench(t, virtualwebauthn.KeyTypeEC2).used(), "challenge", base64.RawURLEncoding.EncodeToString(none)), alice, none, known); !errors.Is(err, ErrRefused) {
				t.Errorf("%x: %v", none, err)
			}
		}
	})
}

// bare is an answer with a key of the test's own making and no attestation.
func (b *bench) bare(format string, statement map[string]any, key any) string {
	b.Helper()
	cose, err := webauthncbor.Marshal(key)
	if err != nil {
		b.Fatal(err)
	}
	return again(b.TB, b.made(), "attestationObject", func(raw []byte) []byte {
		var o map[string]any
		if err := webauthncbor.Unmarshal(raw, &o); err != nil {
			b.Fatal(err)
		}
		data := o["authData"].([]byte)
		head := data[:37+16+2+len(b.key.ID)] // up to the key
		o["fmt"], o["attStmt"], o["authData"] = format, statement, append(bytes.Clone(head), cose...)
		again, err := webauthncbor.Marshal(o)
		if err != nil {
			b.Fatal(err)
		}
		return again
	})
}

func TestARegistrationThatDoesNotHoldIsRefused(t *testing.T) {
	none := map[string]any{}
	ec := func(alg webauthncose.COSEAlgorithmIdentifier, curve int) map[int]any {
		return map[int]any{1: 2, 3: int(alg), -1: curve, -2: bytes.Repeat([]byte{1}, 32), -3: bytes.Repeat([]byte{2}, 32)}
	}
	rsa := func(alg webauthncose.COSEAlgorithmIdentifier, bits int) map[int]any {
		return map[int]any{1: 3, 3: int(alg), -1: bytes.Repeat([]byte{255}, bits/8), -2: []byte{1, 0, 1}}
	}
	for name, answer := range map[string]func(*bench) string{
		"of another origin":         func(b *bench) string { b.site.Origin = "https://login.example.org"; return b.made() },
		"for another relying party": func(b *bench) string { b.site.ID = "example.com"; return b.made() },
		"without user verification": func(b *bench) string { b.authenticator.Options.UserNotVerified = true; return b.made() },
		"without user presence":     func(b *bench) string { b.authenticator.Options.UserNotPresent = true; return b.made() },
		"for another challenge": func(b *bench) string {
			keep := b.challenge
			defer func() { b.challenge = keep }()
			b.challenge = bytes.Repeat([]byte{7}, ChallengeSize)
			return b.made()
		},
		"framed by another site":       func(b *bench) string { return clientData(b.TB, b.made(), "crossOrigin", true) },
		"of another ceremony":          func(b *bench) string { return clientData(b.TB, b.made(), "type", "webauthn.get") },
		"without an algorithm":         func(b *bench) string { return b.bare("none", none, ec(0, 1)) },
		"of HMAC":                      func(b *bench) string { return b.bare("none", none, map[int]any{1: 4, 3: 5, -1: []byte("secret")}) },
		"of RS1":                       func(b *bench) string { return b.bare("none", none, rsa(-65535, 2048)) },
		"of an algorithm nobody asked": func(b *bench) string { return b.bare("none", none, ec(webauthncose.AlgES512, 3)) },
		"on a curve of another":        func(b *bench) string { return b.bare("none", none, ec(webauthncose.AlgES256, 2)) },
		"of a point on no curve":       func(b *bench) string { return b.bare("none", none, ec(webauthncose.AlgES256, 1)) },
		"of a key that is too short":   func(b *bench) string { return b.bare("none", none, rsa(webauthncose.AlgRS256, 1024)) },
		"with an attestation that fails": func(b *bench) string {
			return b.bare("packed", map[string]any{"alg": -7, "sig": []byte{1}}, rsa(-257, 2048))
		},
		"with a certificate": func(b *bench) string {
			return b.bare("packed", map[string]any{"alg": -7, "sig": []byte{1}, "x5c": []any{[]byte{1}}}, rsa(-257, 2048))
		},
		"with an attestation of a TPM": func(b *bench) string { return b.bare("tpm", map[string]any{"ver": "2.0"}, rsa(-257, 2048)) },
		"that is no answer":            func(*bench) string { return "{}" },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, virtualwebauthn.KeyTypeEC2)
			if _, err := b.party.Register(answer(b), alice, b.challenge); !errors.Is(err, ErrRefused) {
				t.Errorf("%v", err)
			}
		})
	}
	b := newBench(t, virtualwebauthn.KeyTypeEC2)
	if _, err := b.party.Register(b.bare("none", none, rsa(webauthncose.AlgRS256, 2048)), alice, b.challenge); err != nil {
		t.Errorf("what the test makes is refused for another reason: %v", err)
	}
}

func TestAPartyIsTheHostOrADomainAboveIt(t *testing.T) {
	for _, good := range [][2]string{{"login.example.com", site}, {"example.com", site}, {"localhost", "https://localhost:8443"}} {
		if _, err := New(good[0], "Example", good[1]); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
	for _, bad := range [][2]string{
		{"", site}, {"com", site}, {"ogin.example.com", site}, {"example.org", site}, {"evil.login.example.com", site}, {"login.example.com", "http://login.example.com"},
		{"127.0.0.1", "https://127.0.0.1:8443"}, {"::1", "https://[::1]"}, {"login.example.com:443", site}, {"login.example.com", "://"},
	} {
		if _, err := New(bad[0], "Example", bad[1]); !errors.Is(err, ErrParty) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	b := newBench(f, virtualwebauthn.KeyTypeEC2)
	made := b.made()
	known, err := b.party.Register(made, alice, b.challenge)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(made)
	f.Add(b.used())
	f.Add(b.bare("packed", map[string]any{"alg": -7, "sig": []byte{1}}, map[int]any{1: 2}))
	f.Fuzz(func(t *testing.T, answer string) {
		challenge := bytes.Repeat([]byte{3}, ChallengeSize)
		if _, err := b.party.Register(answer, alice, challenge); !errors.Is(err, ErrRefused) {
			t.Errorf("registered: %v", err)
		}
		if _, err := b.party.Verify(answer, alice, challenge, &known); !errors.Is(err, ErrRefused) {
			t.Errorf("verified: %v", err)
		}
		if _, _, err := Identify(answer); err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("identified: %v", err)
		}
	})
}
