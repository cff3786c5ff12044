package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// id asks without a token and returns the id of the request that was refused.
func (s *site) id() string {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodGet, "http://"+s.addr+"/cats", nil)
	if err != nil {
		s.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	var problem struct {
		ID string `json:"request_id"`
	}
	if err := json.NewDecoder(res.Body).Decode(&problem); err != nil || problem.ID == "" {
		s.Fatalf("%s without an id: %v", res.Status, err)
	}
	return problem.ID
}

// TestARunningGatewayFollowsItsAccessLogThroughRotation moves the access log away twice, as
// logrotate does, once with the file made again by it: each request's line is in the file
// that was at the path when it came, and the last one's is written before the program ends.
func TestARunningGatewayFollowsItsAccessLogThroughRotation(t *testing.T) {
	s := newSite(t, "http://127.0.0.1:9", "http://127.0.0.1:9", "log: access.log\n")
	path := filepath.Join(filepath.Dir(s.file), "access.log")
	has := func(path, id string) bool {
		b, err := os.ReadFile(path)
		return err == nil && strings.Contains(string(b), `"`+id+`"`)
	}
	s.start()
	ids := []string{s.id()}
	for i, old := range []string{path + ".2", path + ".1"} {
		for began := time.Now(); !has(path, ids[i]); time.Sleep(10 * time.Millisecond) {
			if time.Since(began) > 10*time.Second {
				t.Fatalf("no line of request %d", i)
			}
		}
		if err := os.Rename(path, old); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(100 * time.Millisecond) // the pace at which the path is looked at
		ids = append(ids, s.id())
	}
	s.end(syscall.SIGTERM)
	for i, file := range []string{path + ".2", path + ".1", path} {
		for j, id := range ids {
			if has(file, id) != (i == j) {
				t.Errorf("%s has the line of request %d: %v", filepath.Base(file), j, i != j)
			}
		}
	}
}
