package host

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"

	"github.com/gatehouse-api/gatehouse"
)

// Certificate returns what the client has shown in the TLS handshake, or nil. It is
// asked once for a connection where that lasts, a resumed one too: sessions keep the
// certificate.
func Certificate(st *tls.ConnectionState) *gatehouse.Certificate {
	if st == nil || len(st.PeerCertificates) == 0 {
		return nil
	}
	der := st.PeerCertificates[0].Raw
	return &gatehouse.Certificate{Thumbprint: sha256.Sum256(der), Field: ":" + base64.StdEncoding.EncodeToString(der) + ":"}
}
