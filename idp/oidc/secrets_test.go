package oidc_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoSecretOfAJourneyIsInTheDatabaseOrTheLog looks through the whole file, while
// somebody is at the provider and after they came back.
func TestNoSecretOfAJourneyIsInTheDatabaseOrTheLog(t *testing.T) {
	w := newWorld(t, options{})
	canaries := map[string]string{"the client secret": os.Getenv("CLIENT_SECRET")}
	w.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" && r.ParseForm() == nil {
			canaries["the verifier"], canaries["the code"] = r.PostForm.Get("code_verifier"), r.PostForm.Get("code")
		}
		return false
	}
	w.token = func(m map[string]any) {
		canaries["the id_token"], canaries["the access token"] = m["id_token"].(string), m["access_token"].(string)
	}
	b := w.browser()
	away := b.begin().away()
	canaries["the state"], canaries["the nonce"] = param(t, away, "state"), param(t, away, "nonce")
	waiting := w.files()
	if b.arrive(b.prove(away)) == nil {
		t.Fatal(w.house.log)
	}
	for when, text := range map[string]string{"while somebody is away": waiting, "afterwards": w.files(), "in the log": w.house.log.String()} {
		for what, canary := range canaries {
			if canary == "" || strings.Contains(text, canary) {
				t.Errorf("%s: %s is there, or is empty", when, what)
			}
		}
	}
	if !strings.Contains(w.files(), alice) || len(canaries) != 7 {
		t.Errorf("the test does not see what is written, or knows %d canaries", len(canaries))
	}
}

// files is all that our server's store has written.
func (w *world) files() string {
	w.t.Helper()
	names, err := filepath.Glob(filepath.Join(w.house.dir, "store.db*"))
	if err != nil || len(names) == 0 {
		w.t.Fatal(names, err)
	}
	var all strings.Builder
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			w.t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
