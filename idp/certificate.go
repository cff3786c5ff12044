package idp

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// Certificates is what the gateway in front of the server knows of the certificates
// of clients.
type Certificates uint8

// The gateway asks for none, takes any (which proves its own key and nothing more),
// or takes those that an authority vouches for.
const (
	NoCertificates Certificates = iota
	ShownCertificates
	VouchedCertificates
)

// The methods of RFC 8705 section 2.
const (
	methodTLS        = "tls_client_auth"
	methodSelfSigned = "self_signed_tls_client_auth"
)

// fieldCertificate is where the gateway writes the certificate of a client's
// connection (RFC 9440). It is believed, since nobody but the gateway calls us, and
// the gateway drops the field of clients.
const fieldCertificate = "Client-Cert"

const mostCertificates = 2 // of a client at once: enough to change one without a gap

var errCertificate = errors.New("idp: the client's certificate does not prove it")

// shown returns the certificate of the client's connection, or nil.
func (s *Server) shown(r *http.Request) (*x509.Certificate, error) {
	values := r.Header.Values(fieldCertificate)
	if len(values) == 0 || s.options.Certificates == NoCertificates {
		return nil, nil
	}
	text, begins := strings.CutPrefix(values[0], ":")
	text, ends := strings.CutSuffix(text, ":")
	der, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || !begins || !ends || len(values) > 1 {
		return nil, errors.New("idp: the gateway's Client-Cert cannot be read")
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCertificate, err)
	}
	return c, nil
}

// certified returns the client that the certificate of a connection proves, or nil
// where the client does not prove itself in this way.
func (s *Server) certified(ctx context.Context, id string, shown *x509.Certificate, now time.Time) (*store.Client, error) {
	c, err := s.clients.Client(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && len(c.Certificates) == 0:
		return nil, nil // the library says what it says to everybody
	case err != nil:
		return nil, err
	case now.Before(shown.NotBefore) || now.After(shown.NotAfter):
		return nil, fmt.Errorf("%w: it holds from %s to %s", errCertificate, shown.NotBefore, shown.NotAfter)
	}
	for _, wanted := range c.Certificates {
		kind, value, _ := strings.Cut(wanted, ":")
		if kind != kindThumbprint && s.options.Certificates != VouchedCertificates {
			continue // whoever makes a certificate chooses what it says
		}
		if is(shown, kind, value) {
			return c, nil
		}
	}
	return nil, fmt.Errorf("%w: it is none that is registered for %s, or nobody vouches for what it says (listen.tls.client_ca)", errCertificate, c.ID)
}

// kindThumbprint is the kind of entry that names one certificate by its SHA-256. It
// needs nobody who vouches (RFC 8705 section 2.2).
const kindThumbprint = "sha256"

// thumbprint is how a token names a certificate (RFC 8705 section 3.1).
func thumbprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// is reports whether a certificate is what an entry says (RFC 8705 section 2.1.2).
func is(c *x509.Certificate, kind, value string) bool {
	switch kind {
	case kindThumbprint:
		sum := sha256.Sum256(c.Raw)
		return hex.EncodeToString(sum[:]) == value
	case "subject":
		return c.Subject.String() == value
	case "dns":
		return slices.Contains(c.DNSNames, value)
	case "email":
		return slices.Contains(c.EmailAddresses, value)
	case "uri":
		return slices.ContainsFunc(c.URIs, func(u *url.URL) bool { return u.String() == value })
	case "ip":
		for _, ip := range c.IPAddresses {
			if a, ok := netip.AddrFromSlice(ip); ok && a.Unmap().String() == value {
				return true
			}
		}
	}
	return false
}

// checkCertificates takes entries that can be compared with a certificate.
func checkCertificates(list []string) error {
	if len(list) > mostCertificates {
		return fmt.Errorf("%w: a client has %d certificates at most", store.ErrInvalid, mostCertificates)
	}
	for _, entry := range list {
		kind, value, _ := strings.Cut(entry, ":")
		ok := value != "" && len(value) <= 512 && slices.Contains([]string{"subject", "dns", "email", "uri"}, kind)
		switch kind {
		case kindThumbprint:
			b, err := hex.DecodeString(value)
			ok = err == nil && len(b) == sha256.Size && value == strings.ToLower(value)
		case "ip":
			a, err := netip.ParseAddr(value)
			ok = err == nil && a.Unmap().String() == value
		}
		if !ok {
			return fmt.Errorf("%w: %q is no certificate: sha256:, subject:, dns:, uri:, ip: or email: and what it is", store.ErrInvalid, entry)
		}
	}
	return nil
}

// clientCertificate tells the library which certificate tokens are bound to: that of
// a client whose tokens are to be, and at the userinfo endpoint the one that a bound
// token needs. A certificate that a browser happens to have binds nothing.
func clientCertificate(ctx context.Context) (*x509.Certificate, error) {
	a := askedIn(ctx)
	if a.certificate == nil || !a.binds && a.endpoint != pathUserinfo {
		return nil, errors.New("idp: the connection has no certificate that tokens are bound to")
	}
	return a.certificate, nil
}
