package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/devissuer"
)

// authz.abac, ops.reload: a policy over a claim decides at the running gateway; one
// that does not fit changes nothing, and the next good one acts.
func TestAPolicyWrittenByHandDecidesAndABrokenOneLeavesItInForce(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	defer upstream.Close()
	issuer, stop, err := devissuer.Start(sitesAudience)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	s := newSite(t, upstream.URL, issuer.URL, "")
	text, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), "roles: {user: [listCats, listDogs]}", "roles: {user: [listCats]}, policies: policies, principal: {region: optional String}", 1))
	if err := os.WriteFile(s.file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(filepath.Dir(s.file), "policies", "dogs.cedar")
	write := func(condition string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(`permit(principal is User, action == Action::"listDogs", resource is Api) when { `+condition+` };`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`principal has region && principal.region == "EU"`)
	s.start()
	defer s.end(syscall.SIGTERM)
	token := func(region string) string {
		return issuer.Mint(devissuer.Claims{Subject: "alice", Roles: []string{"user"}, Set: map[string]string{"region": region}})
	}
	eu, us := token(`"EU"`), token(`"US"`)
	is := func(what string, want map[string]int) {
		t.Helper()
		for token, status := range want {
			if got := s.status("/dogs", token); got != status {
				t.Errorf("%s: %d, want %d", what, got, status)
			}
		}
	}
	is("the first policy", map[string]int{eu: 200, us: 403})
	write(`principal.regoin == "US"`)
	time.Sleep(2 * time.Second) // three looks at the files
	is("a policy that does not fit", map[string]int{eu: 200, us: 403})
	write(`principal has region && principal.region == "US"`)
	for began := time.Now(); s.status("/dogs", us) != 200; time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Fatal("the next good policy does not act")
		}
	}
	is("the next good policy", map[string]int{eu: 403, us: 200})
}
