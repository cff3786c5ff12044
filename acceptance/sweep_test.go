package acceptance

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// demo is `gatehouse demo`, the program itself, with the accounts it has made. Its API
// believes whoever asks it directly: what it holds is read there.
type demo struct {
	url, direct string
	dir         string
	description *openapi.Document
	client      *http.Client
	reloads     chan string // what its log says
}

// account is one of the demo's people.
type account struct{ id, tenant string }

var (
	alice   = account{"alice", "acme"}
	bob     = account{"bob", "acme"}
	mallory = account{"mallory", "globex"}
)

// startDemo runs the program and, when it serves, changes its configuration.
func startDemo(t *testing.T, changes ...string) *demo {
	t.Helper()
	d := &demo{dir: t.TempDir(), reloads: make(chan string, 100)}
	cmd := exec.Command(binary(t), "demo", "--keep", d.dir, "--listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	go func() {
		for lines := bufio.NewScanner(errs); lines.Scan(); {
			if strings.Contains(lines.Text(), "configuration") {
				d.reloads <- lines.Text()
			}
		}
	}()
	d.invited(t, out)
	d.reconfigure(t, append(changes, "ratelimit: {account: email}", "ratelimit: {account: email, global: 1000000/s, key: 1000000/s, user: 1000000/s, ip: 1000000/s, endpoint: 1000000/s, burst: 1000000, waiver: "+waiver+"}")...)
	return d
}

// waiver lets a test do what a configuration must give reasons for.
var waiver = `{because: "a test sweeps the API", owner: test@example.com, until: ` + time.Now().AddDate(0, 1, 0).Format(time.DateOnly) + `}`

// invited reads where everything is.
func (d *demo) invited(t *testing.T, out io.Reader) {
	t.Helper()
	addresses := regexp.MustCompile(`^  the (gateway|API itself) +(\S+)`)
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "Ctrl-C") {
		if m := addresses.FindStringSubmatch(lines.Text()); m != nil && m[1] == "gateway" {
			d.url = m[2]
		} else if m != nil {
			d.direct = m[2]
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	pool := x509.NewCertPool()
	text, err := os.ReadFile(filepath.Join(d.dir, "state", "demo.crt"))
	if err != nil || d.url == "" || d.direct == "" || !pool.AppendCertsFromPEM(text) {
		t.Fatalf("the demo does not say where it is: %q %q %v", d.url, d.direct, err)
	}
	d.client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if d.description, err = openapi.Load(filepath.Join(d.dir, "orders.openapi.yaml")); err != nil {
		t.Fatal(err)
	}
}

// reconfigure replaces texts of the configuration, each by the one that follows it, and
// waits until the program has read it again.
func (d *demo) reconfigure(t *testing.T, changes ...string) {
	t.Helper()
	path := filepath.Join(d.dir, "gatehouse.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(changes); i += 2 {
		if !strings.Contains(string(text), changes[i]) {
			t.Fatalf("the demo's configuration has no %q", changes[i])
		}
		text = []byte(strings.Replace(string(text), changes[i], changes[i+1], 1))
	}
	for range 20 { // what is written before the program looks for changes is none
		text = append(text, "# changed\n"...)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		select {
		case line := <-d.reloads:
			if !strings.Contains(line, "was read again") {
				t.Fatal(line)
			}
			return
		case <-time.After(2 * time.Second):
		}
	}
	t.Fatal("the configuration was not read again")
}

func (d *demo) token(t *testing.T, who account) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(d.dir, "state", who.id+".token"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// stored is everything that the API holds.
type stored struct {
	text string         // as the API says it
	rows map[string]row // by kind and id: "order ord-2001"
}

// row is one object as it is stored.
type row map[string]any

func (r row) text(name string) string { s, _ := r[name].(string); return s }

// owner is whose it is, and of which tenant.
func (r row) owner() account {
	if _, order := r["customer_id"]; order {
		return account{r.text("customer_id"), r.text("tenant_id")}
	}
	return account{r.text("id"), r.text("tenant_id")}
}

// holds reads everything past the gateway, by the API's own back doors. Where nothing
// has changed since before it returns that.
func (d *demo) holds(t *testing.T, before stored) stored {
	t.Helper()
	texts := []string{}
	for _, path := range []string{"/v0/orders", "/v1/internal/export"} {
		status, _, body := d.ask(t, &probe{method: "GET", target: d.direct + path})
		if status != 200 {
			t.Fatal(path, status, body)
		}
		texts = append(texts, body)
	}
	now := stored{text: strings.Join(texts, ""), rows: map[string]row{}}
	if now.text == before.text {
		return before
	}
	for i, kind := range []string{"order", "user"} {
		var lists map[string][]row
		if err := json.Unmarshal([]byte(texts[i]), &lists); err != nil {
			t.Fatal(err)
		}
		for _, list := range lists {
			for _, r := range list {
				now.rows[kind+" "+r.text("id")] = r
			}
		}
	}
	if len(now.rows) < 100 {
		t.Fatalf("the API holds %d objects", len(now.rows))
	}
	return now
}

// changed names the objects of others than the caller that are not what they were, are
// gone or have come.
func (before stored) changed(after stored, caller account) (names []string) {
	if before.text == after.text {
		return nil
	}
	for name, was := range before.rows {
		if is, there := after.rows[name]; was.owner() != caller && (!there || !maps.Equal(was, is)) {
			names = append(names, name)
		}
	}
	for name, is := range after.rows {
		if _, there := before.rows[name]; !there && is.owner() != caller {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// give makes an order for somebody, past the gateway, and returns its id.
func (d *demo) give(t *testing.T, to account) string {
	t.Helper()
	status, _, body := d.ask(t, &probe{method: "POST", target: d.direct + "/v1/orders", body: `{"item": "tea", "quantity": 1}`,
		header: http.Header{"X-User-Id": {to.id}, "X-Tenant-Id": {to.tenant}, "Content-Type": {"application/json"}}})
	var made row
	if err := json.Unmarshal([]byte(body), &made); status != 201 || err != nil {
		t.Fatal(status, body, err)
	}
	return made.text("id")
}

// ask sends a request as it is.
func (d *demo) ask(t *testing.T, p *probe) (status int, header http.Header, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), p.method, p.target, strings.NewReader(p.body))
	if err != nil {
		t.Fatalf("%+v: %v", p, err)
	}
	maps.Copy(r.Header, p.header)
	answer, err := d.client.Do(r)
	if err != nil {
		t.Fatalf("%+v: %v", p, err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%+v: %v", p, err)
	}
	return answer.StatusCode, answer.Header, string(text)
}
