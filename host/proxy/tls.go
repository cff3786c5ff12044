package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// AEADSuites returns the TLS 1.2 cipher suites that are offered: ECDHE with an
// AEAD, nothing else (RFC 9325 section 4.2). TLS 1.3 has no others.
func AEADSuites() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}

// Certificate is a certificate in two files that may change while the program
// runs. A pair that cannot be read leaves the last good one in force.
type Certificate struct {
	cert, key string
	ask       tls.ClientAuthType // set by Ask, before Config
	ca        string             // file of those who vouch for clients, or ""
	pair      atomic.Pointer[tls.Certificate]
	clients   atomic.Pointer[tls.Config] // with which clients are asked, or nil
	stamp     atomic.Pointer[string]
}

// LoadCertificate reads the pair: PEM files with the chain and the key.
func LoadCertificate(cert, key string) (*Certificate, error) {
	c := &Certificate{cert: cert, key: key}
	return c, c.Reload()
}

// Reload reads the files again and puts them in force if they are a valid pair
// that has not expired.
func (c *Certificate) Reload() error {
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("proxy: reading the certificate: %w", err)
	}
	if pair.Leaf != nil && time.Now().After(pair.Leaf.NotAfter) && c.pair.Load() != nil {
		return errors.New("proxy: reading the certificate: it has expired; the last one stays in force")
	}
	var clients *tls.Config
	if c.ask != tls.NoClientCert {
		if clients, err = c.asking(); err != nil {
			return err
		}
	}
	c.pair.Store(&pair)
	c.clients.Store(clients)
	s := c.look()
	c.stamp.Store(&s)
	return nil
}

// Files returns the paths of the certificate chain and of the key.
func (c *Certificate) Files() [2]string { return [2]string{c.cert, c.key} }

// Changed reports whether the files differ from what was read last.
func (c *Certificate) Changed() bool { return c.look() != *c.stamp.Load() }

func (c *Certificate) look() (s string) {
	for _, f := range [...]string{c.cert, c.key, c.ca} {
		if i, err := os.Stat(f); err == nil {
			s += fmt.Sprint(i.ModTime().UnixNano(), i.Size(), ";")
		}
	}
	return s
}

// Config returns the TLS configuration of a listener: 1.2 at the least, AEAD
// suites only, HTTP/2 and HTTP/1.1, no early data (Go has none).
func (c *Certificate) Config() *tls.Config {
	cfg := c.base()
	if c.ask != tls.NoClientCert {
		cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.clients.Load(), nil }
	}
	return cfg
}

func (c *Certificate) base() *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		CipherSuites: AEADSuites(),
		NextProtos:   []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.pair.Load(), nil
		},
	}
}
