package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// certLife is how long a development certificate holds.
const certLife = 30 * 24 * time.Hour

// certificate is a development certificate in two PEM files.
type certificate struct {
	cert, key string // paths
	pool      *x509.CertPool
}

// developmentCert returns the certificate of the folder, and makes one, signed
// by itself, when there is none or its time is nearly over. It is for this machine's
// own names and useless for any other.
func developmentCert(dir string, now time.Time) (*certificate, error) {
	c := &certificate{cert: filepath.Join(dir, "demo.crt"), key: filepath.Join(dir, "demo.key"), pool: x509.NewCertPool()}
	if text, err := os.ReadFile(c.cert); err == nil && inForce(text, now.Add(24*time.Hour)) {
		c.pool.AppendCertsFromPEM(text)
		if _, err := os.Stat(c.key); err == nil {
			return c, nil
		}
		c.pool = x509.NewCertPool()
	}
	cert, key, err := makeCert(now)
	if err != nil {
		return nil, fmt.Errorf("demo: making a certificate: %w", err)
	}
	if err := os.WriteFile(c.key, key, 0o600); err != nil {
		return nil, fmt.Errorf("demo: keeping the certificate's key: %w", err)
	}
	if err := os.WriteFile(c.cert, cert, 0o600); err != nil {
		return nil, fmt.Errorf("demo: keeping the certificate: %w", err)
	}
	c.pool.AppendCertsFromPEM(cert)
	return c, nil
}

// inForce reports whether the certificate in PEM is in force at that time.
func inForce(text []byte, at time.Time) bool {
	block, _ := pem.Decode(text)
	if block == nil {
		return false
	}
	c, err := x509.ParseCertificate(block.Bytes)
	return err == nil && at.Before(c.NotAfter) && at.After(c.NotBefore)
}

func makeCert(now time.Time) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "gatehouse demo"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certLife),
		// It is its own authority, so that curl --cacert takes it, and may sign for nobody else.
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost", keptHost}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, nil, err
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}), nil
}
