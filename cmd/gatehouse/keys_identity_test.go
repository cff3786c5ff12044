package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/sdk/identity"
)

// behind is an application that has identity.Middleware, and the gateway in front.
type behind struct {
	*testing.T
	dir, address, admin string
	issuer              *devissuer.Issuer
	application         string // its own address, past the gateway
	refused             syncBuffer
	g                   *gateway
}

const behindConfig = `listen: {address: %q}
admin: {address: %q}
environment: development
state: state
apis:
  orders:
    openapi: orders.openapi.yaml
    upstream: %s
    audience: https://api.example.com/orders
    issuer: %s
    controls: {identity: {%s}}
    roles: {user: [listOrders]}
    no_object: {listOrders: {because: "every caller sees the same list", owner: ops@example.com, until: %s}}
`

// startBehind starts both; keys is where the application finds the gateway's keys,
// with DIR and ADMIN replaced, control what is configured of the identity control.
func startBehind(t *testing.T, keys, control string) *behind {
	t.Helper()
	dir, err := os.MkdirTemp("", "gh")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	issuer, stop, err := devissuer.Start("https://api.example.com/orders")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	b := &behind{T: t, dir: dir, address: casetest.FreeAddress(t), admin: casetest.FreeAddress(t), issuer: issuer}
	server := httptest.NewUnstartedServer(nil)
	for name, text := range map[string]string{
		"gatehouse.yaml": fmt.Sprintf(behindConfig, b.address, b.admin, "http://"+server.Listener.Addr().String(), issuer.URL, strings.ReplaceAll(control, "DIR", dir),
			time.Now().AddDate(0, 6, 0).Format(time.DateOnly)),
		"orders.openapi.yaml": fmt.Sprintf(strings.ReplaceAll(selfOrders, "https://", "http://"), b.address),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.start()
	t.Cleanup(func() { b.stop() })
	if strings.HasPrefix(keys, "file:") {
		if err := os.WriteFile(filepath.Join(dir, "jwks.json"), b.keys(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	who, err := identity.New(identity.Config{Keys: strings.NewReplacer("DIR", dir, "ADMIN", b.admin).Replace(keys), Audience: "orders", Log: slog.New(slog.NewTextHandler(&b.refused, nil))})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = who.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i, _ := identity.From(r.Context())
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `[%q]`, fmt.Sprint(i.Kind, " ", i.Subject, " ", i.Tenant, " ", i.Roles))
	}))
	server.Start()
	t.Cleanup(server.Close)
	b.application = server.URL
	return b
}

func (b *behind) start() {
	b.Helper()
	f, err := load(filepath.Join(b.dir, "gatehouse.yaml"), config.Options{})
	if err != nil {
		b.Fatal(err)
	}
	if b.g, err = startGateway(f, gatewayOptions{Log: io.Discard}); err != nil {
		b.Fatal(err)
	}
}

func (b *behind) stop() {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := b.g.Close(ctx); err != nil {
		b.Error(err)
	}
}

// keys runs gatehouse keys upstream.
func (b *behind) keys(args ...string) []byte {
	b.Helper()
	var out, errs bytes.Buffer
	if code := run(append([]string{"keys", "upstream", "--config", filepath.Join(b.dir, "gatehouse.yaml")}, args...), &out, &errs); code != 0 {
		b.Fatalf("%d %s", code, errs.String())
	}
	return out.Bytes()
}

// ask sends alice's request to an address.
func (b *behind) ask(url string, fields ...string) (int, string) {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url+"/v1/orders", nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+b.issuer.Mint(devissuer.Claims{Tenant: "acme", Roles: []string{"user"}}))
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	return res.StatusCode, string(body)
}

const seenByTheApplication = `["user alice acme [user]"]`

// sees asks through the gateway and expects to be known.
func (b *behind) sees() {
	b.Helper()
	if status, body := b.ask("http://" + b.address); status != 200 || body != seenByTheApplication {
		b.Errorf("%d %s\n%s", status, body, b.refused.String())
	}
}

// kid is what the admin listener publishes, in order.
func (b *behind) published() (kids []string) {
	b.Helper()
	res, err := http.Get(b.g.AdminURL + "/.well-known/jwks.json")
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	return kidsOf(text)
}

func kidsOf(jwks []byte) (kids []string) {
	for i, part := range strings.Split(string(jwks), `"kid":"`) {
		if kid, _, ok := strings.Cut(part, `"`); ok && i > 0 {
			kids = append(kids, kid)
		}
	}
	return kids
}

// authn.internal-too: the application behind the gateway knows who asks, and lets nobody
// in who comes past it.
func TestTheApplicationBehindTheGatewayLearnsWhoAsksAndLetsNobodyElseIn(t *testing.T) {
	b := startBehind(t, "http://ADMIN/.well-known/jwks.json", "")
	b.sees()
	for _, forged := range [][]string{nil, {"Gatehouse-Identity", "alice"}, {"Gatehouse-Identity", b.issuer.Mint(devissuer.Claims{Subject: "alice"})}} {
		if status, body := b.ask(b.application, forged...); status != 401 || !strings.Contains(body, "urn:gatehouse:problem:identity.") {
			t.Errorf("past the gateway, %v: %d %s", forged, status, body)
		}
	}
	if status, body := b.ask("http://"+b.address, "Gatehouse-Identity", "mallory"); status != 200 || body != seenByTheApplication {
		t.Errorf("what a client writes under the gateway's name: %d %s", status, body)
	}
}

func TestTheKeyForUpstreamsIsRotatedWithoutARefusedRequest(t *testing.T) {
	for _, source := range []string{"http://ADMIN/.well-known/jwks.json", "file:DIR/jwks.json"} {
		t.Run(source, func(t *testing.T) {
			b := startBehind(t, source, "")
			b.sees()
			first := b.published()
			printed := b.keys("--rotate")
			if kids := kidsOf(printed); len(kids) != 2 || kids[1] != first[0] {
				t.Errorf("published before %v, printed after the rotation %v", first, kids)
			}
			if err := os.WriteFile(filepath.Join(b.dir, "jwks.json"), printed, 0o600); err != nil {
				t.Fatal(err)
			}
			b.sees() // the old key signs until the restart
			b.stop()
			b.start()
			time.Sleep(time.Second) // a file is looked at every second
			b.sees()
			if kids := b.published(); len(kids) != 2 || kids[0] == first[0] {
				t.Errorf("published %v, before %v", kids, first)
			}
			if kids := kidsOf(b.keys("--rotate")); len(kids) != 3 {
				t.Errorf("after a second rotation: %v", kids)
			}
			if kids := kidsOf(b.keys("--rotate")); len(kids) != 3 {
				t.Errorf("after a third: %v", kids)
			}
			if kids := kidsOf(b.keys("--rotate", "--emergency")); len(kids) != 1 {
				t.Errorf("after an emergency: %v", kids)
			}
			if info, err := os.Stat(filepath.Join(b.dir, "state", identityName)); err != nil || info.Mode().Perm() != 0o600 {
				t.Error(info, err)
			}
		})
	}
}

// A key of the configuration is published as the gateway's own is; before, an upstream
// had to be given it by hand.
func TestAKeyOfTheConfigurationIsPublishedToo(t *testing.T) {
	signer, err := jose.GenerateSigner()
	if err != nil {
		t.Fatal(err)
	}
	text, err := signer.PEM()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "upstream.pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	b := startBehind(t, "http://ADMIN/.well-known/jwks.json", `key: "file:`+path+`"`)
	b.sees()
	if kids := b.published(); len(kids) != 2 || kids[0] != signer.KeyID() {
		t.Errorf("published %v, signed by %s", kids, signer.KeyID())
	}
	if printed, served := kidsOf(b.keys()), b.published(); fmt.Sprint(printed) != fmt.Sprint(served) {
		t.Errorf("printed %v, served %v", printed, served)
	}
}
