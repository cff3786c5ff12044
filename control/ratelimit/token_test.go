package ratelimit

import (
	"net/netip"
	"net/url"
	"testing"

	"github.com/gatehouse-api/gatehouse"
)

var tokens = operation{"issueToken", "POST", "/token"}

// grant asks a token endpoint n times from one address for each, and returns how many
// were admitted.
func grant(t *testing.T, steps []gatehouse.Step, n int, body string, fields ...string) (admitted int) {
	t.Helper()
	for range n {
		x := &gatehouse.Exchange{At: start, Ended: gatehouse.Pass}
		x.Conn.Client = addressV4
		x.Request.Body = []byte(body)
		for i := 0; i+1 < len(fields); i += 2 {
			x.Request.Fields.Add(fields[i], fields[i+1])
		}
		walk(t, steps, x, func() {})
		if x.Ended.Passed() {
			admitted++
		}
	}
	return admitted
}

func tokenEndpoint(t *testing.T) []gatehouse.Step {
	c := fresh()
	c.TokenEndpoint, c.Burst, c.IP = true, 10, Rate{30, 60e9}
	return compiled(t, c, build(tokens, ours))
}

// limit.preset-auth
func TestATokenEndpointCountsTenByAddressAndFiveByClient(t *testing.T) {
	const basic = "Basic am9iOngteA==" // job
	for name, c := range map[string]struct {
		body   string
		fields []string
		want   int
	}{
		"refreshing":              {"grant_type=refresh_token&client_id=app&refresh_token=x", nil, 10},
		"a code":                  {"grant_type=authorization_code&client_id=app", nil, 10},
		"noise":                   {"%%%", nil, 10},
		"nothing":                 {"", nil, 10},
		"a client, in the form":   {"grant_type=client_credentials&client_id=job&client_secret=x", nil, 5},
		"a client, escaped":       {"client%5Fid=j%6fb&grant%5ftype=client%5Fcredentials", nil, 5},
		"a client, by Basic":      {"grant_type=client_credentials", []string{"authorization", basic}, 5},
		"a client, by basic":      {"grant_type=client_credentials&client_id=other", []string{"authorization", "basic am9iOngteA=="}, 5},
		"a client without a name": {"grant_type=client_credentials", nil, 10},
		"a client, badly encoded": {"grant_type=client_credentials", []string{"authorization", "Basic ***"}, 10},
		"a device that polls":     {"grant_type=" + url.QueryEscape(grantDevice) + "&client_id=tv&device_code=x", nil, 10}, // the burst of the general limit
		"a device's type in part": {"grant_type=" + url.QueryEscape(grantDevice[:20]), nil, 10},
	} {
		if got := grant(t, tokenEndpoint(t), 12, c.body, c.fields...); got != c.want {
			t.Errorf("%s: %d; want %d", name, got, c.want)
		}
	}
}

func TestAClientIsOneAtATokenEndpointHoweverItIsNamed(t *testing.T) {
	steps := tokenEndpoint(t)
	grant(t, steps, 3, "grant_type=client_credentials&client_id=job")
	if got := grant(t, steps, 4, "grant_type=client_credentials", "authorization", "Basic am9iOngteA=="); got != 2 {
		t.Errorf("%d; want 2 that were left", got)
	}
	if got := grant(t, steps, 4, "grant_type=client_credentials&client_id=other"); got != 4 {
		t.Errorf("another client: %d; want 4", got)
	}
}

func TestPollsOfADeviceLeaveTheAddressItsRequests(t *testing.T) {
	steps := tokenEndpoint(t)
	poll := "grant_type=" + url.QueryEscape(grantDevice)
	if got := grant(t, steps, 3, poll); got != 3 {
		t.Fatalf("polls: %d", got)
	}
	x := &gatehouse.Exchange{At: start, Ended: gatehouse.Pass}
	x.Conn.Client, x.Request.Body = netip.MustParseAddr("192.0.2.9"), []byte(poll)
	if client, poll := counted(x); client != "" || !poll {
		t.Errorf("a poll is counted by %q", client)
	}
	// Three of the general limit's burst of ten are spent, none of the endpoint's.
	if got := grant(t, steps, 12, "grant_type=refresh_token"); got != 7 {
		t.Errorf("requests after polls: %d; want 7", got)
	}
}

func TestATokenEndpointThatIsNoneDoesNotCompile(t *testing.T) {
	c := fresh()
	c.TokenEndpoint = true
	if _, err := c.Compile(build(getOrder, nil)); err == nil {
		t.Error("a read is a token endpoint")
	}
	c.Account = "user"
	if _, err := c.Compile(build(tokens, ours)); err == nil {
		t.Error("a token endpoint has an account in JSON")
	}
}

// No request is bound by more limits than a store takes at once: this one by all there are.
func TestAKnownCallerAtATokenEndpointIsBoundByFiveLimits(t *testing.T) {
	for _, kind := range []string{"user", "key"} {
		x := &gatehouse.Exchange{At: start, Ended: gatehouse.Pass}
		x.Conn.Client = addressV4
		x.Request.Body = []byte("grant_type=client_credentials&client_id=job")
		walk(t, tokenEndpoint(t), x, func() { x.Principal = &gatehouse.Principal{Kind: kind, ID: "alice"} })
		if !x.Ended.Passed() {
			t.Errorf("%s: %s", kind, x.Ended.Rule())
		}
	}
}
