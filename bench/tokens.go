package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The rows of -tokens.
const (
	peerToken = "oidc-provider, a client's token"
	ownToken  = "gatehouse, all controls, a client's token"
)

// lessCPU is how much less a token must cost here than at oidc-provider.
const lessCPU = 5

// tokenClient is who asks for tokens; oidc-provider is told this secret,
// Gatehouse makes one.
const (
	tokenClient = "job"
	peerSecret  = "8Zr4Yw1nQm6Vt0Xc3Lk9Hs7Jf5Gd2Bp_example"
)

// measureTokens measures the token endpoint beside oidc-provider's: the same
// client_credentials request, client_secret_basic, ES256 JWTs, the same
// connections.
func measureTokens(ctx context.Context, o options, stdout, stderr io.Writer) (met bool, err error) {
	if err := install(ctx, stderr, "nginx", "wrk", "taskset", "node", "npm"); err != nil {
		return false, err
	}
	s, err := newSite(ctx, stderr)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.fetchPeer(stderr); err != nil {
		return false, err
	}
	rows := []*row{
		{name: peerToken, server: "oidc-provider", boot: startPeer, load: tokenLoad(peerSecret)},
		{name: ownToken, server: "tokens", boot: (*site).startTokens, base: peerToken, bar: 1.0 / lessCPU},
	}
	for _, r := range rows {
		if err := r.start(s); err != nil {
			return false, err
		}
	}
	secret, err := s.registerTokenClient()
	if err != nil {
		return false, err
	}
	rows[1].load = tokenLoad(secret)
	for _, r := range rows {
		if err := s.verify(r); err != nil {
			return false, err
		}
	}
	if o.hold != "" {
		return true, s.hold(rows, o, stdout)
	}
	if err := s.rounds(rows, o, stderr); err != nil {
		return false, err
	}
	table(stdout, rows, o)
	return judge(stdout, rows, []figure{
		{name: peerToken + " / " + ownToken, value: rows[0].ratio(rows[1]), unit: "x", bar: lessCPU, atLeast: true},
	}), nil
}

// tokenLoad asks for a token. What comes is another every time: it is looked at.
func tokenLoad(secret string) load {
	l := load{method: http.MethodPost, path: "/token", body: "grant_type=client_credentials&scope=orders%3Aread", status: 200, check: checkToken, header: http.Header{
		"Content-Type":  {"application/x-www-form-urlencoded"},
		"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(tokenClient+":"+url.QueryEscape(secret)))},
	}}
	l.script = fmt.Sprintf("wrk.method = \"POST\"\nwrk.body = %s\n", lua(l.body))
	return l
}

// checkToken returns an error unless the answer is a bearer token for the
// audience, a JWT signed with ES256.
func checkToken(body string) error {
	var answer struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
		Scope string `json:"scope"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		return err
	}
	parts := strings.Split(answer.Token, ".")
	if len(parts) != 3 || answer.Type != "Bearer" {
		return fmt.Errorf("no JWT as a bearer token: %s", body)
	}
	for i, want := range []string{`"alg":"ES256"`, audience} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || !strings.Contains(string(text), want) {
			return fmt.Errorf("there is no %s in %s", want, text)
		}
	}
	return nil
}

// fetchPeer installs oidc-provider, as interop/package-lock.json pins it, where it
// is not installed.
func (s *site) fetchPeer(stderr io.Writer) error {
	folder := filepath.Join(s.root, "interop")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "oidc-provider")); err == nil {
		return nil
	}
	fmt.Fprintln(stderr, "installing oidc-provider")
	cmd := exec.CommandContext(s.ctx, "npm", "ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("installing oidc-provider: %w\n%s", err, tail(string(out), 1000))
	}
	return nil
}

func startPeer(s *site, listen string) (*process, error) {
	script := filepath.Join(s.root, "interop", "node", "token-endpoint.mjs")
	return start(s.ctx, measuredCore, "oidc-provider", listen, []string{"NODE_ENV=production"}, "node", script, listen, tokenClient, peerSecret, audience)
}

// startTokens serves the authorization server behind all controls, as an operator
// would have it, but that the limits are out of reach of the load.
func (s *site) startTokens(listen string) (*process, error) {
	dir := filepath.Join(s.dir, "tokens")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	admin, err := freeAddr()
	if err != nil {
		return nil, err
	}
	waiver := fmt.Sprintf(`{because: "a measurement", owner: bench@example.com, until: %s}`, time.Now().AddDate(0, 0, 7).Format(time.DateOnly))
	text := fmt.Sprintf(`environment: development
listen: {address: %q}
admin: {address: %q}
state: %q
log: %q
idp:
  issuer: http://%[1]s
  scopes: [orders:read]
  controls:
    ratelimit: {global: 1000000/s, key: 1000000/s, user: 1000000/s, ip: 1000000/s, endpoint: 1000000/s, burst: 1000000, waiver: %[6]s}
apis:
  orders:
    openapi: orders.openapi.yaml
    upstream: http://%[5]s
    hosts: [api.example.com]
    audience: %[7]s
    issuer: self
    roles: {authenticated: ["tag:orders"]}
    objects: {order: {id: path.orderId, owner: response.customer_id, tenant: response.tenant_id}}
`, listen, admin, filepath.Join(dir, "state"), filepath.Join(dir, "access.log"), s.upstream, waiver, audience)
	for name, data := range map[string][]byte{s.tokensConfig(): []byte(text), filepath.Join(dir, "orders.openapi.yaml"): ordersDescription} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			return nil, err
		}
	}
	return start(s.ctx, measuredCore, ownToken, listen, []string{"GOMAXPROCS=1"}, s.programs["gatehouse"], "serve", "--config", s.tokensConfig())
}

func (s *site) tokensConfig() string { return filepath.Join(s.dir, "tokens", "gatehouse.yaml") }

// registerTokenClient adds the client by the command and returns its secret.
func (s *site) registerTokenClient() (string, error) {
	cmd := exec.CommandContext(s.ctx, s.programs["gatehouse"], "clients", "add", tokenClient, "--json", //nolint:gosec // our own program
		"--grant", "client_credentials", "--scope", "orders:read", "--config", s.tokensConfig())
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("registering the client: %w\n%s", err, errs.String())
	}
	var shown struct{ Secret string }
	if err := json.Unmarshal(out.Bytes(), &shown); err != nil {
		return "", fmt.Errorf("registering the client: %w", err)
	}
	return shown.Secret, nil
}
