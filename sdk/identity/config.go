package identity

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/jose"
)

// What the gateway says when nothing else is configured there.
const (
	defaultHeader = "Gatehouse-Identity"
	defaultIssuer = "gatehouse"
)

// Config says whose statements are believed. Keys and Audience are all that an
// application has to say.
type Config struct {
	// Keys is where the gateway's public keys are: a URL (https, or http on this
	// machine), such as http://127.0.0.1:9901/.well-known/jwks.json, or file:PATH, a JWK
	// set in a file: what that URL answers. New keys are found by themselves:
	// those of a URL when a statement names one that is not known, those of a file
	// within a second of its change.
	Keys string
	// Audience is the name of this application's API in the gateway's configuration
	// (or controls.identity.audience there). Statements for others are refused.
	Audience string

	// Issuer is controls.identity.issuer of the gateway; "gatehouse" when left out.
	Issuer string
	// Header is controls.identity.header of the gateway; "Gatehouse-Identity" when left out.
	Header string
	// Transport fetches the keys; nil for an ordinary one without a proxy.
	Transport http.RoundTripper
	// Log is told why a request was refused; nil for [slog.Default].
	Log *slog.Logger
}

// New returns what verifies statements. Keys of a file are read at once, those of a
// URL when the first statement comes: the gateway may start later.
func New(c Config) (*Verifier, error) {
	if c.Audience == "" {
		return nil, errors.New(`identity: Config.Audience is empty: it is the name of this API under apis in gatehouse.yaml, such as "orders"`)
	}
	v := &Verifier{issuer: c.Issuer, audience: c.Audience, header: c.Header, log: c.Log, now: time.Now, cache: newCache(cacheSize)}
	if v.issuer == "" {
		v.issuer = defaultIssuer
	}
	if v.header == "" {
		v.header = defaultHeader
	}
	v.header = http.CanonicalHeaderKey(v.header)
	if v.log == nil {
		v.log = slog.Default()
	}
	if path, ok := strings.CutPrefix(c.Keys, "file:"); ok {
		f := &file{path: path, log: v.log}
		if err := f.read(); err != nil {
			return nil, fmt.Errorf("identity: Config.Keys: %w", err)
		}
		v.keys = jose.Live(func() *jose.Set { return f.present(v.now()) })
		return v, nil
	}
	if c.Keys == "" {
		return nil, errors.New("identity: Config.Keys is empty: it is the URL of /.well-known/jwks.json on the gateway's admin listener, or file:PATH with what that answers")
	}
	keys, err := jose.NewSource(v.issuer, c.Keys, c.Transport, v.log)
	if err != nil {
		return nil, fmt.Errorf("identity: Config.Keys: %w", err)
	}
	v.keys = keys
	return v, nil
}

// lookAgain is how often a file of keys is looked at.
const lookAgain = time.Second

// file is a JWK set in a file that may be replaced.
type file struct {
	path string
	log  *slog.Logger

	mu     sync.Mutex
	set    *jose.Set
	looked time.Time
	stamp  time.Time // of the file that set is from
	size   int64
}

// present returns the keys of the file. What cannot be read leaves the keys as they
// were, as a gateway leaves its policy.
func (f *file) present(now time.Time) *jose.Set {
	f.mu.Lock()
	defer f.mu.Unlock()
	if since := now.Sub(f.looked); since >= 0 && since < lookAgain {
		return f.set
	}
	f.looked = now
	info, err := os.Stat(f.path)
	if err == nil && info.ModTime().Equal(f.stamp) && info.Size() == f.size {
		return f.set
	}
	if err == nil {
		err = f.read()
	}
	if err != nil {
		f.log.Error("identity: the keys could not be read again and stay as they were", "error", err)
	}
	return f.set
}

func (f *file) read() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(f.path)
	if err != nil {
		return err
	}
	set, err := jose.ParseSet(text)
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	f.set, f.stamp, f.size = set, info.ModTime(), info.Size()
	return nil
}
