package interop

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/tab"
)

// The clients' own addresses: nobody listens there, the browser is only sent.
const (
	callback = "https://app.example.com/callback"
	goodbye  = "https://app.example.com/goodbye"
)

// flows are what a certified client does here, by the name that its script gives
// them.
var flows = []struct {
	name, says string
	public     bool
}{
	{"code", "discovery, code with PKCE, userinfo, introspection, refresh, revocation", false},
	{"par", "a public client pushes its request", true},
	{"dpop", "tokens bound to a key", true},
	{"logout", "RP-initiated logout", false},
	{"device", "device authorization grant", true},
	{"machine", "client credentials", false},
}

// TestOpenIDClientSpeaksWithUs runs openid-client: token.standards.
func TestOpenIDClientSpeaksWithUs(t *testing.T) { playClient(t, "openid-client.mjs") }

// TestOauth4webapiSpeaksWithUs runs oauth4webapi and jose: token.standards.
func TestOauth4webapiSpeaksWithUs(t *testing.T) { playClient(t, "oauth4webapi.mjs") }

// playClient plays every flow of a script on one gateway, each with a person and
// a client of its own.
func playClient(t *testing.T, script string) {
	t.Helper()
	needsNode(t)
	g := start(t, settings{})
	g.run("tenants", "add", "t1")
	rs := map[string]string{"rs_id": "orders-api", "rs_secret": g.addClient("orders-api", "--resource-server")}
	for _, f := range flows {
		t.Run(f.name, func(t *testing.T) {
			g := g.in(t)
			id := "client-" + f.name
			args := []string{"--scope", "openid", "--scope", "offline_access", "--scope", "orders:read"}
			if f.name == "machine" {
				args = []string{"--scope", "orders:read", "--grant", "client_credentials", "--role", "robot"}
			} else {
				args = append(args, "--grant", "authorization_code", "--grant", "refresh_token", "--redirect", callback, "--post-logout-redirect", goodbye)
			}
			if f.name == "device" {
				args = append(args, "--grant", "device_code")
			}
			if f.public {
				args = append(args, "--public")
			}
			logouts := make(chan string, 1)
			if f.name == "logout" {
				args = append(args, "--backchannel-logout-uri", toldAt(t, logouts))
			}
			p := g.addPerson(f.name+"@example.com", "--role", "clerk", "--tenant", "t1")
			given := map[string]string{"flow": f.name, "client_id": id, "client_secret": g.addClient(id, args...), "redirect_uri": callback, "goodbye_uri": goodbye, "sub": p.id}
			maps.Copy(given, rs)
			browser := g.browser()
			g.play(script, given, answers{
				"authorize": func(request string) string {
					back, err := browser.Authorize(t.Context(), request, p.name, p.password)
					if err != nil {
						t.Fatalf("%v\n%s", err, browser.Body)
					}
					return back.String()
				},
				"device": func(shown string) string { return enter(t, browser, p, shown) },
				// open tells where the browser is sent, or the status of the page.
				"open": func(page string) string {
					away, err := browser.Open(t.Context(), page)
					if err != nil {
						t.Fatal(err)
					}
					if away != nil {
						return away.String()
					}
					return strconv.Itoa(browser.Status)
				},
				// logout_token is what the client was told by the back channel.
				"logout_token": func(string) string {
					select {
					case token := <-logouts:
						return token
					case <-time.After(10 * time.Second):
						return "none"
					}
				},
			})
		})
	}
}

// toldAt is a client's endpoint for back-channel logout.
func toldAt(t *testing.T, logouts chan<- string) (uri string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case logouts <- r.PostFormValue("logout_token"):
		default: // told twice
		}
	}))
	t.Cleanup(s.Close)
	return s.URL + "/backchannel-logout"
}

// enter does what a person does whose device shows a URL and a code: it opens the page,
// signs in, writes the code and allows the device. It returns what the last page says.
func enter(t *testing.T, browser *tab.Tab, p person, shown string) string {
	t.Helper()
	page, code, _ := strings.Cut(shown, " ")
	_, err := browser.Open(t.Context(), page)
	for step := 0; err == nil && step < 5; step++ {
		fields := url.Values{}
		switch {
		case strings.Contains(browser.Body, `name="password"`):
			fields = url.Values{"name": {p.name}, "password": {p.password}}
		case strings.Contains(browser.Body, `name="user_code"`):
			fields.Set("user_code", code)
		case strings.Contains(browser.Body, `name="decision"`):
			fields.Set("decision", "allow")
		default:
			_, says, _ := strings.Cut(browser.Body, "<p>")
			says, _, _ = strings.Cut(says, "</p>")
			return says
		}
		_, err = browser.Send(t.Context(), fields)
	}
	t.Fatalf("the device is not let in: %v\n%s", err, browser.Body)
	return ""
}
