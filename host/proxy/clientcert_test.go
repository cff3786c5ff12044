package proxy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/host/proxy"
)

// authority vouches for clients.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{}
	self := a.issue(t, name, 0)
	a.key = self.PrivateKey.(*ecdsa.PrivateKey)
	a.cert, _ = x509.ParseCertificate(self.Certificate[0])
	return a
}

// issue makes a certificate for a client, signed by a or, when a is new, by itself.
func (a *authority) issue(t testing.TB, name string, padding int) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	c := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, IsCA: a.key == nil, BasicConstraintsValid: true}
	if padding > 0 {
		c.DNSNames = []string{strings.Repeat("a", padding)}
	}
	parent, signer := c, key
	if a.key != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) file(t testing.TB, path string) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// shakes reports whether a request is answered after a handshake, and whether the
// handshake resumed a session.
func shakes(t testing.TB, addr string, cfg *tls.Config) (answered, resumed bool) {
	t.Helper()
	c, err := tls.Dial("tcp", addr, cfg)
	if err != nil {
		return false, false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(c, "GET /echo HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n"); err != nil {
		return false, false
	}
	b, _ := io.ReadAll(c) // in TLS 1.3 the refusal of a certificate comes with the first read
	return strings.HasPrefix(string(b), "HTTP/1.1 200"), c.ConnectionState().DidResume
}

// jwt.dpop-mtls: who shows which certificate gets in, by what the listener asks for.
func TestClientsAreAskedForCertificates(t *testing.T) {
	good, bad := newAuthority(t, "good"), newAuthority(t, "bad")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	good.file(t, ca)
	with := func(certs ...tls.Certificate) []tls.Certificate { return certs }
	shown := map[string][]tls.Certificate{
		"none": nil, "good": with(good.issue(t, "alice", 0)), "bad": with(bad.issue(t, "alice", 0)), "self-signed": with((&authority{}).issue(t, "alice", 0)),
		"large": with(good.issue(t, "alice", 9<<10)),
	}
	for name, c := range map[string]struct {
		required bool
		ca       string
		takes    string
	}{
		"request": {false, "", "none good bad self-signed"}, "require": {true, "", "good bad self-signed"},
		"request by a ca": {false, ca, "none good"}, "require by a ca": {true, ca, "good"},
	} {
		cert, key := pair(t, t.TempDir(), "api.test")
		server, err := proxy.LoadCertificate(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		if err := server.Ask(c.required, c.ca); err != nil {
			t.Fatal(err)
		}
		d := open(t, echo(t), proxy.Config{}, server.Config())
		for who, certs := range shown {
			for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				// Shown whoever the server says that it trusts: a hostile client does not ask.
				cfg := &tls.Config{InsecureSkipVerify: true, ServerName: "api.test", MaxVersion: v, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					if certs == nil {
						return &tls.Certificate{}, nil
					}
					return &certs[0], nil
				}}
				got, _ := shakes(t, d.addr, cfg)
				if want := strings.Contains(" "+c.takes+" ", " "+who+" "); got != want {
					t.Errorf("%s, %s, %s: let in %v, want %v", name, who, tls.VersionName(v), got, want)
				}
			}
		}
	}
}

// CVE-2025-68121: a session that was begun under other authorities is judged anew.
func TestAResumedSessionIsJudgedByThePresentAuthorities(t *testing.T) {
	first, second := newAuthority(t, "first"), newAuthority(t, "second")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	first.file(t, ca)
	cert, key := pair(t, t.TempDir(), "api.test")
	server, err := proxy.LoadCertificate(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Ask(true, ca); err != nil {
		t.Fatal(err)
	}
	d := open(t, echo(t), proxy.Config{}, server.Config())
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		first.file(t, ca)
		if err := server.Reload(); err != nil {
			t.Fatal(err)
		}
		cfg := &tls.Config{InsecureSkipVerify: true, ServerName: "api.test", MaxVersion: v, Certificates: []tls.Certificate{first.issue(t, "alice", 0)},
			ClientSessionCache: tls.NewLRUClientSessionCache(4)}
		for i := range 2 {
			if ok, resumed := shakes(t, d.addr, cfg); !ok || resumed != (i > 0) {
				t.Fatalf("%s, connection %d: let in %v, resumed %v", tls.VersionName(v), i+1, ok, resumed)
			}
		}
		second.file(t, ca)
		if !server.Changed() {
			t.Error("a change of the file of authorities is not seen")
		}
		if err := server.Reload(); err != nil {
			t.Fatal(err)
		}
		if ok, _ := shakes(t, d.addr, cfg); ok {
			t.Errorf("%s: a session outlived who had vouched for it", tls.VersionName(v))
		}
	}
	if err := os.WriteFile(ca, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := server.Reload(); err == nil {
		t.Error("garbage was taken for authorities")
	}
}
