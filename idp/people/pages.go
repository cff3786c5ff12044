package people

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/internal/password"
)

//go:embed templates/style.css
var style string

//go:embed templates/pages.html
var templates string

//go:embed templates/passkey.js
var passkeyScript string

// page is what the templates show. Every text of it is escaped where it stands.
type page struct {
	Title, Problem, Notice, Text string
	Name, Client, Next, Code     string
	Ticket, Secret               string
	URI                          template.URL // otpauth, which we made ourselves
	Codes, Scopes                []string
	Sessions                     []shownSession
	Consents                     []shownConsent
	HasPassword                  bool
	Factors                      Factors
	Passkeys                     []shownPasskey
	Passkey                      *ceremony // which the script begins
	Away                         string    // the provider's page
	Fields                       []shownField
	Request                      string // by which the log knows more

	Product, Action, CSRF string
	CanReset, CanRegister bool
	CanDiscover           bool // an address leads to an organisation's provider
	Connections           []shownConnection
	Shortest              int // of passwords
	Style                 template.CSS
	Script                template.JS
}

type shownSession struct {
	ID, Agent, Address, Since string
	Here                      bool
}

type shownField struct{ Name, Value string }

type shownConnection struct{ Name, Title string }

type shownConsent struct {
	Client string
	Scopes []string
}

// pages are the parsed templates with the hash of their one style.
type pages struct {
	set    *template.Template
	policy string // Content-Security-Policy
	script string // the same for pages that the script is on
}

func parsePages() pages {
	const nothing = "default-src 'none'; "
	rest := "style-src " + hashed(style) + "; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
	return pages{
		set:    template.Must(template.New("pages").Parse(templates)),
		policy: nothing + rest, script: nothing + "script-src " + hashed(passkeyScript) + "; " + rest,
	}
}

// hashed is the source expression that lets this text in, and no other (CSP 3
// section 2.3.1).
func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// show writes a page. A form that is shown again is no error of HTTP: 401 is for
// credentials in fields (RFC 9110 section 15.5.2), and a gateway cuts addresses from
// errors.
func (v *visit) show(status int, name string, g page) {
	o := &v.p.options
	g.Product, g.CSRF, g.Style = o.Product, v.csrf(), template.CSS(style)
	g.CanReset, g.CanRegister, g.CanDiscover, g.Shortest = o.Mail != nil, o.Register, v.p.connections.HasDomains(), v.p.accounts.Policy.Shortest()
	for _, c := range v.p.connections.Listed() {
		g.Connections = append(g.Connections, shownConnection{c.Name, c.Title})
	}
	policy := v.p.templates.policy
	if g.Passkey != nil {
		g.Script, policy = template.JS(passkeyScript), v.p.templates.script
	}
	if g.Action = v.action; g.Action == "" {
		g.Action = v.r.URL.Path
	}
	var b bytes.Buffer
	if err := v.p.templates.set.ExecuteTemplate(&b, name, g); err != nil {
		v.p.log.Error("a page could not be written", "page", name, "error", err)
		http.Error(v.w, "something went wrong", http.StatusInternalServerError)
		return
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy+formTarget(v.target))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	// The address of a page can hold a link's secret; forms must still say their origin.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(b.Bytes())
}

// formTarget is what form-action is continued with: the origin or the scheme of a
// registered redirect URI.
func formTarget(target string) string {
	u, err := url.Parse(target)
	switch {
	case err != nil || u.Scheme == "" || strings.ContainsAny(u.Host, " ;,'\""):
		return ""
	case u.Host == "":
		return " " + u.Scheme + ":"
	}
	return " " + u.Scheme + "://" + u.Host
}

// fail writes the page of a request that cannot go on, and logs why.
func (v *visit) fail(err error) {
	var wait slowDown
	request, shown := idp.RequestID(v.r), "" // pages that must not differ do not show it
	status, text := http.StatusInternalServerError, "Something went wrong on our side. Please try again in a moment."
	switch {
	case errors.As(err, &wait):
		seconds := max(1, int(math.Ceil(time.Duration(wait).Seconds())))
		v.w.Header().Set("Retry-After", strconv.Itoa(seconds))
		status, text = http.StatusTooManyRequests, "There were too many tries. Please wait a little, then try again."
	case errors.Is(err, errForeign):
		status, text = http.StatusForbidden, "This form was open for too long, or was sent from somewhere else. Please go back, load the page again and retry."
	case errors.Is(err, errForm):
		status, text = http.StatusBadRequest, "This form cannot be read."
	case errors.Is(err, errLink):
		status, text = http.StatusBadRequest, "This link has been used already, or is too old. Please ask for a new one."
	case errors.Is(err, password.ErrBusy):
		v.w.Header().Set("Retry-After", "5")
		status, text = http.StatusServiceUnavailable, "Too many people are signing in right now. Please try again in a moment."
	default:
		if s, t := failedJourney(err); s != 0 {
			status, text, shown = s, t, request
		}
	}
	if status == http.StatusInternalServerError {
		v.p.log.Error("a page failed", "path", v.r.URL.Path, "request", request, "error", err)
	} else {
		v.p.log.Info("a page refused", "path", v.r.URL.Path, "request", request, "status", status, "because", err.Error(), "address", v.p.options.Address(v.r))
	}
	v.show(status, "message", page{Title: "This did not work", Problem: text, Next: v.again, Request: shown})
}

// refusedPassword says why a new password was not taken, or "".
func (p *People) refusedPassword(err error) string {
	switch {
	case errors.Is(err, password.ErrShort):
		return fmt.Sprintf("This password is too short: at least %d characters are needed.", p.accounts.Policy.Shortest())
	case errors.Is(err, password.ErrLong):
		return "This password is too long: at most 256 characters are looked at."
	case errors.Is(err, password.ErrText):
		return "This password has characters that nobody can type."
	case errors.Is(err, password.ErrCommon):
		return "This password is too common. Please take another one."
	}
	return ""
}
