package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/examples/orders"
	"github.com/gatehouse-api/gatehouse/record"
)

// tour plays the story on a stage and counts.
type tour struct {
	stage   *stage
	show    *shower
	direct  side
	through side
	forger  *forger
	many    bool // this machine has more loopback addresses than one

	attacks, stopped int
	visits, refused  int
	faults           []string
}

// score is what a tour has come to.
type score struct{ attacks, stopped, visits, refused, faults int }

// ok reports whether every attack works without the gateway and none with it,
// and no legitimate request was refused.
func (s score) ok() bool {
	return s.faults == 0 && s.stopped == s.attacks && s.refused == 0 && s.attacks > 0 && s.visits > 0
}

// playTour plays the whole tour.
func playTour(s *stage, out io.Writer) (score, error) {
	t, err := newTour(s, out)
	if err != nil {
		return score{}, err
	}
	if l, err := net.Listen("tcp", "127.0.1.1:0"); err == nil {
		t.many = true
		_ = l.Close()
	}
	return t.play()
}

func newTour(s *stage, out io.Writer) (*tour, error) {
	f, err := s.forger()
	if err != nil {
		return nil, fmt.Errorf("tour: %w", err)
	}
	// The gateway's certificate is verified like any other.
	secure := &tls.Config{RootCAs: s.cert.pool, ServerName: "localhost", MinVersion: tls.VersionTLS12}
	return &tour{stage: s, forger: f, show: newShower(out), direct: side{addr: s.apiAddr}, through: side{addr: s.gateway.Addr, tls: secure}}, nil
}

func (t *tour) play() (score, error) {
	t.show.opening(t.stage, t.many)
	chapters := story()
	for i := range chapters {
		if i == len(chapters)-1 { // after the last one the limits are spent
			if err := t.logins(); err != nil {
				return score{}, err
			}
		}
		t.show.chapter(chapters[i])
		for k := range chapters[i].attacks {
			if err := t.attack(&chapters[i].attacks[k]); err != nil {
				return score{}, err
			}
		}
	}
	r := score{t.attacks, t.stopped, t.visits, t.refused, len(t.faults)}
	t.show.ending(r, t.faults)
	return r, nil
}

// logins plays what concerns the authorization server, and all legitimate requests.
// Where there is one loopback address only, the limits of its endpoints, five a minute,
// would make a story of minutes: it is left out there.
func (t *tour) logins() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if t.many {
		if err := t.besiege(ctx); err != nil {
			return err
		}
	}
	if err := t.welcome(); err != nil || !t.many {
		return err
	}
	return t.welcomeLogins(ctx)
}

// address is where the nth attacker calls from: everybody has limits of their
// own. Where there is one loopback address only, they share them and wait.
func (t *tour) address(n int) string {
	if !t.many {
		return ""
	}
	return fmt.Sprintf("127.0.1.%d", n)
}

// attack plays one attack on both sides and prints what came of it.
func (t *tour) attack(a *attack) error {
	t.attacks++
	if err := t.stage.api.Reset(); err != nil {
		return err
	}
	direct, err := t.send(t.direct, a, "")
	if err != nil {
		return fmt.Errorf("tour: %s: directly: %w", a.name, err)
	}
	gain := a.proof(t.stage.api, direct)
	behind := t.behind(a)
	if err := behind.Reset(); err != nil {
		return err
	}
	replies, err := t.send(t.through, a, t.address(t.attacks))
	if err != nil {
		return fmt.Errorf("tour: %s: through the gateway: %w", a.name, err)
	}
	last := replies[len(replies)-1]
	trail := t.trail(last)
	var faults []string
	if gain == "" {
		faults = append(faults, fmt.Sprintf("does not work against the API itself (status %d)", direct[len(direct)-1].status))
	}
	if won := a.proof(behind, replies); won != "" {
		faults = append(faults, "works through the gateway, too: "+won)
	}
	if trail == nil {
		faults = append(faults, "the gateway has no trail of it")
		trail = &record.Trail{Status: last.status}
	}
	faults = append(faults, t.judge(a, last, trail)...)
	if len(faults) == 0 {
		t.stopped++
	}
	for _, f := range faults {
		t.faults = append(t.faults, fmt.Sprintf("attack %d, %s: %s", t.attacks, a.name, f))
	}
	t.show.attack(t.attacks, a, direct[len(direct)-1].status, gain, replies, trail, len(faults) == 0)
	return nil
}

// behind is the API that an attack reaches for through the gateway.
func (t *tour) behind(a *attack) *orders.API {
	if a.kept {
		return t.stage.kept
	}
	return t.stage.api
}

// judge compares how an attack ended at the gateway with how it must.
func (t *tour) judge(a *attack, last reply, trail *record.Trail) (faults []string) {
	e := a.end
	if e.harmless == "" && (last.status != e.status || trail.Control != e.control || trail.Rule != e.rule) {
		faults = append(faults, fmt.Sprintf("got %d %s %s, want %d %s %s", last.status, orNone(trail.Control), orNone(trail.Rule), e.status, orNone(e.control), e.rule))
	}
	if e.harmless != "" && (last.status != e.status || !e.by(trail)) {
		faults = append(faults, fmt.Sprintf("got %d %s, want %d by %s %s", last.status, orNone(trail.Rule), e.status, e.control, orNone(e.rule)))
	}
	for _, seen := range t.behind(a).Seen() {
		if e.reach == nothing || e.reach == reads && seen.Method != http.MethodGet {
			faults = append(faults, "the API has seen "+seen.Method+" "+seen.Target[:min(len(seen.Target), 60)])
			break
		}
	}
	return faults
}

// by reports whether the control that disarms has had its say. What the parser
// drops no control has seen.
func (e ending) by(trail *record.Trail) bool {
	return e.control == "wire" || slices.ContainsFunc(trail.Steps, func(s record.TrailStep) bool {
		return s.Control == e.control && (e.rule == "" || s.Rule == e.rule)
	})
}

func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// trail returns what the gateway kept of an answer, or nil. It is written after
// the answer is sent.
func (t *tour) trail(r reply) *record.Trail {
	id := r.header.Get("X-Request-Id")
	if id == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if found, err := t.stage.gateway.recorder.Find(ctx, id); err == nil {
			return found
		}
		time.Sleep(2 * time.Millisecond)
	}
	return nil
}

// send plays an attack's requests on one side and returns the answers.
func (t *tour) send(to side, a *attack, from string) ([]reply, error) {
	requests := a.requests
	if requests == nil {
		requests = []string{a.request}
	}
	host := "localhost"
	if to.tls == nil {
		host = "api.internal"
	} else if a.kept {
		host, to.tls = keptHost, to.tls.Clone()
		to.tls.ServerName = keptHost
	}
	var all []reply
	for _, text := range requests {
		raw, method := t.wire(text, host)
		replies, err := t.patiently(to, raw, method, from, a)
		if err != nil {
			return nil, err
		}
		all = append(all, replies...)
	}
	return all, nil
}

// patiently sends one request and, when a limit that the attack is not about
// refuses it, sends it again as soon as that says.
func (t *tour) patiently(to side, raw []byte, method, from string, a *attack) ([]reply, error) {
	for tries := 0; ; tries++ {
		replies, err := to.exchange(raw, method, from, max(a.answers, 1))
		if err != nil || replies[0].status != http.StatusTooManyRequests || a.end.status == http.StatusTooManyRequests || tries == 3 {
			return replies, err
		}
		wait, err := strconv.Atoi(replies[0].header.Get("Retry-After"))
		if err != nil || wait > 30 {
			return replies, errors.New("a limit that does not say for how long: " + strings.TrimSpace(replies[0].body))
		}
		time.Sleep(time.Duration(wait) * time.Second)
	}
}
