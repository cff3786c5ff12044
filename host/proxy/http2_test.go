package proxy_test

//lint:file-ignore SA1019 the client that speaks HTTP/2 and nothing else

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/gatehouse-api/gatehouse/host/proxy"
)

// pair writes a certificate for the names and returns its files.
func pair(t testing.TB, dir string, names ...string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	c := &x509.Certificate{SerialNumber: serial, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: names, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	pk, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")
	for f, b := range map[string][]byte{cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pk})} {
		if err := os.WriteFile(f, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// openTLS is open with TLS for api.test.
func openTLS(t testing.TB, upstream string, cfg proxy.Config) (*door, *proxy.Certificate, *tls.Config) {
	t.Helper()
	cert, key := pair(t, t.TempDir(), "api.test", "other.test")
	c, err := proxy.LoadCertificate(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	b, _ := os.ReadFile(cert)
	roots.AppendCertsFromPEM(b)
	return open(t, upstream, cfg, c.Config()), c, &tls.Config{RootCAs: roots, ServerName: "api.test", NextProtos: []string{"h2"}}
}

func h2client(d *door, cfg *tls.Config) *http.Client {
	return &http.Client{Transport: &http2.Transport{TLSClientConfig: cfg, DialTLSContext: func(_ context.Context, _, _ string, _ *tls.Config) (net.Conn, error) {
		return tls.Dial("tcp", d.addr, cfg)
	}}, Timeout: 20 * time.Second}
}

func TestGoodTrafficPassesOverHTTP2(t *testing.T) {
	d, _, cfg := openTLS(t, echo(t), proxy.Config{})
	c := h2client(d, cfg)
	for _, size := range []int{0, 1, 600, 70_000, 1 << 20} {
		for _, known := range []bool{true, false} {
			var rd io.Reader = bytes.NewReader(make([]byte, size))
			if !known {
				rd = struct{ io.Reader }{rd}
			}
			r, got := get(t, c, request(t, "POST", "https://api.test/echo?a=1", rd))
			if r.StatusCode != 200 || r.ProtoMajor != 2 || !strings.HasPrefix(got, fmt.Sprint(size, " ")) || r.Header.Get("X-Frame-Options") != "DENY" {
				t.Errorf("POST %d bytes, length known %v: %s %q %v", size, known, r.Status, got, r.Header)
			}
		}
	}
	if r, got := get(t, c, request(t, "GET", "https://api.test/large?n=3000000", nil)); len(got) != 3_000_000 || r.ContentLength != 3_000_000 {
		t.Errorf("a large reply came as %d bytes", len(got))
	}
	if _, got := get(t, c, request(t, "GET", "https://api.test/chunked", nil)); strings.Count(got, "piece") != 50 {
		t.Errorf("a streamed reply came as %q", got)
	}
	if r, _ := get(t, c, request(t, "HEAD", "https://api.test/large?n=77", nil)); r.StatusCode != 200 {
		t.Errorf("HEAD: %s", r.Status)
	}
}

func TestTheSameRefusalsHoldOverHTTP2(t *testing.T) {
	d, _, cfg := openTLS(t, echo(t), proxy.Config{})
	for name, fields := range map[string][]hpack.HeaderField{
		"R11 underscore":              {{Name: "x_user_id", Value: "root"}},
		"R14 duplicate authorization": {{Name: "authorization", Value: "Bearer a"}, {Name: "authorization", Value: "Bearer b"}},
		"R1 dot segment":              {{Name: ":path", Value: "/public/../admin"}},
		"R1 encoded slash":            {{Name: ":path", Value: "/a%2fb"}},
		"R3 leading double slash":     {{Name: ":path", Value: "//admin/x"}},
		"R4 double encoding":          {{Name: ":path", Value: "/%2561dmin"}},
		"R6 matrix parameter":         {{Name: ":path", Value: "/a;b"}},
		"R8 ambiguous query":          {{Name: ":path", Value: "/a?a=1;b=2"}},
		"R9 host and authority":       {{Name: "host", Value: "other.test"}},
		"R13 connection":              {{Name: "connection", Value: "x-user-id"}},
		"R31 transfer-encoding":       {{Name: "transfer-encoding", Value: "chunked"}},
		"TE other than trailers":      {{Name: "te", Value: "gzip"}},
		"R9 server name":              {{Name: ":authority", Value: "other.test"}},
		"TRACE":                       {{Name: ":method", Value: "TRACE"}},
	} {
		t.Run(name, func(t *testing.T) {
			status, err := rawH2(d.addr, cfg, fields)
			// The library resets a stream that is no HTTP at all.
			if err == nil && !slices.Contains([]string{"400", "405", "421"}, status) {
				t.Errorf("input.canonical %s: status %s", name, status)
			}
		})
	}
	if status, err := rawH2(d.addr, cfg, nil); status != "200" {
		t.Errorf("a plain request got %s %v", status, err)
	}
}

// rawH2 sends one GET whose pseudo-header fields may be replaced, field by field,
// and returns the status, or an error when the stream was reset.
func rawH2(addr string, cfg *tls.Config, fields []hpack.HeaderField) (string, error) {
	c, err := tls.Dial("tcp", addr, cfg)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	fr, err := greet(c)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	enc := hpack.NewEncoder(&b)
	pseudo := []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "api.test"}, {Name: ":path", Value: "/x"}}
	for _, p := range pseudo {
		for _, f := range fields {
			if f.Name == p.Name {
				p.Value = f.Value
			}
		}
		_ = enc.WriteField(p)
	}
	for _, f := range fields {
		if f.Name[0] != ':' {
			_ = enc.WriteField(f)
		}
	}
	if err := fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: b.Bytes(), EndStream: true, EndHeaders: true}); err != nil {
		return "", err
	}
	for {
		f, err := fr.ReadFrame()
		if err != nil {
			return "", err
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			return f.PseudoValue("status"), nil
		case *http2.RSTStreamFrame:
			return "", fmt.Errorf("reset: %v", f.ErrCode)
		case *http2.GoAwayFrame:
			return "", fmt.Errorf("go away: %v", f.ErrCode)
		}
	}
}

func greet(c net.Conn) (*http2.Framer, error) {
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		return nil, err
	}
	fr := http2.NewFramer(c, c)
	fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	return fr, fr.WriteSettings()
}

func TestR29FloodsOfFramesCloseTheConnection(t *testing.T) {
	d, _, cfg := openTLS(t, echo(t), proxy.Config{})
	var b bytes.Buffer
	enc := hpack.NewEncoder(&b)
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "api.test"}, {":path", "/hang"}} {
		_ = enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	head := bytes.Clone(b.Bytes())
	for name, send := range map[string]func(fr *http2.Framer, i int) error{
		"rapid reset": func(fr *http2.Framer, i int) error {
			id := uint32(2*i + 1)
			if err := fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: head, EndStream: true, EndHeaders: true}); err != nil {
				return err
			}
			return fr.WriteRSTStream(id, http2.ErrCodeCancel)
		},
		"ping":     func(fr *http2.Framer, i int) error { return fr.WritePing(false, [8]byte{}) },
		"settings": func(fr *http2.Framer, i int) error { return fr.WriteSettings() },
		"continuation": func(fr *http2.Framer, i int) error {
			if i == 0 {
				return fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head})
			}
			return fr.WriteContinuation(1, false, nil)
		},
		"empty data": func(fr *http2.Framer, i int) error {
			if i == 0 {
				return fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head, EndHeaders: true})
			}
			return fr.WriteData(1, false, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := tls.Dial("tcp", d.addr, cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			fr, err := greet(c)
			if err != nil {
				t.Fatal(err)
			}
			closed := make(chan struct{})
			go func() { _, _ = io.Copy(io.Discard, c); close(closed) }()
			for i := range 5000 {
				if err := send(fr, i); err != nil {
					break
				}
			}
			select {
			case <-closed:
			case <-time.After(4 * time.Second):
				t.Error("R29: the connection is still open after 5,000 frames")
			}
			c2 := h2client(d, cfg)
			if r, _ := get(t, c2, request(t, "GET", "https://api.test/x", nil)); r.StatusCode != 200 {
				t.Errorf("R29: a bystander got %s", r.Status)
			}
		})
	}
}

func TestTLSIsModernAndItsCertificateReloads(t *testing.T) {
	d, cert, cfg := openTLS(t, echo(t), proxy.Config{})
	for name, c := range map[string]*tls.Config{
		"TLS 1.1":          {MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		"CBC":              {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}},
		"RSA key exchange": {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}},
	} {
		c.RootCAs, c.ServerName = cfg.RootCAs, "api.test"
		if conn, err := tls.Dial("tcp", d.addr, c); err == nil {
			_ = conn.Close()
			t.Errorf("tls.min: %s was accepted", name)
		}
	}
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		conn, err := tls.Dial("tcp", d.addr, &tls.Config{RootCAs: cfg.RootCAs, ServerName: "api.test", MinVersion: v, MaxVersion: v})
		if err != nil {
			t.Fatalf("tls.min: %s: %v", tls.VersionName(v), err)
		}
		before := conn.ConnectionState().PeerCertificates[0].SerialNumber
		_ = conn.Close()
		if v == tls.VersionTLS12 {
			continue
		}
		if cert.Changed() {
			t.Error("tls.min: an unchanged certificate counts as changed")
		}
		files := cert.Files()
		pair(t, filepath.Dir(files[0]), "api.test")
		if !cert.Changed() {
			t.Error("tls.min: a new certificate is not seen")
		}
		if err := cert.Reload(); err != nil {
			t.Fatal(err)
		}
		conn, err = tls.Dial("tcp", d.addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		if conn.ConnectionState().PeerCertificates[0].SerialNumber.Cmp(before) == 0 {
			t.Error("tls.min: the old certificate is still served")
		}
		_ = conn.Close()
		if err := os.WriteFile(files[0], []byte("garbage"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := cert.Reload(); err == nil {
			t.Error("tls.min: garbage was taken for a certificate")
		}
		if conn, err = tls.Dial("tcp", d.addr, &tls.Config{InsecureSkipVerify: true}); err != nil {
			t.Fatalf("tls.min: the last good certificate is gone: %v", err)
		}
		_ = conn.Close()
	}
}

func TestR26TheHostMustBeTheOneThatTheHandshakeNamed(t *testing.T) {
	d, _, cfg := openTLS(t, echo(t), proxy.Config{})
	for host, want := range map[string]string{"api.test": "200", "API.test:443": "200", "api.test.": "200", "other.test": "421", "api.test.evil": "421", "api.tes": "421"} {
		one := cfg.Clone()
		one.NextProtos = []string{"http/1.1"}
		c, err := tls.Dial("tcp", d.addr, one)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		fmt.Fprintf(c, "GET /x HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host)
		b, err := io.ReadAll(c)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(b), "HTTP/1.1 "+want) {
			t.Errorf("R26 %s: got %.30q, want %s", host, b, want)
		}
		_ = c.Close()
	}
}
