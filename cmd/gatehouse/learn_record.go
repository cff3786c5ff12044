package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gatehouse-api/gatehouse/learn"
)

// The times of a recording.
const (
	writeEvery = 30 * time.Second
	recordHead = 10 * time.Second // to send the head of a request
	recordEnd  = 5 * time.Second  // for requests in progress at the end
)

// record learns from the requests that pass through, until it is told to stop.
func (v *learning) record() error {
	upstream, err := url.Parse(v.upstream)
	if err != nil || upstream.Scheme != "http" && upstream.Scheme != "https" || upstream.Host == "" || upstream.User != nil || upstream.RawQuery != "" || upstream.Fragment != "" {
		return fmt.Errorf("--upstream %q is no address of an API; write: --upstream http://127.0.0.1:9000", v.upstream)
	}
	v.server = upstream.String()
	l, err := loopback(v.listen)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if v.period > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, v.period)
		defer cancel()
	}
	full := make(chan struct{}, 1)
	recorder := learn.NewRecorder(v.learner, upstream, log.New(v.stderr, "gatehouse learn: ", 0))
	server := &http.Server{ReadHeaderTimeout: recordHead, ErrorLog: log.New(v.stderr, "gatehouse learn: ", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !own(r.Host) { // a page of another site, by a name that leads here
				http.Error(w, "this recorder answers to localhost only", http.StatusMisdirectedRequest)
				return
			}
			recorder.ServeHTTP(w, r)
			if seen, _ := v.learner.Count(); v.requests > 0 && seen >= v.requests {
				select {
				case full <- struct{}{}:
				default: // it is known already
				}
			}
		})}
	fmt.Fprintf(v.stdout, "recording on http://%s in front of %s\n", l.Addr(), v.server)
	fmt.Fprintln(v.stderr, "warning: this is a tool for development: no control is in force between this address and the API, which is why it listens on loopback only")
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	err = v.attend(ctx, full, failed)
	end, cancel := context.WithTimeout(context.Background(), recordEnd)
	defer cancel()
	if server.Shutdown(end) != nil {
		_ = server.Close() // what is still in progress teaches nothing
	}
	return err
}

// own reports a Host field that names this machine by itself.
func own(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// attend writes the document from time to time, until the end.
func (v *learning) attend(ctx context.Context, full <-chan struct{}, failed <-chan error) error {
	tick := time.NewTicker(writeEvery)
	defer tick.Stop()
	written := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-full:
			return nil
		case err := <-failed:
			return err
		case <-tick.C:
			seen, _ := v.learner.Count()
			if seen == written {
				continue
			}
			if _, err := v.write(); err != nil {
				return err
			}
			written = seen
		}
	}
}

// loopback listens on an address that only this machine reaches.
func loopback(address string) (net.Listener, error) {
	fix := fmt.Errorf("--listen %q: recording happens without any control, so it listens on loopback only; write: --listen 127.0.0.1:8088", address)
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fix
	}
	if host != "localhost" {
		if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
			return nil, fix
		}
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	// A name is what the machine makes of it.
	if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return nil, errors.Join(fix, l.Close())
	}
	return l, nil
}
