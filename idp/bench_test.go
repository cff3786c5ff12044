package idp

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/sqlite"
)

// BenchmarkATokenForAClient is one client_credentials request, without a network:
// the secret is verified, the client read from SQLite, the token signed.
func BenchmarkATokenForAClient(b *testing.B) {
	s, err := sqlite.OpenStore(b.Context(), filepath.Join(b.TempDir(), "store.db"), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	seal := make([]byte, 32)
	_, _ = rand.Read(seal)
	keys, err := OpenKeys(b.Context(), s.SigningKeys(), seal, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	server, err := New(Options{Issuer: "https://login.example.com", Audiences: []string{api}, Scopes: []string{"orders:read"}, Store: s, Keys: keys, ClientsFor: time.Second})
	if err != nil {
		b.Fatal(err)
	}
	text, kept := NewSecret(time.Now())
	c := store.Client{ID: "job", Grants: []string{grantCredential}, Scopes: []string{"orders:read"}, Secrets: []store.ClientSecret{kept}, Made: time.Now()}
	if err := s.Clients().Add(b.Context(), c); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader("grant_type=client_credentials&scope=orders:read"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth("job", text)
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
	}
}
