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
	req, err := http.NewRequestWithContext(s.ctx, l.method, "http://"+r.addr+l.path, strings.NewReader(l.body))
	if err != nil {
		return err
	}
	req.Header = l.header.Clone()
	if req.Header.Get("Authorization") == "" { // the script has one for each customer
		req.Header.Set("Authorization", "Bearer "+s.token(customer(0)))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
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
	args := []string{"-t1", "-c" + strconv.Itoa(connections), fmt.Sprintf("-d%ds", max(1, int(d.Round(time.Second).Seconds())))}
	for name, values := range r.load.header {
		args = append(args, "-H", name+": "+values[0])
	}
	if r.load.script != "" {
		args = append(args, "-s", filepath.Join(s.dir, strings.NewReplacer(" ", "-", ",", "").Replace(r.name)+".lua"))
	}
	return append(args, "http://"+r.addr+r.load.path)
}

var (
	wrkRequests = regexp.MustCompile(`(\d+) requests in`)
	wrkRate     = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	wrkFailed   = regexp.MustCompile(`(?m)^\s*(Non-2xx.*|Socket errors.*)$`)
)

// wrk loads a row and returns what it cost. One wrong answer spoils the run.
func (s *site) wrk(r *row, d time.Duration) (sample, error) {
	args := s.wrkArgs(r, d)
	if r.load.script != "" {
		if err := os.WriteFile(args[len(args)-2], []byte(r.load.script), 0o600); err != nil {
			return sample{}, err
		}
	}
	before, err := r.process.cpu()
	if err != nil {
		return sample{}, err
	}
	var out bytes.Buffer
	cmd := pinned(s.ctx, otherCore, "wrk", args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return sample{}, fmt.Errorf("wrk: %w\n%s", err, tail(out.String(), 1000))
	}
	after, err := r.process.cpu()
	if err != nil {
		return sample{}, err
	}
	if f := wrkFailed.FindString(out.String()); f != "" {
		return sample{}, fmt.Errorf("%s: wrk says: %s", r.name, strings.TrimSpace(f))
	}
	n, rate := wrkRequests.FindStringSubmatch(out.String()), wrkRate.FindStringSubmatch(out.String())
	if n == nil || rate == nil {
		return sample{}, fmt.Errorf("wrk: cannot read its output:\n%s", out.String())
	}
	requests, err := strconv.ParseInt(n[1], 10, 64)
	perSec, err2 := strconv.ParseFloat(rate[1], 64)
	if requests == 0 {
		err = errors.Join(err, fmt.Errorf("%s: no request was answered", r.name))
	}
	return sample{requests: requests, cpu: after - before, perSec: perSec}, errors.Join(err, err2)
}

// rounds loads every row in turn, again and again, so that what else the machine
// does falls on all of them alike.
func (s *site) rounds(rows []*row, o options, stderr io.Writer) error {
	for _, r := range rows {
		if _, err := s.wrk(r, o.warm); err != nil {
			return err
		}
	}
	for i := range o.rounds {
		fmt.Fprintf(stderr, "round %d of %d\n", i+1, o.rounds)
		for _, r := range rows {
			m, err := s.wrk(r, o.each)
			if err != nil {
				return err
			}
			r.rounds = append(r.rounds, m)
		}
	}
	return nil
}
