package main

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// samlIdP is an identity provider that writes XML as text, in the one form in which
// it is signed: it shares no code with what reads it.
type samlIdP struct {
	*testing.T
	key     *rsa.PrivateKey
	cert    string // file
	binding string
	server  *httptest.Server
	url     string // of another site than 127.0.0.1 is
}

func startSAML(t *testing.T) *samlIdP {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	pemFiles(t, dir, "idp", key, key.Public())
	p := &samlIdP{T: t, key: key, cert: filepath.Join(dir, "idp.crt"), binding: "redirect"}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Referrer-Policy", "no-referrer") // then the form's Origin is null
		query := r.URL.Query()
		if r.Method == http.MethodPost {
			query = must(url.ParseQuery(string(must(io.ReadAll(r.Body)))))
		}
		acs, fields := p.answer(query, "u-1", "ann@acme.example", "clerks")
		fmt.Fprintf(w, `<!DOCTYPE html><title>idp</title><form method="post" action="%s">`, html.EscapeString(acs))
		for name, v := range fields {
			fmt.Fprintf(w, `<input type="hidden" name="%s" value="%s">`, name, html.EscapeString(v[0]))
		}
		_, _ = io.WriteString(w, `</form><script>document.forms[0].submit()</script>`)
	}))
	t.Cleanup(p.server.Close)
	p.url = strings.Replace(p.server.URL, "127.0.0.1", "localhost", 1)
	return p
}

// keys is the block idp for a gateway whose people sign in there.
func (p *samlIdP) keys(more ...string) string {
	return fmt.Sprintf(`, people: {sso: {acme: {title: Acme Inc, tenant: acme, domains: [acme.example], `+strings.Join(append(more, "roles: {claim: groups, map: {clerks: [clerk]}}, "), "")+
		`saml: {provider: {entity_id: "urn:acme", sso_url: "%s/sso", binding: `+p.binding+`, certificates: [%s]}, attributes: {email: email}}}}}, `+
		`controls: {ratelimit: {ip: 60000/min, endpoint: 60000/min, burst: 1000, waiver: {because: "all tests call from one address", owner: ops@example.com, until: %s}}}`,
		p.url, p.cert, time.Now().AddDate(0, 6, 0).Format(time.DateOnly))
}

// provisioned makes people who come for the first time.
const provisioned = "provision: true, "

var inRequest = regexp.MustCompile(`(ID|AssertionConsumerServiceURL)="([^"]*)"|<saml:Issuer[^>]*>([^<]*)<`)

// answer signs somebody in who comes with a request, and returns where the browser
// posts what.
func (p *samlIdP) answer(query url.Values, subject, email, group string) (acs string, fields url.Values) {
	p.Helper()
	packed, err := base64.StdEncoding.DecodeString(query.Get("SAMLRequest"))
	if err != nil {
		p.Fatal(err)
	}
	request := packed
	if packed[0] != '<' { // HTTP-Redirect packs it, HTTP-POST does not
		if request, err = io.ReadAll(flate.NewReader(bytes.NewReader(packed))); err != nil {
			p.Fatal(err)
		}
	}
	var id, audience string
	for _, m := range inRequest.FindAllStringSubmatch(string(request), -1) {
		switch m[1] {
		case "ID":
			id = m[2]
		case "AssertionConsumerServiceURL":
			acs = m[2]
		default:
			audience = m[3]
		}
	}
	now := time.Now().UTC()
	at := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }
	head := fmt.Sprintf(`<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_%s" IssueInstant="%s" Version="2.0"><saml:Issuer>urn:acme</saml:Issuer>`, rand.Text(), at(0))
	tail := fmt.Sprintf(`<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">%s</saml:NameID>`+
		`<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData InResponseTo="%s" NotOnOrAfter="%s" Recipient="%s"></saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>`+
		`<saml:Conditions NotBefore="%s" NotOnOrAfter="%s"><saml:AudienceRestriction><saml:Audience>%s</saml:Audience></saml:AudienceRestriction></saml:Conditions>`+
		`<saml:AuthnStatement AuthnInstant="%s"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>`+
		`<saml:AttributeStatement><saml:Attribute Name="email"><saml:AttributeValue>%s</saml:AttributeValue></saml:Attribute><saml:Attribute Name="groups"><saml:AttributeValue>%s</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>`,
		subject, id, at(5*time.Minute), acs, at(-time.Second), at(5*time.Minute), audience, at(-time.Second), email, group)
	response := fmt.Sprintf(`<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_%s" Version="2.0" IssueInstant="%s" Destination="%s" InResponseTo="%s"><saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">urn:acme</saml:Issuer>`+
		`<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>%s</samlp:Response>`, rand.Text(), at(0), acs, id, head+p.sign(head, tail)+tail)
	return acs, url.Values{"SAMLResponse": {base64.StdEncoding.EncodeToString([]byte(response))}, "RelayState": {query.Get("RelayState")}}
}

// sign is the signature of an assertion that is canonical as it is written.
func (p *samlIdP) sign(head, tail string) string {
	p.Helper()
	id := regexp.MustCompile(` ID="([^"]*)"`).FindStringSubmatch(head)[1]
	digest := sha256.Sum256([]byte(head + tail))
	info := `<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod>` +
		`<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></ds:SignatureMethod><ds:Reference URI="#` + id + `"><ds:Transforms>` +
		`<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform></ds:Transforms>` +
		`<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod><ds:DigestValue>` + base64.StdEncoding.EncodeToString(digest[:]) + `</ds:DigestValue></ds:Reference></ds:SignedInfo>`
	sum := sha256.Sum256([]byte(info))
	value, err := rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, sum[:])
	if err != nil {
		p.Fatal(err)
	}
	return `<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">` + info + `<ds:SignatureValue>` + base64.StdEncoding.EncodeToString(value) + `</ds:SignatureValue></ds:Signature>`
}

var goOn = regexp.MustCompile(`<a href="([^"]+)">Go on</a>`)

// leave has a browser ask for its organisation, and returns the request.
func (b *tab) leave(address string) url.Values {
	b.h.Helper()
	b.get(b.h.url + "/account/sign-in")
	b.send("name", address, "step", "sso")
	m := goOn.FindStringSubmatch(b.body)
	if m == nil {
		b.h.Fatalf("nothing leads away: %d %s", b.status, b.body)
	}
	return must(url.Parse(html.UnescapeString(m[1]))).Query()
}

// bring posts what a page of another site has the browser post.
func (b *tab) bring(where string, fields url.Values) *url.URL {
	b.h.Helper()
	r, err := http.NewRequest(http.MethodPost, where, strings.NewReader(fields.Encode()))
	if err != nil {
		b.h.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "null")
	return b.open(r)
}

func TestAPersonSignsInAtASAMLIdentityProvider(t *testing.T) { // session.sso-saml
	p := startSAML(t)
	h := startSelfWith(t, nil, p.keys(provisioned))
	b := h.tab()
	acs, answer := p.answer(b.leave("ann@acme.example"), "u-1", "ann@acme.example", "clerks")
	if acs != h.url+"/account/sso/acme/callback" {
		t.Fatalf("answers go to %s", acs)
	}

	stranger := h.tab()
	if stranger.bring(acs, answer); stranger.status != 400 || !strings.Contains(stranger.body, "begun in another browser") {
		t.Fatalf("another browser: %d %s", stranger.status, stranger.body)
	}
	// That used the journey up: whoever has seen an answer ends it, and no more.
	if b.bring(acs, answer); b.status != 400 {
		t.Fatalf("after another browser's try: %d", b.status)
	}

	acs, answer = p.answer(b.leave("ann@acme.example"), "u-1", "ann@acme.example", "clerks")
	if b.bring(acs, answer); b.status != 200 || !strings.Contains(b.body, "You are signed in as <strong>ann@acme.example</strong>") {
		t.Fatalf("%d %s", b.status, b.body)
	}
	if again := h.tab(); again.bring(acs, answer) != nil || again.status != 400 {
		t.Fatalf("used again: %d", again.status)
	}
	users, _ := h.do(0, "users", "list")
	if !strings.Contains(users, "ann@acme.example") || !strings.Contains(users, "acme") || !strings.Contains(users, "clerk") {
		t.Fatalf("%s", users)
	}
	identities, _ := h.do(0, "users", "identities", "ann@acme.example")
	if !strings.Contains(identities, "urn:acme") || !strings.Contains(identities, "u-1") {
		t.Fatalf("%s", identities)
	}
}

func TestWhatIsPostedAsAnAnswerIsRefusedBehindTheGateway(t *testing.T) { // session.sso-saml
	p := startSAML(t)
	h := startSelfWith(t, nil, p.keys(provisioned))
	acs := h.url + "/account/sso/acme/callback"
	change := func(f func(text string) string) func(*tab) url.Values {
		return func(b *tab) url.Values {
			_, fields := p.answer(b.leave("ann@acme.example"), "u-1", "ann@acme.example", "clerks")
			text := must(base64.StdEncoding.DecodeString(fields.Get("SAMLResponse")))
			fields.Set("SAMLResponse", base64.StdEncoding.EncodeToString([]byte(f(string(text)))))
			return fields
		}
	}
	for name, c := range map[string]struct {
		fields func(*tab) url.Values
		status int
		says   string // in the log, or the answer
	}{
		"another name":     {change(func(s string) string { return strings.Replace(s, ">u-1<", ">u-2<", 1) }), 403, "refused (signature)"},
		"another audience": {change(func(s string) string { return strings.ReplaceAll(s, "/metadata<", "/other<") }), 403, "refused (signature)"},
		"a document type":  {change(func(s string) string { return `<!DOCTYPE x SYSTEM "http://169.254.169.254/">` + s }), 403, "refused (markup)"},
		"a comment":        {change(func(s string) string { return strings.Replace(s, ">u-1<", ">u<!---->-1<", 1) }), 403, "refused (markup)"},
		"no signature": {change(func(s string) string {
			return regexp.MustCompile(`<ds:Signature.*</ds:Signature>`).ReplaceAllString(s, "")
		}), 403, "refused (unsigned)"},
		"300 kB":           {change(func(s string) string { return s + strings.Repeat(" ", 300<<10) }), 400, "schema.body"},
		"a logout request": {change(func(string) string { return `<LogoutRequest xmlns="urn:oasis:names:tc:SAML:2.0:protocol"/>` }), 403, "refused (logout)"},
		"no handle": {func(b *tab) url.Values {
			f := change(func(s string) string { return s })(b)
			f.Del("RelayState")
			return f
		}, 400, "does not say which one"},
		"an address to go to": {func(b *tab) url.Values {
			f := change(func(s string) string { return s })(b)
			f.Set("RelayState", "https://evil.example/")
			return f
		}, 400, "does not say which one"},
		"two answers": {func(b *tab) url.Values {
			f := change(func(s string) string { return s })(b)
			f.Add("SAMLResponse", f.Get("SAMLResponse"))
			return f
		}, 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := h.tab()
			fields := c.fields(b)
			if away := b.bring(acs, fields); away != nil || b.status != c.status {
				t.Errorf("%d (%v), want %d: %.300s", b.status, away, c.status, b.body)
			}
			if !strings.Contains(h.log.String()+b.body, c.says) {
				t.Errorf("nothing says %q", c.says)
			}
			if b.get(h.url + "/account/"); !strings.HasSuffix(b.at.Path, "/sign-in") {
				t.Errorf("somebody is signed in: %s", b.body)
			}
		})
	}
	b := h.tab()
	fields := change(func(s string) string { return s })(b)
	if b.get(acs + "?" + fields.Encode()); b.status < 400 {
		t.Errorf("an answer in an address: %d", b.status) // HTTP-Redirect is not for responses (SAML Profiles section 4.1.2)
	}
}

func TestAnAnswerOfManyAttributesGetsThrough(t *testing.T) {
	p := startSAML(t)
	h := startSelfWith(t, nil, p.keys(provisioned))
	b := h.tab()
	many := "clerks</saml:AttributeValue>" + strings.Repeat("<saml:AttributeValue>"+strings.Repeat("g", 400)+"</saml:AttributeValue>", 400) + "<saml:AttributeValue>staff"
	acs, answer := p.answer(b.leave("ann@acme.example"), "u-1", "ann@acme.example", many)
	if b.bring(acs, answer); b.status != 200 || !strings.Contains(b.body, "You are signed in as") {
		t.Fatalf("%d characters: %d %.500s", len(answer.Get("SAMLResponse")), b.status, b.body)
	}
}

func TestAnOperatorSaysWhoSomebodyOfAnIdentityProviderIs(t *testing.T) {
	p := startSAML(t)
	h := startSelfWith(t, nil, p.keys())
	b := h.tab()
	acs, answer := p.answer(b.leave("bob@acme.example"), "u-7", "bob@acme.example", "clerks")
	if b.bring(acs, answer); b.status != 403 || !strings.Contains(b.body, "there is no account for you here") {
		t.Fatalf("%d %s", b.status, b.body)
	}
	h.do(0, "tenants", "add", "acme")
	h.user("bob@acme.example", "--tenant", "acme")
	h.do(0, "users", "link", "bob@acme.example", "--connection", "acme", "--subject", "u-7")
	acs, answer = p.answer(b.leave("bob@acme.example"), "u-7", "other@acme.example", "clerks")
	if b.bring(acs, answer); b.status != 200 || !strings.Contains(b.body, "You are signed in as <strong>bob@acme.example</strong>") {
		t.Fatalf("%d %s", b.status, b.body)
	}
}

func TestOurMetadataAreServed(t *testing.T) {
	p := startSAML(t)
	h := startSelfWith(t, nil, p.keys())
	b := h.tab()
	b.get(h.url + "/account/sso/acme/metadata")
	if b.status != 200 || !strings.Contains(b.body, `entityID="`+h.url+`/account/sso/acme/metadata"`) || !strings.Contains(b.body, `Location="`+h.url+`/account/sso/acme/callback"`) {
		t.Fatalf("%d %s", b.status, b.body)
	}
	if b.get(h.url + "/account/sso/nobody/metadata"); b.status != 404 {
		t.Fatalf("%d %s", b.status, b.body)
	}
}

// TestChromiumSignsInBySAML has a real browser bring an answer from another site: the
// cookie that binds it must come along, and what was begun here go on.
func TestChromiumSignsInBySAML(t *testing.T) { // session.sso-saml
	t.Run("redirect", func(t *testing.T) { chromiumSignsInBySAML(t, "redirect") })
	t.Run("post", func(t *testing.T) { chromiumSignsInBySAML(t, "post") })
}

func chromiumSignsInBySAML(t *testing.T, binding string) {
	t.Helper()
	b := startChromium(t)
	p := startSAML(t)
	p.binding = binding
	h := startSelfWith(t, nil, p.keys(provisioned))
	b.open(h.url + "/account/sign-in")
	b.write("#organisation", "ann@acme.example")
	b.click("button.second")
	if binding == "post" {
		b.want("Continue with Acme Inc")
		b.shot("saml-away")
		b.click("form button")
	}
	b.want("You are signed in as ann@acme.example") // the pages on the way go on by themselves
	b.shot("saml-back")
	for _, m := range b.complaints() {
		if !strings.Contains(m.Message, "favicon") {
			t.Errorf("the browser says: %s %s", m.Level, m.Message)
		}
	}
}
