package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/config"
)

var update = flag.Bool("update", false, "write the golden files")

func today() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

func options() config.Options {
	return config.Options{Now: today, Own: []byte(ownDescription), AuthZEN: []byte(pointDescription), Operators: config.OwnAPI{
		Description: []byte(operatorsDescription), Roles: map[string][]string{"gatehouse-admin": {"listUsers"}},
	}}
}

// operatorsDescription stands for that of its admin API.
const operatorsDescription = `openapi: 3.1.0
info: {title: Own, version: "1"}
paths: {/v1/users: {get: {operationId: listUsers, responses: {"200": {description: Users.}}}}}
`

// ownDescription stands for that of our own authorization server.
const ownDescription = `openapi: 3.1.0
info: {title: Own, version: "1"}
paths: {/token: {post: {operationId: issueToken, responses: {"200": {description: A token.}}}}}
`

// pointDescription stands for that of our own decision point.
const pointDescription = `openapi: 3.1.0
info: {title: Own, version: "1"}
paths:
  /access/v1/evaluation: {post: {operationId: evaluate, responses: {"200": {description: A decision.}}}}
`

// refusal loads a configuration and compiles it, and returns what is refused.
func refusal(t *testing.T, path string) error {
	t.Helper()
	f, err := config.Load(path, kinds(), options())
	if err != nil {
		return err
	}
	_, err = f.Policy(gatehouse.NewKept(), gatehouse.AllCaps)
	return err
}

// TestEveryBrokenConfigurationIsRefusedWithItsPlaceAndAFix covers
// config.secret-literal, authn.every-endpoint, jwt.all-mandatory, R16, R32.
func TestEveryBrokenConfigurationIsRefusedWithItsPlaceAndAFix(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d broken configurations, %v; want 40 at least", len(files), err)
	}
	position := regexp.MustCompile(`(?m)^testdata/\S+\.yaml:[1-9][0-9]*:[1-9][0-9]*: `)
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			err := refusal(t, path)
			if err == nil {
				t.Fatal("was not refused")
			}
			got := err.Error() + "\n"
			golden := strings.TrimSuffix(path, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
			if !position.MatchString(got) || !strings.Contains(got, "\n  write: ") {
				t.Errorf("no position, or no fix:\n%s", got)
			}
			if strings.Contains(got, "hunter2") || strings.Contains(got, "eyJ") {
				t.Errorf("a secret is shown:\n%s", got)
			}
		})
	}
}

func TestTheConfigurationOfTheHouseLoads(t *testing.T) {
	f, err := config.Load("testdata/house.yaml", kinds(), options())
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.Policy(gatehouse.NewKept(), gatehouse.AllCaps)
	if err != nil {
		t.Fatal(err)
	}
	q := gatehouse.Request{Host: "api.example.com", Method: "GET", Path: "/v1/orders/17"}
	e := p.Find(&q)
	if e.Name != "getOrder" || e.Upstream.Address != "127.0.0.1:9000" || e.Public != nil {
		t.Errorf("GET /v1/orders/17 is %s at %+v", e.Name, e.Upstream)
	}
	if id, _ := q.Param("orderId"); id != "17" {
		t.Errorf("orderId = %q", id)
	}
	q = gatehouse.Request{Host: "localhost:8443", Method: "GET", Path: "/v1/status"}
	if e := p.Find(&q); e.Public == nil || e.Public.Owner != "sre@example.com" {
		t.Errorf("GET /v1/status is not public")
	}
	if w := f.Waivers(); len(w) != 1 || w[0].Key != "apis.orders.public.getStatus" || w[0].Waiver.Place.Line != 12 {
		t.Errorf("waivers: %+v", w)
	}
}
