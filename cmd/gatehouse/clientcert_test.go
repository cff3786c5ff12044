package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
)

const boundConfig = `environment: development
listen: {address: "%s", tls: {cert: demo.crt, key: demo.key, client_certificates: request}}
admin: {address: "%s"}
apis:
  orders:
    openapi: orders.openapi.yaml
    upstream: %s
    audience: https://api.example.com/orders
    issuer: %s
    roles: {clerk: [listOrders]}
    no_object: {listOrders: {because: "every caller sees the same list", owner: ops@example.com, until: %s}}
    controls: {identity: {certificate: true, client: forwarded}}
`

// clientCertificate makes one that nobody vouches for.
func clientCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// startBound starts a gateway that asks for certificates, with more paths in its
// description and more of its API's block.
func startBound(t *testing.T, upstream, paths, block string) (issuer *devissuer.Issuer, address string, roots *x509.CertPool) {
	t.Helper()
	dir := t.TempDir()
	issuer, stop, err := devissuer.Start("https://api.example.com/orders")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	address = casetest.FreeAddress(t)
	for name, text := range map[string]string{
		"gatehouse.yaml":      fmt.Sprintf(boundConfig, address, casetest.FreeAddress(t), upstream, issuer.URL, time.Now().AddDate(0, 6, 0).Format(time.DateOnly)) + block,
		"orders.openapi.yaml": fmt.Sprintf(selfOrders, address) + paths,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := developmentCert(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	f, err := load(filepath.Join(dir, "gatehouse.yaml"), config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := startGateway(f, gatewayOptions{Log: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = g.Close(ctx)
	})
	return issuer, address, cert.pool
}

// boundTo mints a clerk's token that is good with one certificate only.
func boundTo(issuer *devissuer.Issuer, c tls.Certificate) string {
	thumb := sha256.Sum256(c.Certificate[0])
	return issuer.Mint(devissuer.Claims{Roles: []string{"clerk"}, Set: map[string]string{"cnf": fmt.Sprintf(`{"x5t#S256":%q}`, base64.RawURLEncoding.EncodeToString(thumb[:]))}})
}

// tls.mtls: one route takes callers with a client certificate only, the other one
// whoever has a token.
func TestARouteDemandsAClientCertificate(t *testing.T) {
	reached := 0
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached++
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `["1"]`)
	}))
	defer upstream.Close()
	issuer, address, roots := startBound(t, upstream.URL,
		"  /v1/payments:\n    get: {operationId: listPayments, responses: {\"200\": {description: ok, content: {application/json: {schema: {type: array, items: {type: string}}}}}}}\n",
		"    endpoints: {listPayments: {assurance: {sender_constrained: mtls}, role: {roles: {clerk: [listPayments]}}}}\n")
	mine, other := clientCertificate(t), clientCertificate(t)
	bound, free := boundTo(issuer, mine), issuer.Mint(devissuer.Claims{Roles: []string{"clerk"}})
	for _, c := range []struct {
		what, path, token string
		certs             []tls.Certificate
		status            int
	}{
		{"a certificate and its token", "/v1/payments", bound, []tls.Certificate{mine}, 200},
		{"the token alone", "/v1/payments", bound, nil, 401},
		{"another's certificate", "/v1/payments", bound, []tls.Certificate{other}, 401},
		{"a token of nobody's in particular", "/v1/payments", free, nil, 401},
		{"the same with a certificate", "/v1/payments", free, []tls.Certificate{mine}, 401},
		{"another route", "/v1/orders", free, nil, 200},
		{"another route with a certificate", "/v1/orders", bound, []tls.Certificate{mine}, 200},
	} {
		tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: c.certs}, DisableKeepAlives: true}
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Authorization", "Bearer "+c.token)
		before := reached
		r, err := tr.RoundTrip(q)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		if r.StatusCode != c.status || reached-before != map[int]int{200: 1}[c.status] {
			t.Errorf("%s: %d, %d requests reached the upstream; want %d", c.what, r.StatusCode, reached-before, c.status)
		}
	}
}

// jwt.dpop-mtls: a token that is bound to a certificate (RFC 8705) is taken on
// connections of that certificate only, new and resumed ones, over both versions;
// the upstream is told of the certificate and believes no client.
func TestATokenBoundToACertificateNeedsItsConnection(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Saw", strings.Join(r.Header["Client-Cert"], "|")+" "+strings.Join(r.Header["Forwarded"], "|")+" "+r.Header.Get("Client-Cert-Chain"))
		_, _ = io.WriteString(w, `["1"]`)
	}))
	defer upstream.Close()
	issuer, address, roots := startBound(t, upstream.URL, "", "")
	mine, other := clientCertificate(t), clientCertificate(t)
	bound := boundTo(issuer, mine)
	free := issuer.Mint(devissuer.Claims{Roles: []string{"clerk"}})
	field := ":" + base64.StdEncoding.EncodeToString(mine.Certificate[0]) + ":"
	forwarded := fmt.Sprintf(`for=127.0.0.1;host="%s";proto=https`, address)
	for _, h2 := range []bool{false, true} {
		sessions := tls.NewLRUClientSessionCache(8)
		ask := func(token string, certs ...tls.Certificate) (int, string, bool) {
			tr := &http.Transport{ForceAttemptHTTP2: h2, DisableKeepAlives: !h2, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certs, ClientSessionCache: sessions}}
			defer tr.CloseIdleConnections()
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/v1/orders", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Client-Cert", ":AAAA:")
			r.Header.Set("Client-Cert-Chain", ":AAAA:")
			r.Header.Set("X-Forwarded-For", "192.0.2.1")
			r.Header.Set("Forwarded", "for=192.0.2.1")
			res, err := tr.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			b, _ := io.ReadAll(res.Body)
			if (res.ProtoMajor == 2) != h2 {
				t.Fatalf("spoke %s", res.Proto)
			}
			if res.StatusCode != 200 {
				return res.StatusCode, string(b), res.TLS.DidResume
			}
			return res.StatusCode, res.Header.Get("X-Saw"), res.TLS.DidResume
		}
		for i := range 2 {
			status, saw, resumed := ask(bound, mine)
			if status != 200 || saw != field+" "+forwarded || resumed != (i > 0) {
				t.Errorf("h2 %v, connection %d: %d, resumed %v, upstream saw %q", h2, i+1, status, resumed, saw)
			}
		}
		sessions = tls.NewLRUClientSessionCache(8)
		if status, body, _ := ask(bound); status != 401 || !strings.Contains(body, "jwt.cnf") {
			t.Errorf("h2 %v, without a certificate: %d %s", h2, status, body)
		}
		sessions = tls.NewLRUClientSessionCache(8)
		if status, body, _ := ask(bound, other); status != 401 || !strings.Contains(body, "jwt.cnf") {
			t.Errorf("h2 %v, with another certificate: %d %s", h2, status, body)
		}
		sessions = tls.NewLRUClientSessionCache(8)
		if status, saw, _ := ask(free); status != 200 || saw != forwarded {
			t.Errorf("h2 %v, a bearer token without a certificate: %d %q", h2, status, saw)
		}
	}
}

// jwt.dpop-mtls: what binds our own server's tokens to certificates reaches it, and
// it alone unless an operator says so.
func TestOurServerIsToldTheCertificateAndTheAddress(t *testing.T) {
	h := startSelfWith(t, nil, ", controls: {identity: {header: x-gatehouse-identity}}")
	told := map[string]int{}
	for _, e := range endpointsOf(h.g.gate.Policy()) {
		for _, f := range e.Plan.Facts {
			if strings.Contains(f.Says, "in Client-Cert;") || strings.Contains(f.Says, "address in Forwarded,") {
				told[e.API]++
			}
		}
	}
	if told["idp"] == 0 || told["idp"]%2 != 0 || len(told) != 1 {
		t.Errorf("told are %v", told)
	}
}

// jwt.dpop-mtls: a client proves itself to our own server by the certificate of its
// connection, and its token is good on connections of that certificate only.
func TestAClientIsProvenByItsConnection(t *testing.T) {
	h := startSelf(t, nil)
	mine, other := clientCertificate(t), clientCertificate(t)
	file := filepath.Join(h.dir, "plant.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: mine.Certificate[0]}), 0o600); err != nil {
		t.Fatal(err)
	}
	h.add("plant", "--grant", "client_credentials", "--scope", "orders:read", "--role", "robot", "--certificate", file)
	pool := h.client.Transport.(*http.Transport).TLSClientConfig.RootCAs
	over := func(certs ...tls.Certificate) *http.Client {
		tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: certs}}
		t.Cleanup(tr.CloseIdleConnections)
		return &http.Client{Transport: tr, Timeout: 10 * time.Second}
	}
	ask := func(c *http.Client, field string) (int, string) {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"plant"}, "scope": {"orders:read"}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/token", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if field != "" {
			r.Header.Set("Client-Cert", field)
		}
		res, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var body struct {
			Token string `json:"access_token"`
		}
		_ = json.NewDecoder(res.Body).Decode(&body)
		return res.StatusCode, body.Token
	}
	forged := ":" + base64.StdEncoding.EncodeToString(mine.Certificate[0]) + ":"
	for name, c := range map[string]*http.Client{"none": over(), "another": over(other)} {
		if status, token := ask(c, forged); status != 401 || token != "" {
			t.Errorf("certificate %s, and a field of its own: %d", name, status)
		}
	}
	status, token := ask(over(mine), "")
	if status != 200 {
		t.Fatalf("its certificate: %d", status)
	}
	for name, c := range map[string]struct {
		client *http.Client
		want   int
	}{"its connection": {over(mine), 200}, "another certificate": {over(other), 401}, "no certificate": {over(), 401}} {
		h.client = c.client
		if status, body := h.orders(token); status != c.want {
			t.Errorf("the token over %s: %d %s", name, status, body)
		}
	}
}
