package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// connections is how many keep-alive connections the load has.
const connections = 64

// load is what is asked for.
type load struct {
	method, path, body string
	header             http.Header
	script             string // for wrk, when one request is not enough
	status             int
	want               string                  // the body of the answer
	check              func(body string) error // in place of want
}

func (s *site) header(customer string) http.Header {
	return http.Header{"Authorization": {"Bearer " + s.token(customer)}, "Origin": {origin}, "Accept": {"application/json"}}
}

// getLoad reads the first customer's order, with one token.
func (s *site) getLoad() load {
	return load{method: http.MethodGet, path: "/v1/orders/" + customer(0), header: s.header(customer(0)), status: 200, want: order(customer(0))}
}

// postLoad makes an order.
func (s *site) postLoad() load {
	l := load{method: http.MethodPost, path: "/v1/orders", body: newOrder(), header: s.header(customer(0)), status: 201, want: order(customer(0))}
	l.header.Set("Content-Type", "application/json")
	l.script = fmt.Sprintf("wrk.method = \"POST\"\nwrk.body = %s\n", lua(l.body))
	return l
}

// manyLoad reads the orders of many customers in turn, each with its own token.
func (s *site) manyLoad() load {
	l := s.getLoad()
	var b strings.Builder
	b.WriteString("local n, all = 0, {}\nlocal tokens = {\n")
	for i := range manyUsers {
		fmt.Fprintf(&b, "%s,\n", lua(s.token(customer(i))))
	}
	b.WriteString(`}
init = function(args)
  for i, t in ipairs(tokens) do
    wrk.headers["Authorization"] = "Bearer " .. t
    all[i] = wrk.format("GET", "/v1/orders/u" .. (i - 1))
  end
end
request = function()
  n = n % #all + 1
  return all[n]
end
`)
	l.script = b.String()
	l.header.Del("Authorization")
	return l
}

// lua quotes a text that has neither control characters nor backslashes.
func lua(s string) string { return "'" + strings.ReplaceAll(s, "'", `\'`) + "'" }

// verify asks once, as the load will, and looks at the answer.
func (s *site) verify(r *row) error {
	l := r.load
	req, err := http.NewRequestWithContext(s.ctx, l.method, r.url(), strings.NewReader(l.body))
	if err != nil {
		return err
	}
	req.Header = l.header.Clone()
	if req.Header.Get("Authorization") == "" { // the script has one for each customer
		req.Header.Set("Authorization", "Bearer "+s.token(customer(0)))
	}
	resp, err := s.client(r).Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	if err := r.spoken(resp); err != nil {
		return err
	}
	if l.check != nil && resp.StatusCode == l.status {
		if err := l.check(string(body)); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		return nil
	}
	if resp.StatusCode != l.status || string(body) != l.want {
		return fmt.Errorf("%s: got %d\n%s\nwant %d\n%s", r.name, resp.StatusCode, body, l.status, l.want)
	}
	return nil
}

func (s *site) wrkArgs(r *row, d time.Duration) []string {
	args := []string{"-t1", "-c" + strconv.Itoa(connections), fmt.Sprintf("-d%ds", seconds(d))}
	for name, values := range r.load.header {
		args = append(args, "-H", name+": "+values[0])
	}
	if r.load.script != "" {
		args = append(args, "-s", filepath.Join(s.dir, strings.NewReplacer(" ", "-", ",", "").Replace(r.name)+".lua"))
	}
	return append(args, r.url())
}

// seconds are what wrk and h2load count in.
func seconds(d time.Duration) int { return max(1, int(d.Round(time.Second).Seconds())) }

var (
	wrkRequests = regexp.MustCompile(`(\d+) requests in`)
	wrkRate     = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	wrkFailed   = regexp.MustCompile(`(?m)^\s*(Non-2xx.*|Socket errors.*)$`)
)

// tool returns what loads a row, and its arguments.
func (s *site) tool(r *row, d time.Duration) (program string, args []string) {
	switch r.tool {
	case http2:
		return "h2load", s.h2loadArgs(r, d)
	case paced:
		return s.programs["openloop"], s.paceArgs(r, d)
	}
	return "wrk", s.wrkArgs(r, d)
}

// load loads a row and returns what it cost. One wrong answer spoils the run.
func (s *site) load(r *row, d time.Duration) (sample, error) {
	program, args := s.tool(r, d)
	if r.tool == http1 && r.load.script != "" {
		if err := os.WriteFile(args[len(args)-2], []byte(r.load.script), 0o600); err != nil {
			return sample{}, err
		}
	}
	before, err := r.process.cpu()
	if err != nil {
		return sample{}, err
	}
	var out bytes.Buffer
	cmd := pinned(s.ctx, otherCore, program, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if r.tool == paced {
		cmd.Stdin = strings.NewReader(r.message())
	}
	if err := cmd.Run(); err != nil {
		return sample{}, fmt.Errorf("%s: %s: %w\n%s", r.name, program, err, tail(out.String(), 1000))
	}
	after, err := r.process.cpu()
	if err != nil {
		return sample{}, err
	}
	read := map[tool]func(string) (sample, error){http1: readWrk, http2: readH2load, paced: readPaced}[r.tool]
	m, err := read(out.String())
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w", r.name, err)
	}
	m.cpu = after - before
	return m, nil
}

// readWrk reads how many requests were answered and how many a second.
func readWrk(out string) (sample, error) {
	if f := wrkFailed.FindString(out); f != "" {
		return sample{}, errors.New("wrk says: " + strings.TrimSpace(f))
	}
	n, rate := wrkRequests.FindStringSubmatch(out), wrkRate.FindStringSubmatch(out)
	if n == nil || rate == nil {
		return sample{}, errors.New("cannot read the output of wrk:\n" + out)
	}
	requests, err := strconv.ParseInt(n[1], 10, 64)
	perSec, err2 := strconv.ParseFloat(rate[1], 64)
	if requests == 0 {
		err = errors.Join(err, errors.New("no request was answered"))
	}
	return sample{requests: requests, perSec: perSec}, errors.Join(err, err2)
}

// warm loads every row once, those at a constant rate with all that they can take:
// that says what the rate is.
func (s *site) warm(rows []*row, d time.Duration) error {
	for _, r := range rows {
		flat := *r
		if r.tool == paced {
			flat.tool = http1
		}
		m, err := s.load(&flat, d)
		if err != nil {
			return err
		}
		if r.tool == paced {
			s.slowDown(m)
		}
	}
	return nil
}

// rounds loads every row in turn, again and again, so that what else the machine
// does falls on all of them alike.
func (s *site) rounds(rows []*row, o options, stderr io.Writer) error {
	if err := s.warm(rows, o.warm); err != nil {
		return err
	}
	for i := range o.rounds {
		fmt.Fprintf(stderr, "round %d of %d\n", i+1, o.rounds)
		for _, r := range rows {
			m, err := s.load(r, o.each)
			if err != nil {
				return err
			}
			r.rounds = append(r.rounds, m)
		}
	}
	return nil
}
