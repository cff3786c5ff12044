package idp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// The cases of RFC 8705 (mutual TLS) that must be refused.

// certificate makes one that says a lot, and returns its DER.
func certificate(t *testing.T, name string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse("spiffe://example.com/" + name)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		Subject:  pkix.Name{CommonName: name, Organization: []string{"Example"}},
		DNSNames: []string{name + ".example.com"}, EmailAddresses: []string{name + "@example.com"},
		URIs: []*url.URL{u}, IPAddresses: []net.IP{net.ParseIP("192.0.2.1")},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// onConnectionOf is a connection with a certificate, as the gateway tells of it.
func onConnectionOf(der []byte) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Add(fieldCertificate, ":"+base64.StdEncoding.EncodeToString(der)+":")
	}
}

func thumbprintOf(der []byte) string {
	sum := sha256.Sum256(der)
	return kindThumbprint + ":" + hex.EncodeToString(sum[:])
}

func asking8705(of Certificates) func(*Options) {
	return func(o *Options) { o.Certificates = of }
}

func (h *house) certified(id string, entries ...string) {
	h.Helper()
	h.client(store.Client{ID: id, Grants: []string{grantCredential, grantCode, grantRefresh}, RedirectURIs: []string{callback}, Scopes: []string{"openid", "orders:read"}, Certificates: entries})
}

func credentialsForm() url.Values {
	return url.Values{"grant_type": {grantCredential}, "scope": {"orders:read"}}
}

func TestACertificateProvesAClientAndBindsItsTokens(t *testing.T) {
	h := newHouse(t, asking8705(VouchedCertificates))
	der := certificate(t, "bank")
	for id, entry := range map[string]string{
		"thumb": thumbprintOf(der), "dn": "subject:CN=bank,O=Example", "dns": "dns:bank.example.com", "uri": "uri:spiffe://example.com/bank", "ip": "ip:192.0.2.1", "email": "email:bank@example.com",
	} {
		h.certified(id, entry)
		r := h.post("/token", id, credentialsForm(), onConnectionOf(der))
		h.want(r, 200, "")
		_, claims := h.parts(r.text("access_token"))
		sum := sha256.Sum256(der)
		cnf, _ := claims["cnf"].(map[string]any)
		if cnf["x5t#S256"] != base64URL(sum[:]) || r.text("token_type") != "Bearer" {
			t.Errorf("%s: %v %s", id, claims, r.body)
		}
	}
}

func TestCertificatesThatProveNothingAreRefused(t *testing.T) {
	mine, other := certificate(t, "bank"), certificate(t, "eve")
	for name, c := range map[string]struct {
		of    Certificates
		entry string
		shown []func(*http.Request)
	}{
		"none":                                 {VouchedCertificates, thumbprintOf(mine), nil},
		"another":                              {VouchedCertificates, thumbprintOf(mine), []func(*http.Request){onConnectionOf(other)}},
		"another name":                         {VouchedCertificates, "dns:bank.example.com", []func(*http.Request){onConnectionOf(other)}},
		"another subject":                      {VouchedCertificates, "subject:CN=bank,O=Example", []func(*http.Request){onConnectionOf(other)}},
		"a part of the subject":                {VouchedCertificates, "subject:CN=bank", []func(*http.Request){onConnectionOf(mine)}},
		"a name that nobody vouches for":       {ShownCertificates, "dns:bank.example.com", []func(*http.Request){onConnectionOf(mine)}},
		"a subject that nobody vouches for":    {ShownCertificates, "subject:CN=bank,O=Example", []func(*http.Request){onConnectionOf(mine)}},
		"where the gateway asks for none":      {NoCertificates, thumbprintOf(mine), []func(*http.Request){onConnectionOf(mine)}},
		"with a secret beside it":              {VouchedCertificates, thumbprintOf(mine), []func(*http.Request){onConnectionOf(mine), func(r *http.Request) { r.SetBasicAuth("bank", "x") }}},
		"an address in place of a domain name": {VouchedCertificates, "dns:192.0.2.1", []func(*http.Request){onConnectionOf(mine)}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, asking8705(c.of))
			h.certified("bank", c.entry)
			r := h.post("/token", "bank", credentialsForm(), c.shown...)
			if r.status != 401 || r.text("error") != "invalid_client" {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	h := newHouse(t, asking8705(VouchedCertificates))
	h.certified("bank", thumbprintOf(mine))
	if r := h.post("/token", "bank", credentialsForm(), onConnectionOf(mine), onConnectionOf(mine)); r.status != 500 {
		t.Errorf("two fields, which no gateway writes: %d %s", r.status, r.body)
	}
	if r := h.post("/token", "bank", credentialsForm(), func(r *http.Request) { r.Header.Set(fieldCertificate, "AAAA") }); r.status != 500 {
		t.Errorf("a field that no gateway writes: %d %s", r.status, r.body)
	}
	h.want(h.post("/token", "job", credentialsForm(), onConnectionOf(mine)), 200, "") // a client with a secret may have a certificate
}

func TestACertificateThatHasEndedProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, asking8705(ShownCertificates))
		der := certificate(t, "bank")
		h.certified("bank", thumbprintOf(der))
		h.want(h.post("/token", "bank", credentialsForm(), onConnectionOf(der)), 200, "")
		time.Sleep(2 * time.Hour)
		h.want(h.post("/token", "bank", credentialsForm(), onConnectionOf(der)), 401, "invalid_client")
		_ = h.store.Close()
	})
}

// fapi2spfinal/EnsureHolderOfKeyRequired
func TestABoundClientGetsNoTokenWithoutItsCertificate(t *testing.T) {
	for _, of := range []Certificates{NoCertificates, ShownCertificates} {
		h := newHouse(t, asking8705(of))
		h.client(store.Client{ID: "bound", Public: true, CertificateBound: true, Grants: []string{grantCode, grantRefresh}, RedirectURIs: []string{callback}, Scopes: []string{"openid", "orders:read"}})
		h.client(store.Client{ID: "bound-job", CertificateBound: true, Grants: []string{grantCredential}, Scopes: []string{"orders:read"}})
		h.want(h.post("/token", "bound", redeeming(h.code(asking("client_id", "bound")))), 400, "invalid_request")
		h.want(h.post("/token", "bound-job", credentialsForm()), 400, "invalid_request")
	}
}

func TestARefreshTokenIsBoundToTheCertificate(t *testing.T) {
	h := newHouse(t, asking8705(ShownCertificates))
	mine, other := certificate(t, "bank"), certificate(t, "eve")
	h.client(store.Client{ID: "bound", Public: true, CertificateBound: true, Grants: []string{grantCode, grantRefresh}, RedirectURIs: []string{callback}, Scopes: []string{"openid", "orders:read"}})
	r := h.post("/token", "bound", redeeming(h.code(asking("client_id", "bound"))), onConnectionOf(mine))
	h.want(r, 200, "")
	again := url.Values{"grant_type": {grantRefresh}, "refresh_token": {r.text("refresh_token")}}
	for name, shown := range map[string][]func(*http.Request){"none": nil, "another": {onConnectionOf(other)}} {
		if got := h.post("/token", "bound", again, shown...); got.status < 400 || got.status > 401 || got.text("access_token") != "" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	h.want(h.post("/token", "bound", again, onConnectionOf(mine)), 200, "")
}

func TestABoundTokenOpensUserinfoOverItsConnectionOnly(t *testing.T) {
	h := newHouse(t, asking8705(ShownCertificates))
	mine, other := certificate(t, "bank"), certificate(t, "eve")
	h.client(store.Client{ID: "bound", Public: true, CertificateBound: true, Grants: []string{grantCode}, RedirectURIs: []string{callback}, Scopes: []string{"openid"}})
	token := h.post("/token", "bound", redeeming(h.code(asking("client_id", "bound", "scope", "openid"))), onConnectionOf(mine)).text("access_token")
	ask := func(change ...func(*http.Request)) *reply {
		r := h.request("/userinfo", "")
		r.Header.Set("Authorization", "Bearer "+token)
		for _, f := range change {
			f(r)
		}
		return h.do(h.browser, r)
	}
	h.want(ask(), 401, "invalid_token")
	h.want(ask(onConnectionOf(other)), 401, "invalid_token")
	h.want(ask(onConnectionOf(mine)), 200, "")
}

func TestTheCertificateOfABrowserBindsNothing(t *testing.T) {
	h := newHouse(t, asking8705(ShownCertificates))
	r := h.post("/token", "app", redeeming(h.code(asking())), onConnectionOf(certificate(t, "alice")))
	h.want(r, 200, "")
	if _, claims := h.parts(r.text("access_token")); claims["cnf"] != nil {
		t.Errorf("%v", claims)
	}
}

func TestTheMetadataSaysWhatCertificatesAreGoodFor(t *testing.T) {
	for of, want := range map[Certificates][]string{NoCertificates: nil, ShownCertificates: {methodSelfSigned}, VouchedCertificates: {methodSelfSigned, methodTLS}} {
		h := newHouse(t, asking8705(of))
		m := h.get(h.browser, h.url+pathOAuth)
		var got []string
		for _, method := range m.json["token_endpoint_auth_methods_supported"].([]any) {
			if method == methodTLS || method == methodSelfSigned {
				got = append(got, method.(string))
			}
		}
		bound, _ := m.json["tls_client_certificate_bound_access_tokens"].(bool)
		if len(got) != len(want) || bound != (of != NoCertificates) {
			t.Errorf("%d: %v, bound %v", of, got, bound)
		}
	}
}

func TestCertificatesThatCannotBeComparedAreNotRegistered(t *testing.T) {
	good := thumbprintOf(certificate(t, "bank"))
	for _, list := range [][]string{{"sha256:xyz"}, {"sha256:AB"}, {"dns:"}, {"bank"}, {""}, {"ip:192.0.2"}, {"ip:0:0::1"}, {"cn:bank"}, {good, good, good}} {
		c := store.Client{ID: "c", Grants: []string{grantCredential}, Certificates: list, Made: time.Now()}
		if CheckClient(&c) == nil {
			t.Errorf("%q is registered", list)
		}
	}
	c := store.Client{ID: "c", Certificates: []string{good}}
	if ReplaceCertificates(&c, nil) == nil || ReplaceCertificates(&store.Client{ID: "c"}, []string{good}) == nil {
		t.Error("a client was left without a proof, or was given another kind of it")
	}
	if _, err := RotateSecret(&c, time.Now(), Overlap); err == nil {
		t.Error("a client with a certificate was given a secret")
	}
}
