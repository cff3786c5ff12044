package identity_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/sdk/identity"
)

// keysOfTheGateway stands for what `gatehouse keys upstream` prints into a file.
func keysOfTheGateway(dir string) string {
	signer, err := jose.GenerateSigner()
	if err != nil {
		log.Fatal(err)
	}
	path := filepath.Join(dir, "gateway.jwks.json")
	if err := os.WriteFile(path, signer.JWKS(), 0o600); err != nil {
		log.Fatal(err)
	}
	return path
}

// An application that is reached through its gateway only.
func ExampleVerifier_Middleware() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	who, err := identity.New(identity.Config{Keys: "file:" + keysOfTheGateway(dir), Audience: "orders"})
	if err != nil {
		log.Fatal(err)
	}
	defer who.Close()
	handler := who.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := identity.From(r.Context())
		fmt.Fprintln(w, "hello", caller.Subject)
	}))

	r := httptest.NewRequest("GET", "/v1/orders", nil)
	r.Header.Set("Gatehouse-Identity", "alice") // by whoever reaches the application past its gateway
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output:
	// 401 {"type":"urn:gatehouse:problem:identity.refused","title":"The gateway's statement about the caller was refused.","status":401}
}
