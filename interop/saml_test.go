package interop

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"html"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-api/gatehouse/idp/saml"
	"github.com/gatehouse-api/gatehouse/internal/tab"
)

// makeSigner writes an RSA key and its certificate.
func makeSigner(t *testing.T, keyFile, certFile string) *x509.Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "gatehouse interop"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*pem.Block{keyFile: {Type: "PRIVATE KEY", Bytes: private}, certFile: {Type: "CERTIFICATE", Bytes: der}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// samlPeople is a connection to an identity provider, and what is mapped from it.
const samlPeople = `, sso: {acme: {title: Acme Inc, tenant: t1, domains: [acme.example], provision: true, roles: {claim: groups, map: {clerks: [clerk]}}, saml: {%s}}}`

// application is the client that the person signs in for.
type application struct {
	*gateway
	config   oauth2.Config
	verifier string
	browser  *tab.Tab
}

func (g *gateway) application() *application {
	g.Helper()
	secret := g.addClient("shop", "--scope", "openid", "--scope", "orders:read", "--grant", "authorization_code", "--redirect", callback, "--post-logout-redirect", goodbye)
	return &application{
		gateway: g, verifier: oauth2.GenerateVerifier(), browser: g.browser(),
		config: oauth2.Config{
			ClientID: "shop", ClientSecret: secret, RedirectURL: callback, Scopes: []string{"openid", "orders:read"},
			Endpoint: oauth2.Endpoint{AuthURL: g.url + "/authorize", TokenURL: g.url + "/token", AuthStyle: oauth2.AuthStyleInHeader},
		},
	}
}

var away = regexp.MustCompile(`<a href="([^"]+)">Go on</a>`)

// leave begins an authorization in a new browser, writes the address that leads to
// the organisation, and returns where its identity provider is asked.
func (a *application) leave(address string, more ...oauth2.AuthCodeOption) string {
	a.Helper()
	a.browser = a.gateway.browser()
	request := a.config.AuthCodeURL("state", append(more, oauth2.S256ChallengeOption(a.verifier), oauth2.SetAuthURLParam("resource", audience))...)
	if _, err := a.browser.Open(a.Context(), request); err != nil {
		a.Fatal(err)
	}
	if _, err := a.browser.Send(a.Context(), url.Values{"name": {address}, "step": {"sso"}}); err != nil {
		a.Fatal(err)
	}
	m := away.FindStringSubmatch(a.browser.Body)
	if m == nil {
		a.Fatalf("nothing leads away (status %d):\n%s", a.browser.Status, a.browser.Body)
	}
	return html.UnescapeString(m[1])
}

// arrive posts what the identity provider's page has the browser post, allows what is
// asked, and returns the code, or "" where the person is not let in.
func (a *application) arrive(fields url.Values) (code string) {
	a.Helper()
	where, err := a.browser.Bring(a.Context(), a.url+"/account/sso/acme/callback", fields, "https://idp.acme.example")
	if err == nil && where == nil && strings.Contains(a.browser.Body, `name="decision"`) {
		where, err = a.browser.Send(a.Context(), url.Values{"decision": {"allow"}})
	}
	if err != nil {
		a.Fatal(err)
	}
	if where == nil {
		return ""
	}
	return where.Query().Get("code")
}

// use exchanges a code and calls the API with the token.
func (a *application) use(code string) *oauth2.Token {
	a.Helper()
	token := a.exchange(code)
	if status := a.call(token); status != http.StatusOK {
		a.Fatalf("the API answers %d to a person whom their organisation made a clerk", status)
	}
	return token
}

func (a *application) exchange(code string) *oauth2.Token {
	a.Helper()
	token, err := a.config.Exchange(context.WithValue(a.Context(), oauth2.HTTPClient, a.client), code, oauth2.VerifierOption(a.verifier))
	if err != nil {
		a.Fatal(err)
	}
	return token
}

// call calls the API and returns the status of its answer.
func (a *application) call(token *oauth2.Token) int {
	a.Helper()
	res, err := a.config.Client(context.WithValue(a.Context(), oauth2.HTTPClient, a.client), token).Get(a.api)
	if err != nil {
		a.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

// TestSamlifySignsPeopleIn has an identity provider in Node.js sign somebody in:
// session.sso-saml.
func TestSamlifySignsPeopleIn(t *testing.T) {
	needsNode(t)
	dir := t.TempDir()
	given := map[string]string{"idp": "https://idp.acme.example/metadata", "sso": "https://idp.acme.example/sso"}
	for _, name := range []string{"", "other_"} {
		given[name+"key"], given[name+"cert"] = filepath.Join(dir, name+"idp.key"), filepath.Join(dir, name+"idp.crt")
		makeSigner(t, given[name+"key"], given[name+"cert"])
	}
	makeSigner(t, filepath.Join(dir, "saml.key"), filepath.Join(dir, "saml.crt"))
	provider := `provider: {entity_id: "` + given["idp"] + `", sso_url: "` + given["sso"] + `", certificates: [` + given["cert"] + `]}, attributes: {email: email}`
	for _, c := range []struct{ name, flow, signed, keys string }{
		{"shapes", "shapes", "false", provider},
		{"signed", "shapes", "true", provider + ", key: file:" + dir + "/saml.key, certificate: " + dir + "/saml.crt"},
		{"refusals", "refusals", "false", provider},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := start(t, settings{people: fmt.Sprintf(samlPeople, c.keys)})
			a := g.application()
			given := maps.Clone(given)
			given["flow"], given["signed"], given["metadata"] = c.flow, c.signed, g.url+"/account/sso/acme/metadata"
			g.play("samlify.mjs", given, answers{
				"leave": func(address string) string { return a.leave(address) },
				"return": func(text string) string {
					var back struct{ Response, RelayState string }
					if err := json.Unmarshal([]byte(text), &back); err != nil {
						t.Fatal(err)
					}
					code := a.arrive(url.Values{"SAMLResponse": {back.Response}, "RelayState": {back.RelayState}})
					if code != "" {
						return `{"code": "` + code + `"}`
					}
					return fmt.Sprintf(`{"status": %d}`, a.browser.Status)
				},
				"token": func(code string) string { a.use(code); return "used" },
				"metadata": func(text string) string {
					b, err := base64.StdEncoding.DecodeString(text)
					if err == nil {
						_, err = saml.ParseMetadata(b)
					}
					if err != nil {
						t.Fatal(err)
					}
					return "read"
				},
			})
		})
	}
}

// TestSimpleSAMLphpSignsPeopleIn has the identity provider of many universities sign
// somebody in: session.sso-saml.
func TestSimpleSAMLphpSignsPeopleIn(t *testing.T) {
	p := startPHP(t)
	dir := t.TempDir()
	signs := makeSigner(t, filepath.Join(dir, "saml.key"), filepath.Join(dir, "saml.crt"))
	keys := "metadata: acme.metadata.xml, attributes: {email: email}, key: file:" + dir + "/saml.key, certificate: " + dir + "/saml.crt"
	g := start(t, settings{people: fmt.Sprintf(samlPeople, keys), files: map[string]string{"acme.metadata.xml": p.metadata()}})
	a := g.application()
	for _, signed := range []bool{false, true} {
		p.write("metadata/saml20-sp-remote.php", fmt.Sprintf(phpRemote, g.url+"/account/sso/acme/metadata", g.url+"/account/sso/acme/callback", signed, base64.StdEncoding.EncodeToString(signs.Raw)))
		answer := p.signIn(a.leave("ann@acme.example"))
		code := a.arrive(answer)
		if code == "" {
			t.Fatalf("not let in (response signed: %v):\n%s", signed, a.browser.Body)
		}
		a.use(code)
		if a.arrive(answer) != "" {
			t.Fatal("the same answer let somebody in a second time")
		}
	}
	t.Log(g.run("users", "list"))
}
