package egress

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestOnlyPublicAddressesAreCalled(t *testing.T) {
	o := Options{}
	for _, bad := range []string{
		"127.0.0.1:443", "127.8.8.8:443", "[::1]:443", "0.0.0.0:80", "[::]:80", "10.1.2.3:443", "172.16.0.1:443", "192.168.1.1:443", "169.254.169.254:80",
		"100.64.0.1:443", "192.0.0.1:443", "198.18.0.1:443", "203.0.113.7:443", "224.0.0.1:443", "255.255.255.255:443", "240.0.0.1:443",
		"[fe80::1%eth0]:443", "[fc00::1]:443", "[fd12:3456::1]:443", "[ff02::1]:443", "[::ffff:127.0.0.1]:443", "[::ffff:10.0.0.1]:443", "[::127.0.0.1]:443",
		"[64:ff9b::7f00:1]:443", "[2002:7f00:1::]:443", "[2001:db8::1]:443", "[fec0::1]:443", "[2606:4700::1111%1]:443", "localhost:443", "", "x",
	} {
		if err := o.judge(bad); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, good := range []string{"1.1.1.1:443", "[2606:4700::1111]:443", "93.184.216.34:8443", "[::ffff:1.1.1.1]:443"} {
		if err := o.judge(good); err != nil {
			t.Error(err)
		}
	}
	o.Networks = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8")}
	for address, want := range map[string]bool{"10.1.2.3:443": true, "10.2.0.1:443": false, "[::ffff:10.1.2.3]:443": true, "[fd00::1]:443": true, "127.0.0.1:443": false} {
		if err := o.judge(address); (err == nil) != want {
			t.Errorf("%s: %v; want %v", address, err, want)
		}
	}
}

func TestANameThatLeadsInsideIsNotCalled(t *testing.T) {
	called := false
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer s.Close()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"localhost", "127.0.0.1", "[::1]", "0.0.0.0", "2130706433", "127.1"} {
		res, err := Client(Options{Timeout: 5 * time.Second}).Get("http://" + host + ":" + port)
		if err == nil {
			_ = res.Body.Close()
			t.Errorf("%s answers", host)
		}
	}
	if called {
		t.Error("somebody was called")
	}
	res, err := Client(Options{Anywhere: true}).Get(s.URL)
	if err != nil || !called {
		t.Fatalf("in development: %v", err)
	}
	_ = res.Body.Close()
}

func TestARedirectIsAnAnswer(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // nor has the environment a say
	s := httptest.NewServer(http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound))
	defer s.Close()
	res, err := Client(Options{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}).Get(s.URL)
	if err != nil || res.StatusCode != http.StatusFound {
		t.Fatalf("%v %v", res, err)
	}
	_ = res.Body.Close()
}

func TestWhoeverAnswersSlowlyIsGivenUp(t *testing.T) {
	stop := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}))
	defer s.Close()
	defer close(stop)
	began := time.Now()
	_, err := Client(Options{Anywhere: true, Timeout: time.Second}).Get(s.URL)
	if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > 3*time.Second {
		t.Errorf("after %s: %v", took, err)
	}
}
