package oidc_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/idp/oidc"
	"github.com/gatehouse-api/gatehouse/internal/jose"
)

const notBelieved = "could not be believed"

// seconds is a time as a token writes it, so long from now.
func seconds(d time.Duration) int64 { return time.Now().Add(d).Unix() }

// TestAnIDTokenThatDoesNotHoldSignsNobodyIn covers session.sso-oidc: every check of
// OpenID Connect Core 1.0 section 3.1.3.7, and what RFC 8725 adds.
func TestAnIDTokenThatDoesNotHoldSignsNobodyIn(t *testing.T) {
	for name, c := range map[string]struct {
		change func(map[string]any)
		reason string
	}{
		"the nonce is another login's":                      {func(m map[string]any) { m["nonce"] = "another" }, "nonce is not the one"},
		"the nonce is missing":                              {func(m map[string]any) { delete(m, "nonce") }, "nonce is not the one"},
		"the issuer is another one":                         {func(m map[string]any) { m["iss"] = "https://login.evil.example" }, "different provider"},
		"the issuer differs by a slash":                     {func(m map[string]any) { m["iss"] = acme + "/" }, "different provider"},
		"the audience is another client":                    {func(m map[string]any) { m["aud"] = "another" }, "expected audience"},
		"the audience is us and another":                    {func(m map[string]any) { m["aud"] = []string{"gatehouse", "another"}; m["azp"] = "gatehouse" }, "for others, too"},
		"the audience is empty":                             {func(m map[string]any) { m["aud"] = []string{} }, "expected audience"},
		"azp is another client":                             {func(m map[string]any) { m["azp"] = "another" }, `issued to \"another\"`},
		"azp is no text":                                    {func(m map[string]any) { m["azp"] = []string{"gatehouse"} }, "issued to"},
		"it has expired":                                    {func(m map[string]any) { m["exp"] = seconds(-31 * time.Second) }, "token is expired"},
		"it never expires":                                  {func(m map[string]any) { delete(m, "exp") }, "token is expired"},
		"iat is in the future":                              {func(m map[string]any) { m["iat"] = seconds(35 * time.Second) }, "of the future"},
		"iat is before the login":                           {func(m map[string]any) { m["iat"] = seconds(-35 * time.Second) }, "older than this login"},
		"iat is missing":                                    {func(m map[string]any) { delete(m, "iat") }, "older than this login"},
		"sub is missing":                                    {func(m map[string]any) { delete(m, "sub") }, "no sub"},
		"sub is empty":                                      {func(m map[string]any) { m["sub"] = "" }, "no sub"},
		"sub is longer than 255":                            {func(m map[string]any) { m["sub"] = strings.Repeat("a", 256) }, "no sub"},
		"sub has a line end":                                {func(m map[string]any) { m["sub"] = "a\nb" }, "no sub"},
		"at_hash is another access token's":                 {func(m map[string]any) { m["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }, "at_hash"},
		"at_hash is empty":                                  {func(m map[string]any) { m["at_hash"] = "" }, "at_hash"},
		"it holds a link to more claims that leads nowhere": {func(m map[string]any) { m["_claim_names"] = map[string]any{"groups": "src"} }, "source does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{})
			w.claims = c.change
			b := w.browser()
			if claims := b.signIn(); claims != nil {
				t.Errorf("a token was issued: %v", claims)
			}
			b.refused(403, notBelieved, c.reason)
			if all := w.everybody(); len(all) != 0 {
				t.Errorf("somebody was made: %+v", all)
			}
		})
	}
}

// forged is a token of a header and claims, signed by a function.
func forged(t *testing.T, header string, claims map[string]any, sign func(string) []byte) string {
	t.Helper()
	enc := base64.RawURLEncoding.EncodeToString
	input := enc([]byte(header)) + "." + enc(object(t, claims))
	return input + "." + enc(sign(input))
}

func TestAnIDTokenWhoseSignatureProvesNothingSignsNobodyIn(t *testing.T) {
	other, err := jose.GenerateSigner()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		sign   func(*testing.T, *world) func(map[string]any) string
		reason string
	}{
		"alg is none": {func(t *testing.T, w *world) func(map[string]any) string {
			return func(c map[string]any) string {
				return forged(t, `{"alg":"none","typ":"JWT"}`, c, func(string) []byte { return nil })
			}
		}, "malformed jwt"},
		"alg is HS256, by the client secret": {func(t *testing.T, w *world) func(map[string]any) string {
			return func(c map[string]any) string {
				return forged(t, `{"alg":"HS256","typ":"JWT"}`, c, func(input string) []byte {
					h := hmac.New(sha256.New, []byte(os.Getenv("CLIENT_SECRET")))
					h.Write([]byte(input))
					return h.Sum(nil)
				})
			}
		}, "malformed jwt"},
		"the key is another one under the same kid": {func(t *testing.T, w *world) func(map[string]any) string {
			return func(c map[string]any) string {
				text, err := other.Sign("JWT", object(t, c))
				if err != nil {
					t.Error(err)
				}
				parts := strings.Split(text, ".")
				header := `{"alg":"ES256","kid":"` + w.signer.KeyID() + `","typ":"JWT"}`
				return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + parts[1] + "." + parts[2]
			}
		}, "signature does not verify"},
		"the kid is unknown": {func(t *testing.T, w *world) func(map[string]any) string {
			return func(c map[string]any) string {
				text, err := other.Sign("JWT", object(t, c))
				if err != nil {
					t.Error(err)
				}
				return text
			}
		}, "unknown key"},
		"it is an access token": {func(t *testing.T, w *world) func(map[string]any) string {
			return func(c map[string]any) string {
				text, err := w.signer.Sign("at+jwt", object(t, c))
				if err != nil {
					t.Error(err)
				}
				return text
			}
		}, "typ"},
		"it is signed and changed": {func(t *testing.T, w *world) func(map[string]any) string {
			return func(c map[string]any) string {
				text, err := w.signer.Sign("JWT", object(t, c))
				if err != nil {
					t.Error(err)
				}
				parts := strings.Split(text, ".")
				c["sub"] = "somebody else"
				return parts[0] + "." + base64.RawURLEncoding.EncodeToString(object(t, c)) + "." + parts[2]
			}
		}, "signature does not verify"},
		"there is none": {func(t *testing.T, w *world) func(map[string]any) string {
			return func(map[string]any) string { return "" }
		}, "gave no id_token"},
		"it is longer than 8 KiB": {func(t *testing.T, w *world) func(map[string]any) string {
			return func(c map[string]any) string {
				c["much"] = strings.Repeat("a", 9000)
				text, err := w.signer.Sign("JWT", object(t, c))
				if err != nil {
					t.Error(err)
				}
				return text
			}
		}, "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{})
			w.sign = c.sign(t, w)
			b := w.browser()
			if claims := b.signIn(); claims != nil {
				t.Errorf("a token was issued: %v", claims)
			}
			b.refused(403, notBelieved, c.reason)
		})
	}
}

// TestTheAlgorithmIsWhatIsConfiguredAndNothingElse: the provider signs with ES256,
// its metadata and its keys say so, and RS256 is what the operator wrote.
func TestTheAlgorithmIsWhatIsConfiguredAndNothingElse(t *testing.T) {
	w := newWorld(t, options{rp: func(o *oidc.Options) { o.Algorithm = jose.RS256 }})
	b := w.browser()
	if claims := b.signIn(); claims != nil {
		t.Errorf("a token was issued: %v", claims)
	}
	b.refused(403, notBelieved, "malformed jwt")
	for _, alg := range []string{"", "none", "HS256", "RS512", "es256"} {
		_, err := oidc.New(oidc.Options{Issuer: acme, ClientID: "gatehouse", ClientSecret: secretText(t, "CLIENT_SECRET"), Algorithm: alg, RedirectURI: callback})
		if err == nil {
			t.Errorf("alg %q is taken", alg)
		}
	}
}

// TestWhatAProviderMaySaySignsPeopleIn keeps the checks from refusing what is right.
func TestWhatAProviderMaySaySignsPeopleIn(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"azp is us":                    func(m map[string]any) { m["azp"] = "gatehouse" },
		"the audience is a list":       func(m map[string]any) { m["aud"] = []string{"gatehouse"} },
		"its clock is 25 s ahead":      func(m map[string]any) { m["iat"], m["exp"] = seconds(25*time.Second), seconds(300*time.Second) },
		"its clock is 25 s behind":     func(m map[string]any) { m["iat"], m["exp"] = seconds(-25*time.Second), seconds(-5*time.Second) },
		"groups is one text":           func(m map[string]any) { m["groups"] = "eng" },
		"there are claims of any kind": func(m map[string]any) { m["x"], m["y"], m["z"] = 1, map[string]any{"a": []int{1}}, nil },
		"amr is one text":              func(m map[string]any) { m["amr"] = "pwd" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{})
			w.claims = change
			if claims := w.browser().signIn(); sorted(claims["roles"]) != "user" {
				t.Errorf("%v\n%s", claims, w.house.log)
			}
		})
	}
}
