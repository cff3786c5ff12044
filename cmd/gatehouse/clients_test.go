package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/idp/operator"
	"github.com/gatehouse-api/gatehouse/store/sqlite"
)

// desk runs commands on a store of its own.
type desk struct {
	*testing.T
	state string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t, t.TempDir()}
	s, err := sqlite.OpenStore(t.Context(), filepath.Join(d.state, sqlite.StoreName), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return d
}

// run runs a command and returns what it printed; it must end with code.
func (d *desk) run(code int, args ...string) (stdout, stderr string) {
	d.Helper()
	var out, errs bytes.Buffer
	if got := run(append(args[:2:2], append([]string{"--state", d.state}, args[2:]...)...), &out, &errs); got != code {
		d.Errorf("%v: %d; want %d\n%s%s", args, got, code, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

func TestAClientIsRegisteredAndItsSecretIsShownOnce(t *testing.T) { // token.client-secret-rotation
	d := newDesk(t)
	out, _ := d.run(0, "clients", "add", "job", "--grant", "client_credentials", "--scope", "orders:read", "--name", "The job")
	_, secret, _ := strings.Cut(out, "secret: ")
	secret, _, _ = strings.Cut(secret, "\n")
	if !strings.HasPrefix(secret, "gtc_") {
		t.Fatalf("%s", out)
	}
	out, _ = d.run(0, "clients", "list")
	if !strings.Contains(out, "job") || !strings.Contains(out, "client_credentials") || strings.Contains(out, secret) {
		t.Errorf("%s", out)
	}
	var shown shownClient
	out, _ = d.run(0, "clients", "rotate", "job", "--json")
	if err := json.Unmarshal([]byte(out), &shown); err != nil || shown.Secret == secret || len(shown.Secrets) != 2 {
		t.Errorf("%s %v", out, err)
	}
	out, _ = d.run(0, "clients", "rotate", "job", "--overlap", "0", "--json")
	shown = shownClient{}
	if err := json.Unmarshal([]byte(out), &shown); err != nil || len(shown.Secrets) != 1 {
		t.Errorf("%s %v", out, err)
	}
	d.run(0, "clients", "remove", "job")
	for _, name := range []string{sqlite.StoreName, sqlite.StoreName + "-wal"} {
		if b, err := os.ReadFile(filepath.Join(d.state, name)); err == nil && bytes.Contains(b, []byte(secret)) {
			t.Error("the store holds the secret")
		}
	}
}

func TestClientsThatMakeNoSenseAreRefusedWithTheReason(t *testing.T) {
	d := newDesk(t)
	d.run(0, "clients", "add", "app", "--public", "--grant", "authorization_code", "--redirect", "https://app.example.com/cb")
	for want, args := range map[string][]string{
		"already":           {"clients", "add", "app", "--public", "--grant", "authorization_code", "--redirect", "https://app.example.com/cb"},
		"needs a redirect":  {"clients", "add", "x", "--grant", "authorization_code"},
		"neither https nor": {"clients", "add", "x", "--grant", "authorization_code", "--redirect", "http://app.example.com/cb"},
		"no client nobody":  {"clients", "rotate", "nobody"},
		"has no secret":     {"clients", "rotate", "app"},
		"between 24h":       {"clients", "rotate", "app2", "--overlap", "1h"},
	} {
		if want == "between 24h" {
			d.run(0, "clients", "add", "app2", "--grant", "client_credentials")
		}
		if _, errs := d.run(1, args...); !strings.Contains(errs, want) || strings.Contains(errs, "sqlite:") {
			t.Errorf("%v: %s; want %q", args, errs, want)
		}
	}
	d.run(1, "clients", "remove", "nobody")
	d.run(2, "clients", "add")
	d.run(2, "clients", "frobnicate")
}

func TestKeysAreListedAndRotated(t *testing.T) { // token.key-rotation
	d := newDesk(t)
	keys := func(args ...string) (list []operator.Key) {
		out, _ := d.run(0, append([]string{"keys"}, args...)...)
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	first := keys("list", "--json")
	if len(first) != 1 || !first[0].Signs {
		t.Fatalf("%+v", first)
	}
	two := keys("rotate", "--json")
	if len(two) != 2 || !two[0].Signs || two[1].Signs || two[0].Until.IsZero() {
		t.Errorf("%+v", two)
	}
	one := keys("rotate", "--emergency", "--json")
	if len(one) != 1 || !one[0].Signs || one[0].ID == first[0].ID {
		t.Errorf("%+v", one)
	}
	if out, _ := d.run(0, "keys", "list"); !strings.Contains(out, "SIGNS FROM") {
		t.Errorf("%s", out)
	}
	info, err := os.Stat(filepath.Join(d.state, sealName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

func TestCheckAndExplainKnowOurOwnServer(t *testing.T) {
	h := startSelf(t, nil)
	file := filepath.Join(h.dir, "gatehouse.yaml")
	var out, errs bytes.Buffer
	if code := run([]string{"check", "--config", file}, &out, &errs); code != 0 || !strings.Contains(out.String(), "0 errors") {
		t.Errorf("%d %s %s", code, out.String(), errs.String())
	}
	out.Reset()
	if code := run([]string{"explain", "--config", file, "POST", "/token"}, &out, &errs); code != 0 || !strings.Contains(out.String(), "ratelimit") {
		t.Errorf("%d %s %s", code, out.String(), errs.String())
	}
	out.Reset()
	if code := run([]string{"explain", "--config", file, "GET", "/v1/orders"}, &out, &errs); code != 0 || !strings.Contains(out.String(), "jwt") {
		t.Errorf("%d %s %s", code, out.String(), errs.String())
	}
}

func TestASecondGatewayTakesNoStateFolderAway(t *testing.T) {
	state := t.TempDir()
	first, err := lockState(state)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockState(state); err == nil || !strings.Contains(err.Error(), "another gateway") {
		t.Errorf("%v", err)
	}
	info, err := first.Stat()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	_ = first.Close() // as the system does when a process ends
	next, err := lockState(state)
	if err != nil {
		t.Fatal(err)
	}
	_ = next.Close()
}

func TestAClientIsRegisteredByItsPublicKeys(t *testing.T) {
	d := newDesk(t)
	file := filepath.Join(t.TempDir(), "bank.jwks")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"keys":[{"kty":"EC","crv":"P-256","kid":"k1","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`)
	out, _ := d.run(0, "clients", "add", "bank", "--grant", "client_credentials", "--jwks", file)
	if strings.Contains(out, "secret") {
		t.Errorf("%s", out)
	}
	if out, _ = d.run(0, "clients", "list"); !strings.Contains(out, "keys") {
		t.Errorf("%s", out)
	}
	d.run(0, "clients", "keys", "bank", "--jwks", file)
	if _, errs := d.run(1, "clients", "rotate", "bank"); !strings.Contains(errs, "a key of its own") {
		t.Errorf("%s", errs)
	}
	d.run(1, "clients", "add", "two", "--grant", "client_credentials", "--jwks", filepath.Join(t.TempDir(), "none"))
	d.run(1, "clients", "keys", "nobody", "--jwks", file)
	d.run(1, "clients", "keys", "bank")
	write(`{"keys":[]}`)
	d.run(1, "clients", "keys", "bank", "--jwks", file)
}

func TestAClientIsRegisteredByItsCertificate(t *testing.T) {
	d := newDesk(t)
	dir := t.TempDir()
	der := clientCertificate(t).Certificate[0]
	file := filepath.Join(dir, "plant.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _ := d.run(0, "clients", "add", "plant", "--grant", "client_credentials", "--certificate", file); strings.Contains(out, "secret") {
		t.Errorf("%s", out)
	}
	if out, _ := d.run(0, "clients", "list"); !strings.Contains(out, "certificate") {
		t.Errorf("%s", out)
	}
	d.run(0, "clients", "certificates", "plant", "--certificate", file, "--certificate", "dns:plant.example.com")
	d.run(1, "clients", "certificates", "plant")
	d.run(1, "clients", "certificates", "plant", "--certificate", filepath.Join(dir, "none"))
	d.run(1, "clients", "add", "two", "--grant", "client_credentials", "--certificate", file, "--public")
	if err := os.WriteFile(file, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.run(1, "clients", "certificates", "plant", "--certificate", file)
}
