package jose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	strictjson "github.com/go-jose/go-jose/v4/json"
)

const (
	maxMetadata  = 256 << 10 // bytes of an issuer's metadata
	metadataLife = time.Hour // until the place of the keys is looked up again
)

// fetcher gets one issuer's JWK set. It is used by one fetch at a time.
type fetcher struct {
	issuer string
	jwks   string // configured, or ""
	client *http.Client

	found   string // jwks_uri of the metadata, or ""
	foundAt time.Time
}

func newFetcher(issuer, jwks string, transport http.RoundTripper) (*fetcher, error) {
	where := jwks
	if jwks == "" {
		where = issuer
		if strings.Contains(issuer, "?") {
			return nil, errors.New("jose: issuer with a query") // RFC 8414 section 2
		}
	}
	if err := CheckURL(where); err != nil {
		return nil, err
	}
	if transport == nil {
		transport = &http.Transport{ // Proxy is nil: nothing is dialled that is not configured
			DialContext:            (&net.Dialer{Timeout: WaitRequest}).DialContext,
			TLSHandshakeTimeout:    WaitRequest,
			ResponseHeaderTimeout:  WaitFetch,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConns:           2,
			IdleConnTimeout:        30 * time.Second,
			ForceAttemptHTTP2:      true,
		}
	}
	client := &http.Client{Transport: transport, Timeout: WaitFetch, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // a redirect could lead anywhere: it is an answer other than 200
	}}
	return &fetcher{issuer: issuer, jwks: jwks, client: client}, nil
}

// CheckURL refuses what keys and metadata are not fetched from: anything but
// https, except http on a loopback address, and URLs with user information or a
// fragment.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return errors.New("jose: not an absolute URL")
	case u.User != nil || strings.Contains(text, "#"):
		return errors.New("jose: URL with user information or fragment")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return errors.New("jose: not https, and http is for loopback addresses only")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// fetch returns the issuer's present keys and how long they are fresh.
func (f *fetcher) fetch(ctx context.Context) (*Set, time.Duration, error) {
	where := f.jwks
	if where == "" {
		if f.found == "" || time.Since(f.foundAt) > metadataLife {
			found, err := f.discover(ctx)
			if err != nil {
				return nil, 0, err
			}
			f.found, f.foundAt = found, time.Now()
		}
		where = f.found
	}
	body, header, err := f.get(ctx, where, MaxSet)
	if err == nil {
		var set *Set
		if set, err = ParseSet(body); err == nil {
			return set, life(header.Get("Cache-Control")), nil
		}
	}
	f.found = "" // the keys may have moved
	return nil, 0, err
}

// errNotFound tells that the server has no such document.
var errNotFound = errors.New("jose: 404")

// discover reads jwks_uri from the issuer's metadata, which must be about this
// very issuer (RFC 8414 section 3.3).
func (f *fetcher) discover(ctx context.Context) (string, error) {
	body, _, err := f.get(ctx, strings.TrimSuffix(f.issuer, "/")+"/.well-known/openid-configuration", maxMetadata)
	if errors.Is(err, errNotFound) {
		body, _, err = f.get(ctx, rfc8414(f.issuer), maxMetadata)
	}
	if err != nil {
		return "", err
	}
	var doc struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	if err := strictjson.Unmarshal(body, &doc); err != nil {
		return "", fmt.Errorf("jose: reading metadata: %w", err)
	}
	if doc.Issuer != f.issuer {
		return "", errors.New("jose: the metadata is of another issuer")
	}
	if err := CheckURL(doc.JWKS); err != nil {
		return "", fmt.Errorf("jwks_uri of the metadata: %w", err)
	}
	if strings.HasPrefix(f.issuer, "https:") && !strings.HasPrefix(doc.JWKS, "https:") {
		return "", errors.New("jose: jwks_uri of an https issuer is not https")
	}
	return doc.JWKS, nil
}

// rfc8414 puts the well-known part between host and path (RFC 8414 section 3.1).
func rfc8414(issuer string) string {
	scheme, rest, _ := strings.Cut(issuer, "://")
	host, path, _ := strings.Cut(rest, "/")
	where := scheme + "://" + host + "/.well-known/oauth-authorization-server"
	if path = strings.TrimSuffix(path, "/"); path != "" {
		where += "/" + path
	}
	return where
}

func (f *fetcher) get(ctx context.Context, where string, limit int64) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("jose: fetching: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "gatehouse")
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("jose: fetching: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return nil, nil, fmt.Errorf("%w at %s", errNotFound, where)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("jose: fetching %s: status %d", where, resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, nil, fmt.Errorf("jose: fetching %s: %w", where, err)
	}
	if int64(len(body)) > limit {
		return nil, nil, fmt.Errorf("jose: fetching %s: more than %d bytes", where, limit)
	}
	return body, resp.Header, nil
}

// life returns how long a set is fresh: [Fresh], or a shorter max-age down to
// [FreshLeast] (RFC 9111 section 5.2.2.1).
func life(cacheControl string) time.Duration {
	for directive := range strings.SplitSeq(cacheControl, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if !strings.EqualFold(name, "max-age") {
			continue
		}
		seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
		if err != nil {
			return FreshLeast
		}
		return min(max(time.Duration(seconds)*time.Second, FreshLeast), Fresh)
	}
	return Fresh
}
