// Package tab is a browser without scripts: it keeps cookies, follows redirects
// within one origin and sends the forms of server-rendered pages. The demo signs
// its people in with it, and tests drive the authorization server's pages.
package tab

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
)

// maxPage bounds what is read of one page, in bytes.
const maxPage = 1 << 20

// maxSteps bounds how many pages one authorization may take.
const maxSteps = 6

var (
	form   = regexp.MustCompile(`<form method="post" action="([^"]*)">`)
	hidden = regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)">`)
)

// Tab is one browser at one origin. It is not for concurrent use.
type Tab struct {
	// URL is where the last page is.
	URL *url.URL
	// Status is the status of its response.
	Status int
	// Body is the page.
	Body string

	origin string
	client http.Client
}

// New returns a browser without cookies that reaches the origin, such as
// https://login.example.com, by the client's transport.
func New(client *http.Client, origin string) (*Tab, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("tab: %w", err)
	}
	t := &Tab{origin: strings.TrimSuffix(origin, "/"), client: *client}
	t.client.Jar = jar
	t.client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if r.URL.Scheme+"://"+r.URL.Host != t.origin {
			return http.ErrUseLastResponse // away: the caller's to follow
		}
		if len(via) > 10 {
			return errors.New("tab: more than 10 redirects")
		}
		return nil
	}
	return t, nil
}

// Open loads a page. It returns where the browser is sent that is not of this
// origin, or nil when it stays.
func (t *Tab) Open(ctx context.Context, where string) (away *url.URL, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, fmt.Errorf("tab: %w", err)
	}
	return t.load(r)
}

// Send fills the first form of the page with the fields, beside its hidden ones,
// and returns what [Tab.Open] does.
func (t *Tab) Send(ctx context.Context, fields url.Values) (away *url.URL, err error) {
	at := form.FindStringSubmatchIndex(t.Body)
	if at == nil {
		return nil, fmt.Errorf("tab: there is no form at %s (status %d)", t.URL, t.Status)
	}
	action := html.UnescapeString(t.Body[at[2]:at[3]])
	inside, _, _ := strings.Cut(t.Body[at[1]:], "</form>")
	all := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(inside, -1) {
		all.Set(m[1], html.UnescapeString(m[2]))
	}
	for name, values := range fields {
		all[name] = values
	}
	target, err := t.URL.Parse(action)
	if err != nil {
		return nil, fmt.Errorf("tab: the form's action: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), strings.NewReader(all.Encode()))
	if err != nil {
		return nil, fmt.Errorf("tab: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", t.origin)
	return t.load(r)
}

// Bring posts what a page of another origin has the browser post, and returns what
// [Tab.Open] does. Cookies come along as they would: those with SameSite=None only.
func (t *Tab) Bring(ctx context.Context, where string, fields url.Values, from string) (away *url.URL, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, where, strings.NewReader(fields.Encode()))
	if err != nil {
		return nil, fmt.Errorf("tab: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", from)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	return t.load(r)
}

// Authorize opens an authorization request (RFC 6749 section 4.1.1), signs the
// person in where a page asks for the password, allows what a page asks consent
// for, and returns the redirect back to the client. It fails when a page comes
// that is neither, or the same one again.
func (t *Tab) Authorize(ctx context.Context, request, name, password string) (*url.URL, error) {
	away, err := t.Open(ctx, request)
	for step, last := 0, ""; err == nil && away == nil; step++ {
		fields := url.Values{}
		switch {
		case strings.Contains(t.Body, `name="password"`):
			fields = url.Values{"name": {name}, "password": {password}}
		case strings.Contains(t.Body, `name="decision"`):
			fields.Set("decision", "allow")
		}
		asked := strings.Join(fields["name"], "") + strings.Join(fields["decision"], "")
		if asked == "" || asked == last || step == maxSteps {
			return nil, fmt.Errorf("tab: %s does not let %s go on: status %d", t.URL.Path, name, t.Status)
		}
		last = asked
		away, err = t.Send(ctx, fields)
	}
	return away, err
}

func (t *Tab) load(r *http.Request) (away *url.URL, err error) {
	res, err := t.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("tab: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxPage))
	if err != nil {
		return nil, fmt.Errorf("tab: reading the page: %w", err)
	}
	t.URL, t.Status, t.Body = res.Request.URL, res.StatusCode, string(body)
	away, err = res.Location()
	if errors.Is(err, http.ErrNoLocation) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("tab: where the browser is sent: %w", err)
	}
	return away, nil
}
