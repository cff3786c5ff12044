package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// maxClientCert is the most bytes of a client's certificate: it travels in a field.
const maxClientCert = 8 << 10

var errClientCert = errors.New("proxy: the client's certificate is too large")

// Ask has clients asked for a certificate of their own (RFC 8705). Without a ca, a
// PEM file of those who vouch for clients, any certificate is taken: the handshake
// proves that the client holds its key, and nothing more. With a ca others fail the
// handshake. It must be called before [Certificate.Config].
func (c *Certificate) Ask(required bool, ca string) error {
	c.ca = ca
	switch {
	case required && ca != "":
		c.ask = tls.RequireAndVerifyClientCert
	case required:
		c.ask = tls.RequireAnyClientCert
	case ca != "":
		c.ask = tls.VerifyClientCertIfGiven
	default:
		c.ask = tls.RequestClientCert
	}
	return c.Reload()
}

// asking makes the configuration that a handshake is served by. A session that is
// resumed is judged by it like a new one.
func (c *Certificate) asking() (*tls.Config, error) {
	cfg := c.base()
	cfg.ClientAuth = c.ask
	cfg.VerifyConnection = func(st tls.ConnectionState) error {
		if len(st.PeerCertificates) > 0 && len(st.PeerCertificates[0].Raw) > maxClientCert {
			return errClientCert
		}
		return nil
	}
	if c.ca == "" {
		return cfg, nil
	}
	pem, err := os.ReadFile(c.ca)
	if err != nil {
		return nil, fmt.Errorf("proxy: reading who vouches for clients: %w", err)
	}
	cfg.ClientCAs = x509.NewCertPool()
	if !cfg.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("proxy: reading who vouches for clients: %s holds no certificate", c.ca)
	}
	return cfg, nil
}
