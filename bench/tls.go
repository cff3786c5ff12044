package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// certify makes the certificate of everybody who serves over TLS: ECDSA with
// P-256, for 127.0.0.1, signed by itself.
func (s *site) certify() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making the key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, 2),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return fmt.Errorf("making the certificate: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("making the key: %w", err)
	}
	if s.certificate, err = x509.ParseCertificate(cert); err != nil {
		return fmt.Errorf("making the certificate: %w", err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(filepath.Join(s.dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// client returns who asks a row once: over TLS 1.3 with the site's certificate
// where the row has TLS, and over HTTP/2 where it is loaded by h2load.
func (s *site) client(r *row) *http.Client {
	if !r.tls() {
		return http.DefaultClient
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.certificate)
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}, ForceAttemptHTTP2: r.tool == http2, DisableKeepAlives: true,
	}}
}

// spoken returns an error unless the answer came over what the row is about.
func (r *row) spoken(resp *http.Response) error {
	major := 1
	if r.tool == http2 {
		major = 2
	}
	if resp.ProtoMajor != major {
		return fmt.Errorf("%s: the answer came over %s", r.name, resp.Proto)
	}
	if suite := uint16(tls.TLS_AES_128_GCM_SHA256); r.tls() && resp.TLS.CipherSuite != suite {
		return fmt.Errorf("%s: the cipher suite is %s, and %s for the others", r.name, tls.CipherSuiteName(resp.TLS.CipherSuite), tls.CipherSuiteName(suite))
	}
	return nil
}
