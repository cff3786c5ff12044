package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/config"
)

const cats = `{"openapi":"3.1.0","info":{"title":"Cats","version":"1"},"paths":{
	"/cats":{"get":{"operationId":"listCats","parameters":[{"name":"limit","in":"query","schema":{"type":"integer"}}],"responses":{"200":{"description":"cats"}}},
		"post":{"operationId":"createCat","requestBody":{"content":{"application/json":{"schema":{"type":"object","properties":{"name":{"type":"string"},"tags":{"type":"array","items":{"type":"string","maxLength":9}}}}}}},"responses":{"201":{"description":"cat"}}}},
	"/status":{"get":{"operationId":"getStatus","responses":{"200":{"description":"up"}}}},
	"/admin/cats":{"delete":{"operationId":"deleteCats","responses":{"204":{"description":"gone"}}}}}}`

const catsConfig = `apis:
  cats:
    openapi: api.json
    upstream: http://127.0.0.1:9000
    audience: https://cats.example.com
    issuer: https://login.example.com
    roles: {admin: [deleteCats], user: [listCats, createCat]}
    public: {getStatus: {because: "status page", owner: sre@example.com, until: UNTIL}}
`

// examined checks a configuration for the cats.
func examined(t *testing.T, text string) (code int, out checkJSON) {
	t.Helper()
	return examinedAs(t, cats, text)
}

// examinedAs checks a configuration for what is described.
func examinedAs(t *testing.T, described, text string) (code int, out checkJSON) {
	t.Helper()
	path := filepath.Join(filepath.Dir(describe(t, described)), "gatehouse.yaml")
	text = strings.ReplaceAll(text, "UNTIL", time.Now().AddDate(0, 3, 0).Format(time.DateOnly))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code = runCheck([]string{"--json", "--config", path}, &stdout, &stderr)
	if err := json.Unmarshal(stdout.Bytes(), &out); err != nil {
		t.Fatalf("%v: %s%s", err, &stdout, &stderr)
	}
	return code, out
}

func findings(out checkJSON, level config.Level) string {
	var b strings.Builder
	for _, f := range out.Findings {
		if f.Level == level {
			b.WriteString(f.Says + "; write " + f.Write + "\n")
		}
	}
	return b.String()
}

func TestCheckPassesAGoodConfigurationAndListsItsWaivers(t *testing.T) {
	code, out := examined(t, catsConfig)
	if code != 0 || out.Endpoints != 4 || out.APIs != 1 || out.Steps == 0 {
		t.Errorf("%d %+v", code, out)
	}
	if len(out.Waivers) != 1 || out.Waivers[0].Owner != "sre@example.com" || out.Waivers[0].Key != "apis.cats.public.getStatus" || out.Waivers[0].Place.Line != 8 {
		t.Errorf("waivers: %+v", out.Waivers)
	}
	notes := findings(out, config.LevelNote)
	for _, want := range []string{"listCats limit", "createCat body.name", "createCat body.tags"} { // input.pagination, input.size
		if !strings.Contains(notes, want) {
			t.Errorf("no note about %s:\n%s", want, notes)
		}
	}
	if strings.Contains(notes, "body.tags[]") {
		t.Errorf("a bounded string is noted:\n%s", notes)
	}
}

// authz.function, authn.every-endpoint, authn.internal-too, cors.no-wildcard,
// token.alg-asymmetric, jwt.lifetime, tls.min: what check refuses, warns of and notes.
func TestCheckFindsWhatWeakensAConfiguration(t *testing.T) {
	change := func(old, new string) string {
		if !strings.Contains(catsConfig, old) {
			t.Fatalf("no %q", old)
		}
		return strings.Replace(catsConfig, old, new, 1)
	}
	jwt := func(block string) string {
		return change("    audience: https://cats.example.com\n    issuer: https://login.example.com\n", "    hosts: [cats.example.com]\n    controls: {jwt: {"+block+"}}\n")
	}
	for name, c := range map[string]struct {
		text  string
		level config.Level
		says  string
	}{
		"nobody authenticates":    {change("    audience: https://cats.example.com\n    issuer: https://login.example.com\n", "    hosts: [cats.example.com]\n"), config.LevelError, "no control authenticates"},
		"admin without a role":    {change("admin: [deleteCats], ", ""), config.LevelError, "deleteCats looks like an administrator's function"},
		"admin for everyone":      {change("admin: [deleteCats]", "authenticated: [deleteCats]"), config.LevelError, "deleteCats"},
		"unknown operation":       {change("createCat]", "createCta]"), config.LevelError, "createCta"},
		"HS256":                   {jwt("audience: a, issuers: [{issuer: https://login.example.com, algorithms: [HS256]}]"), config.LevelError, "HS256"},
		"no audience":             {jwt("issuers: [{issuer: https://login.example.com}]"), config.LevelError, "audience"},
		"no issuer":               {jwt("audience: a"), config.LevelError, "issuer"},
		"http issuer":             {jwt("audience: a, issuers: [{issuer: http://login.example.com}]"), config.LevelError, "https"},
		"a token for a day":       {jwt("audience: a, lifetime: 24h, issuers: [{issuer: https://login.example.com}]"), config.LevelError, ""},
		"every origin":            {change("    roles", "    controls: {cors: {origins: [\"*\"], credentials: true}}\n    roles"), config.LevelError, ""},
		"no certificate":          {"listen: {tls: {cert: no.pem, key: no.key}}\n" + catsConfig, config.LevelError, "certificate"},
		"listening without TLS":   {"listen: {address: \"0.0.0.0:8443\"}\n" + catsConfig, config.LevelError, "no TLS"},
		"an expired waiver":       {strings.Replace(catsConfig, "UNTIL", "2026-01-01", 1), config.LevelError, "ended on 2026-01-01"},
		"a waiver about to end":   {strings.Replace(catsConfig, "UNTIL", time.Now().AddDate(0, 0, 3).Format(time.DateOnly), 1), config.LevelWarning, "the waiver ends"},
		"http over a public net":  {change("http://127.0.0.1:9000", "http://cats.example.org"), config.LevelWarning, "plain text"},
		"a public admin function": {change("public: {", "public: {deleteCats: {because: \"nobody knows why\", owner: sre@example.com, until: UNTIL}, "), config.LevelWarning, "deleteCats looks like"},
		"development":             {"environment: development\n" + catsConfig, config.LevelWarning, "development"},
		"closed to everyone":      {change(", createCat]", "]"), config.LevelNote, "createCat"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out := examined(t, c.text)
			got := findings(out, c.level)
			if got == "" || !strings.Contains(got, c.says) {
				t.Errorf("no %s about %q: %+v", c.level, c.says, out.Findings)
			}
			if want := c.level == config.LevelError; (code == 1) != want {
				t.Errorf("exit code %d", code)
			}
			for _, f := range out.Findings {
				if f.Place.Line < 1 || f.Write == "" {
					t.Errorf("no place, or no fix: %+v", f)
				}
			}
		})
	}
}

func TestCheckSaysWhatIsMissingWhenThereIsNoConfiguration(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := runCheck([]string{"--config", filepath.Join(t.TempDir(), "no.yaml")}, &stdout, &stderr); code != 1 || !strings.Contains(stdout.String(), "write: ") {
		t.Errorf("%d %s%s", code, &stdout, &stderr)
	}
	if code := runCheck([]string{"gatehouse.yaml"}, &stdout, &stderr); code != 2 {
		t.Errorf("an argument too many: %d", code)
	}
}
