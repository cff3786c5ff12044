package main

import (
	"strings"
	"testing"
)

// h2loadSaid is what h2load 1.52.0 prints, shortened.
const h2loadSaid = `starting benchmark...
TLS Protocol: TLSv1.3
Cipher: TLS_AES_128_GCM_SHA256
Application protocol: h2
Main benchmark duration is over for thread #0. Stopping all clients.

finished in 2.00s, 4012.50 req/s, 352.08KB/s
requests: 8025 total, 8089 started, 8025 done, 8025 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 8025 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 352.08KB (360528) total, 281.25KB (288000) headers (space savings 40.98%), 0B (0) data
`

func TestWhatH2loadSaysIsRead(t *testing.T) {
	m, err := readH2load(h2loadSaid)
	if err != nil {
		t.Fatal(err)
	}
	if m.requests != 8025 || m.perSec != 4012.5 {
		t.Errorf("%d requests, %g a second", m.requests, m.perSec)
	}
}

func TestARunOfH2loadIsSpoiltByOneWrongAnswerAndByAnotherProtocol(t *testing.T) {
	for name, change := range map[string][2]string{
		"a refusal":      {"8025 succeeded, 0 failed", "8024 succeeded, 1 failed"},
		"a broken one":   {"0 errored", "2 errored"},
		"a late one":     {"0 timeout", "1 timeout"},
		"HTTP/1.1":       {"protocol: h2", "protocol: http/1.1"},
		"none":           {"8025 done, 8025 succeeded", "0 done, 0 succeeded"},
		"no counts":      {"requests:", "answers:"},
		"no rate":        {"finished in", "ended in"},
		"no protocol":    {"Application protocol", "Protocol"},
		"too many to be": {"8025 done, 8025 succeeded", "99999999999999999999 done, 99999999999999999999 succeeded"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(h2loadSaid, change[0]) {
				t.Fatalf("there is no %q to change", change[0])
			}
			if m, err := readH2load(strings.Replace(h2loadSaid, change[0], change[1], 1)); err == nil {
				t.Errorf("is taken for %d requests", m.requests)
			}
		})
	}
}
