package people

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoSecretIsInTheDatabase looks through the whole file for everything that would
// let its reader in.
func TestNoSecretIsInTheDatabase(t *testing.T) {
	h := newHouse(t, nil)
	h.add(alice)
	b := h.browser()
	b.signIn(alice, secretWord).want(200, "PROVEN")
	secret, recovery := h.enrol(b)
	b.get("/account/forgot").post("/account/forgot", "name", alice).want(200, "a mail is on its way")
	_, link, _ := strings.Cut(h.link(h.mail(1)), "ticket=")
	canaries := map[string]string{
		"the password": secretWord, "the session": b.cookie(cookieSession), "the browser": b.cookie(cookieBrowser), "the device": b.cookie(cookieDevice),
		"the app's secret": string(secret), "the app's secret in hex": hex.EncodeToString(secret), "a recovery code": recovery[0],
		"a recovery code without hyphens": strings.ReplaceAll(recovery[0], "-", ""), "a link": link,
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(h.mails), "state", "store.db*"))
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	seen := false
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for what, canary := range canaries {
			if canary == "" || strings.Contains(string(text), canary) {
				t.Errorf("%s is in %s, or there is none", what, filepath.Base(name))
			}
		}
		seen = seen || strings.Contains(string(text), alice)
	}
	if !seen {
		t.Error("not even the name is there: the test does not see what is written")
	}
}
