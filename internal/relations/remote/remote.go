// Package remote asks other decision points for relations: an OpenFGA server by its
// HTTP API, or whatever speaks AuthZEN 1.0 (SpiceDB, Cerbos, Topaz and OPA do, or have
// a door that does).
//
// It defends from a decision point that is slow, broken or not the one it should be:
// every answer that is not plainly yes or no is an error, and an error denies. Nothing
// is asked twice, nothing is remembered, and no address is called that the
// configuration does not name. What these servers do not promise is not promised here:
// neither has revisions, so that two answers of one decision may be of two moments.
package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/aside"
	"github.com/gatehouse-api/gatehouse/internal/relations"
	"github.com/gatehouse-api/gatehouse/internal/secret"
)

var (
	// ErrUnavailable says that the decision point gave no answer that could be used.
	ErrUnavailable = errors.New("remote: the decision point gave no answer")
	// ErrMisconfigured says that the decision point answers, and will not answer what
	// is configured: the token, the store, the model or what it defines is another one.
	ErrMisconfigured = errors.New("remote: the decision point does not know what is configured")
)

// Server is where a decision point is, and how it is called.
type Server struct {
	URL    string       // https, or http on this machine: without a query or fragment
	Token  secret.Text  // sent as a bearer token (RFC 6750); empty is none
	Client *http.Client // with a timeout; follows no redirect
}

// mostBytes is the longest answer that is read.
const mostBytes = 8 << 20

// check refuses an address that would send a token in the clear.
func (s *Server) check() error {
	u, err := url.Parse(s.URL)
	switch {
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return fmt.Errorf("remote: %q is no address of a decision point: write https://fga.example.com", s.URL)
	case u.Scheme == "https", u.Scheme == "http" && local(u.Hostname()):
		return nil
	}
	return fmt.Errorf("remote: %q is called without TLS: write https:// before a server on another machine", s.URL)
}

func local(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// call sends a question as JSON and returns the answer, which must be JSON with 200.
func (s *Server) call(ctx context.Context, method, path string, question []byte) ([]byte, error) {
	aside.Step(ctx)
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(s.URL, "/")+path, bytes.NewReader(question))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	if !s.Token.IsZero() {
		r.Header.Set("Authorization", "Bearer "+s.Token.Reveal())
	}
	res, err := s.Client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, mostBytes+1))
	switch media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case len(body) > mostBytes:
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrUnavailable, mostBytes)
	case res.StatusCode != http.StatusOK:
		return nil, &refusal{res.StatusCode, codeOf(body)}
	case media != "application/json":
		return nil, fmt.Errorf("%w: it answers with %q", ErrUnavailable, media)
	}
	return body, nil
}

// refusal is an answer with another status than 200. It is an [ErrUnavailable].
type refusal struct {
	status int
	code   string // what the decision point calls it, or ""
}

// Error returns the status, and the code.
func (r *refusal) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%v: it answers %d %s", ErrUnavailable, r.status, r.code))
}

// Is reports whether target is ErrUnavailable.
func (r *refusal) Is(target error) bool { return target == ErrUnavailable }

// longestCode is how much of a decision point's own words is shown, in bytes.
const longestCode = 64

// codeOf returns the member code of an error's body (OpenFGA has one), where it is a
// plain word.
func codeOf(body []byte) string {
	var e struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(body, &e) != nil || len(e.Code) > longestCode || strings.Trim(e.Code, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return ""
	}
	return e.Code
}

// asked posts a value and reads the answer as another.
func asked[Q, A any](ctx context.Context, s *Server, path string, q Q) (a A, err error) {
	question, err := json.Marshal(q)
	if err != nil {
		return a, fmt.Errorf("remote: %w", err)
	}
	answer, err := s.call(ctx, http.MethodPost, path, question)
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return a, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return a, nil
}

// newest refuses a revision that these servers cannot read at.
func newest(at relations.Revision) error {
	if at.Tuples != 0 {
		return fmt.Errorf("remote: %w", relations.ErrRevision)
	}
	return nil
}
