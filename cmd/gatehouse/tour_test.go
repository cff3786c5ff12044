package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/examples/orders"
)

// The least that a tour must show.
const (
	leastAttacks = 31
	leastVisits  = 22
)

func TestTheTourStopsEveryAttack(t *testing.T) {
	var out, problems bytes.Buffer
	dir := t.TempDir()
	if code := run([]string{"demo", "--tour", "--keep", dir, "--listen", "127.0.0.1:0"}, &out, &problems); code != 0 {
		t.Errorf("exit code %d", code)
	}
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	last := lines[len(lines)-1]
	m := regexp.MustCompile(`^tour: (\d+)/(\d+) attacks stopped, (\d+) of (\d+) legitimate requests refused$`).FindStringSubmatch(last)
	if m == nil || problems.Len() > 0 {
		t.Fatalf("%s\n%s", out.String(), problems.String())
	}
	attacks := 0
	for _, c := range story() {
		attacks += len(c.attacks)
		for _, a := range c.attacks {
			if len([]rune(a.name)) >= nameWidth {
				t.Errorf("the name has no room: %s", a.name)
			}
		}
	}
	for _, a := range sieges() {
		if len([]rune(a.name)) >= nameWidth || len([]rune(a.gain)) >= gainWidth {
			t.Errorf("no room for: %s", a.name)
		}
	}
	attacks += len(sieges())
	legitimate := len(visits()) + len(loginVisits())
	want := fmt.Sprintf("tour: %d/%d attacks stopped, 0 of %d legitimate requests refused", attacks, attacks, legitimate)
	if attacks < leastAttacks || len(visits()) < leastVisits || last != want {
		t.Errorf("%s, want %s\n%s", last, want, out.String())
	}
	for _, l := range lines {
		if n := len([]rune(l)); n > 110 {
			t.Errorf("%d columns: %s", n, l)
		}
		if strings.Contains(l, "\x1b") {
			t.Errorf("a colour that nobody can see: %q", l)
		}
	}
	noSecretsIn(t, filepath.Join(dir, "access.jsonl"))
	noSecretsIn(t, filepath.Join(dir, "state", "trails.db"))
}

// noSecretsIn looks for what the tour has sent and no record may hold.
func noSecretsIn(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil || len(text) == 0 {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	for _, secret := range []string{"4111111111111111", "eyJ", orders.AlicesPassword, "sk_live_", "Basic Ym9i"} {
		if i := bytes.Index(text, []byte(secret)); i >= 0 {
			t.Errorf("%s holds %q: %q", filepath.Base(path), secret, text[max(0, i-100):min(len(text), i+60)])
		}
	}
}

func startStage(t *testing.T) *stage {
	t.Helper()
	s, err := newStage(t.TempDir(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestATourWithAFaultFails(t *testing.T) {
	s := startStage(t)
	own := "GET /v1/orders/ord-2001\nAs: bob"
	for name, a := range map[string]attack{
		"an attack that does not work":  {request: own, proof: shows("no such text", "nothing"), end: disarmed(200, "wire", "so")},
		"an attack that is let through": {request: own, proof: shows(bobsSecret, "his own order"), end: disarmed(200, "wire", "so")},
		"another rule than is said":     {request: "GET /v1/orders/ord-2001", proof: shows(bobsSecret, "Bob's order"), end: refusal(401, "jwt.exp")},
		"the API was asked":             {request: "GET /v1/orders/ord-2001\nAs: alice", proof: shows(bobsSecret, "Bob's order"), end: refusal(403, "object.foreign")},
	} {
		tour := quietTour(t, s)
		if err := tour.attack(&a); err != nil {
			t.Fatal(err)
		}
		if tour.stopped != 0 || len(tour.faults) != 1 {
			t.Errorf("%s: %d stopped, faults %q", name, tour.stopped, tour.faults)
		}
	}
	v := visit{request: "GET /v1/orders/ord-2001\nAs: alice", status: 200}
	if replies, err := quietTour(t, s).visit(&v, 0); err != nil || v.compare(replies) == "" {
		t.Errorf("a refused visit passed: %v, %v", replies, err)
	}
}

func quietTour(t *testing.T, s *stage) *tour {
	t.Helper()
	tour, err := newTour(s, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return tour
}

func TestAScoreOfNothingIsNoSuccess(t *testing.T) {
	for _, s := range []score{{}, {attacks: 1, stopped: 1}, {visits: 1}, {attacks: 2, stopped: 1, visits: 1}, {attacks: 1, stopped: 1, visits: 1, refused: 1}, {1, 1, 1, 0, 1}} {
		if s.ok() {
			t.Errorf("%+v is no success", s)
		}
	}
	if !(score{attacks: 1, stopped: 1, visits: 1}).ok() {
		t.Error("everything stopped and nobody refused is one")
	}
}

func TestTheDemosConfigurationChecks(t *testing.T) {
	s := startStage(t)
	c, err := check(s.file, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range c.findings {
		if f.Level == config.LevelError || f.Level == config.LevelWarning && f.Key != "environment" {
			t.Errorf("%s: %v", f.Level, f.Error.Error())
		}
	}
}

func TestTheInvitationNamesWhatRuns(t *testing.T) {
	s := startStage(t)
	var out bytes.Buffer
	s.invite(&out)
	for _, part := range []string{s.gateway.Addr, s.apiAddr, s.app, s.password, s.tokenFile("alice"), s.cert.cert, s.file, s.gateway.AdminURL, "explain", "  10  "} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("there is no %q in\n%s", part, out.String())
		}
	}
}

func TestTheDevelopmentCertificateIsKeptUntilItEnds(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	read := func(at time.Time) string {
		c, err := developmentCert(dir, at)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(c.cert)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	first := read(now)
	if read(now.Add(28*24*time.Hour)) != first {
		t.Error("it was made anew before its time")
	}
	if read(now.Add(29*24*time.Hour+time.Hour)) == first {
		t.Error("it was not made anew when its time was over")
	}
	info, err := os.Stat(filepath.Join(dir, "demo.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info.Mode(), err)
	}
}
