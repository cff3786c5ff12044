package main

import (
	"bytes"
	"strings"
	"testing"
)

func names(rows []*row) (all []string) {
	for _, r := range rows {
		all = append(all, r.name)
	}
	return all
}

func TestWhatNeedsAToolThatCannotBeHadIsLeftOutAndSaid(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	s := newTestSite(t)
	var said bytes.Buffer
	rows, err := s.rows(options{only: "TLS|HTTP/2"}, &said)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(names(rows), "; "); got != "nginx TLS GET; gatehouse TLS, plain, GET; gatehouse TLS, every control, GET" {
		t.Errorf("left are: %s", got)
	}
	if !strings.Contains(said.String(), "left out") || !strings.Contains(said.String(), "nghttp2-client") {
		t.Errorf("it says: %s", said.String())
	}
	if _, err := s.rows(options{only: "HTTP/2"}, &said); err == nil {
		t.Error("nothing is left, and that is no error")
	}
}

func TestARowComesWithWhatItIsComparedWith(t *testing.T) {
	s := newTestSite(t)
	for only, want := range map[string]string{
		"10,000 endp":           fewGet + "; " + manyGet,
		"^gatehouse, 30 % load": alone + "; gatehouse, 30 % load",
		"TLS, plain":            nginxTLS + "; gatehouse TLS, plain, GET",
	} {
		rows, err := s.rows(options{only: only, quick: true}, &bytes.Buffer{})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(names(rows), "; "); got != want {
			t.Errorf("-only %q measures %s", only, got)
		}
	}
}

func TestAnotherBuildStandsBesideEveryRowOfGatehouse(t *testing.T) {
	s := newTestSite(t)
	rows, err := s.rows(options{only: "TLS|30 %|endpoints", beside: "/tmp/other"}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		if r.set == nil || strings.HasPrefix(r.name, " ") {
			continue
		}
		if o := rows[i+1]; o.base != r.name || o.server == r.server || o.tool != r.tool || o.scheme != r.scheme || o.bar != 0 {
			t.Errorf("beside %s stands %+v", r.name, o)
		}
	}
}

func TestQuickLeavesTheSlowStartOutUnlessItIsAskedFor(t *testing.T) {
	s := newTestSite(t)
	rows, err := s.rows(options{quick: true, only: ""}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if find(rows, manyGet) != nil || find(rows, fullGet) == nil {
		t.Errorf("-quick measures %q", names(rows))
	}
}
