package interop

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/internal/tab"
)

// program is the gateway's binary, built once for all tests.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(built, "gatehouse")
	if out, err := exec.Command("go", "build", "-o", path, "../cmd/gatehouse").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the gateway: %w\n%s", err, out)
	}
	return path, nil
})

// built is the folder of the binary.
var built string

func TestMain(m *testing.M) {
	var err error
	if built, err = os.MkdirTemp("", "gatehouse-interop-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(built)
	os.Exit(code)
}

// gateway is a running `gatehouse serve` with its own authorization server, in a
// folder of its own, behind TLS with a certificate of its own.
type gateway struct {
	*testing.T
	url    string       // https://127.0.0.1:port, the issuer too
	api    string       // a protected resource: GET answers ["1"] to the scope orders:read and the role clerk or robot
	dir    string       // configuration and state
	ca     string       // PEM file that verifies it
	client *http.Client // trusts ca

	config string
	errs   *bytes.Buffer // what it says; to be read after its end
}

// audience is whom the API's tokens are for.
const audience = "https://api.example.com/orders"

// The limits are out of the tests' reach: all of them call from one address.
const configuration = `environment: development
listen: {address: "%[1]s", tls: {cert: tls.crt, key: tls.key}}
admin: {address: "%[2]s"}
log: access.jsonl
idp:
  issuer: https://%[1]s
  scopes: [orders:read]
  people: {product: Example Bank%[5]s}
  controls:
    ratelimit: {ip: 60000/min, endpoint: 60000/min, burst: 1000, waiver: {because: "all tests call from one address", owner: ops@example.com, until: %[4]s}}
%[6]s
apis:
  orders:
    openapi: orders.openapi.yaml
    upstream: %[3]s
    audience: ` + audience + `
    issuer: self
    roles: {robot: [listOrders], clerk: [listOrders]}
    no_object: {listOrders: {because: "every caller sees the same list", owner: ops@example.com, until: %[4]s}}
`

const description = `openapi: 3.1.0
info: {title: Orders, version: "1"}
servers: [{url: "https://%s"}]
security: [{login: [orders:read]}]
components: {securitySchemes: {login: {type: oauth2, flows: {}}}}
paths:
  /v1/orders:
    get:
      operationId: listOrders
      responses:
        "200":
          description: The orders.
          content: {application/json: {schema: {type: array, items: {type: string}}}}
`

// settings is what a test adds to the configuration.
type settings struct {
	idp    string            // lines of the block idp, indented by two spaces
	people string            // more keys of idp.people, as ", key: value"
	files  map[string]string // beside the configuration
}

// start serves until the test ends.
func start(t *testing.T, s settings) *gateway {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `["1"]`)
	}))
	t.Cleanup(upstream.Close)
	address := casetest.FreeAddress(t)
	g := &gateway{T: t, url: "https://" + address, api: "https://" + address + "/v1/orders", dir: t.TempDir(), errs: &bytes.Buffer{}}
	g.config, g.ca = filepath.Join(g.dir, "gatehouse.yaml"), filepath.Join(g.dir, "tls.crt")
	g.write("gatehouse.yaml", fmt.Sprintf(configuration, address, casetest.FreeAddress(t), upstream.URL, time.Now().AddDate(0, 6, 0).Format(time.DateOnly), s.people, s.idp))
	g.write("orders.openapi.yaml", fmt.Sprintf(description, address))
	for name, text := range s.files {
		g.write(name, text)
	}
	pool := g.certify()
	g.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}, Timeout: 10 * time.Second}
	t.Cleanup(g.client.CloseIdleConnections)
	serve := exec.Command(path, "serve", "--config", g.config)
	serve.Stderr = g.errs
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- serve.Wait() }()
	t.Cleanup(func() {
		_ = serve.Process.Signal(syscall.SIGTERM)
		if err := <-ended; err != nil {
			t.Errorf("the gateway ended with %v", err)
		}
		if t.Failed() {
			t.Logf("the gateway said:\n%s", g.errs)
		}
	})
	g.await(ended)
	return g
}

// await returns when the gateway answers.
func (g *gateway) await(ended chan error) {
	g.Helper()
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		if res, err := g.client.Get(g.url + "/.well-known/openid-configuration"); err == nil {
			_ = res.Body.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- nil
			g.Fatalf("the gateway does not start: %v\n%s", err, g.errs)
		default:
		}
	}
	g.Fatal("the gateway does not answer")
}

func (g *gateway) write(name, text string) {
	g.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, name), []byte(text), 0o600); err != nil {
		g.Fatal(err)
	}
}

// certify makes the certificate, its own authority.
func (g *gateway) certify() *x509.CertPool {
	g.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		g.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "gatehouse interop"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		g.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		g.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	g.write("tls.crt", string(text))
	g.write("tls.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

// run calls a verb, such as "clients", "add", "job", with the gateway's
// configuration, and returns what it prints.
func (g *gateway) run(args ...string) string {
	g.Helper()
	path, err := program()
	if err != nil {
		g.Fatal(err)
	}
	var out, errs bytes.Buffer
	c := exec.Command(path, append(args, "--config", g.config)...)
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		g.Fatalf("gatehouse %v: %v\n%s%s", args, err, out.String(), errs.String())
	}
	return out.String()
}

// addClient registers a client and returns its secret, "" of a public one.
func (g *gateway) addClient(id string, args ...string) string {
	g.Helper()
	var shown struct{ Secret string }
	if err := json.Unmarshal([]byte(g.run(append([]string{"clients", "add", id, "--json"}, args...)...)), &shown); err != nil {
		g.Fatal(err)
	}
	return shown.Secret
}

// person is somebody with an account.
type person struct{ id, name, password string }

// addPerson makes an account with a password of its own.
func (g *gateway) addPerson(name string, args ...string) person {
	g.Helper()
	var u struct{ ID, Password string }
	if err := json.Unmarshal([]byte(g.run(append([]string{"users", "add", name, "--json"}, args...)...)), &u); err != nil {
		g.Fatal(err)
	}
	return person{u.ID, name, u.Password}
}

// browser is a new browser without scripts.
func (g *gateway) browser() *tab.Tab {
	g.Helper()
	b, err := tab.New(g.client, g.url)
	if err != nil {
		g.Fatal(err)
	}
	return b
}

// in is the gateway for a subtest.
func (g gateway) in(t *testing.T) *gateway { g.T = t; return &g }
