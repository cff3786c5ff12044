package people

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/keyfile"
)

// post is a mail server that speaks as much SMTP as there is to test.
type post struct {
	address string
	roots   *x509.CertPool
	mu      sync.Mutex
	heard   string // everything that came in the clear
	message string
}

func startPost(t *testing.T, offerTLS bool) *post {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &post{address: ln.Addr().String(), roots: x509.NewCertPool()}
	p.roots.AddCert(leaf)
	var work sync.WaitGroup
	work.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			p.talk(c, offerTLS, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		work.Wait()
	})
	return p
}

func (p *post) talk(c net.Conn, offerTLS bool, config *tls.Config) {
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	say := func(s string) { _, _ = io.WriteString(c, s+"\r\n") }
	lines, secure := bufio.NewReader(c), false
	say("220 mail")
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		if !secure {
			p.mu.Lock()
			p.heard += line
			p.mu.Unlock()
		}
		switch verb, _, _ := strings.Cut(strings.TrimSpace(line), " "); strings.ToUpper(verb) {
		case "EHLO":
			switch {
			case secure:
				say("250-mail\r\n250 AUTH PLAIN")
			case offerTLS:
				say("250-mail\r\n250 STARTTLS")
			default:
				say("250-mail\r\n250 AUTH PLAIN")
			}
		case "STARTTLS":
			say("220 go on")
			inner := tls.Server(c, config)
			if inner.Handshake() != nil {
				return
			}
			c, secure = inner, true
			lines = bufio.NewReader(c)
		case "DATA":
			say("354 go on")
			text := ""
			for line != ".\r\n" {
				if line, err = lines.ReadString('\n'); err != nil {
					return
				}
				text += line
			}
			p.mu.Lock()
			p.message = text
			p.mu.Unlock()
			say("250 taken")
		case "AUTH":
			say("235 welcome")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 good")
		}
	}
}

func TestMailGoesOverTLSOrNotAtAll(t *testing.T) {
	m := Mail{To: "alice@example.com", Subject: "Grüße", Text: "A line.\n.\nhttps://example.com/?a=b\n"}
	good := startPost(t, true)
	s := SMTP{Address: good.address, From: "login@example.com", User: "login", Password: "c4n4ry", TLS: &tls.Config{RootCAs: good.roots}}
	if err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	read, err := mail.ReadMessage(strings.NewReader(good.message))
	if err != nil || read.Header.Get("To") != "<alice@example.com>" || read.Header.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("%q: %v", good.message, err)
	}
	if strings.Contains(good.heard, "alice") || strings.Contains(good.heard, "AUTH") {
		t.Errorf("in the clear: %q", good.heard)
	}
	t.Run("a server without TLS gets nothing", func(t *testing.T) {
		plain := startPost(t, false)
		s := s
		s.Address = plain.address
		if err := s.Send(t.Context(), m); !errors.Is(err, ErrPlain) {
			t.Errorf("%v", err)
		}
		if strings.Contains(plain.heard, "alice") || strings.Contains(plain.heard, "AUTH") {
			t.Errorf("in the clear: %q", plain.heard)
		}
	})
	t.Run("a server that is not proven gets nothing", func(t *testing.T) {
		other := startPost(t, true)
		s := s
		s.Address = other.address // its certificate is its own
		if err := s.Send(t.Context(), m); err == nil || other.message != "" {
			t.Errorf("%v, %q", err, other.message)
		}
	})
}

func TestTheKeyIsOneAndNobodyElses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "people.key")
	keys := make([]*Key, 8)
	var work sync.WaitGroup
	for i := range keys {
		work.Go(func() {
			var err error
			if keys[i], err = OpenKey(path); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	if t.Failed() {
		return
	}
	for _, k := range keys {
		if got, err := k.unlock("p", "o", keys[0].lock("p", "o", []byte("secret"))); err != nil || string(got) != "secret" {
			t.Fatalf("those who start together have different keys: %q, %v", got, err)
		}
	}
	k, now := keys[0], time.Now()
	text := k.issue("p", "o", ticket{User: "u", Until: now.Add(time.Minute)})
	if got, ok := k.redeem("p", "o", text, now); !ok || got.User != "u" {
		t.Error("a good ticket is refused")
	}
	for name, ok := range map[string]func() bool{
		"another purpose": func() bool { _, ok := k.redeem("q", "o", text, now); return ok },
		"another owner":   func() bool { _, ok := k.redeem("p", "x", text, now); return ok },
		"later":           func() bool { _, ok := k.redeem("p", "o", text, now.Add(time.Minute)); return ok },
		"cut off":         func() bool { _, ok := k.redeem("p", "o", text[:len(text)-2], now); return ok },
		"nothing":         func() bool { _, ok := k.redeem("p", "o", "", now); return ok },
	} {
		if ok() {
			t.Errorf("%s: a ticket is taken", name)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKey(path); !errors.Is(err, keyfile.ErrUntrusted) {
		t.Errorf("a key that others may read: %v", err)
	}
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(path, 0o600)
	if _, err := OpenKey(path); !errors.Is(err, keyfile.ErrUntrusted) {
		t.Errorf("a key that is too short: %v", err)
	}
}
