package config_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

const euPolicy = `@id("eu-hours") @reason("EU data in business hours")
permit(principal is User, action == Action::"order.read", resource is Order)
when { principal.region == "EU" && context.local.hour >= 9 && context.local.hour < 17 };
`

// withHouse writes the configuration of the house with more in its API's block, and a
// folder of policies beside it.
func withHouse(t *testing.T, more, cedar string) (path string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "policies"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"house.yaml", "orders.openapi.yaml"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		write(name, strings.Replace(string(text), "    origins:", more+"    origins:", 1))
	}
	write("policies/eu.cedar", cedar)
	write("policies/notes.txt", "no policy")
	return filepath.Join(dir, "house.yaml")
}

const withPolicies = "    policies: policies/\n    principal: {region: String}\n    time_zone: Europe/Berlin\n"

func TestPoliciesAreReadBesideTheConfigurationAndHandedToControls(t *testing.T) {
	path := withHouse(t, withPolicies, euPolicy)
	f, err := config.Load(path, kinds(), options())
	if err != nil {
		t.Fatal(err)
	}
	p := f.APIs[0].Authorization()
	if p == nil || p.Set().Policy("eu-hours") == nil || p.Zone.String() != "Europe/Berlin" || !p.Template("order", policy.Read).Spoken {
		t.Fatalf("the API's policy is %+v", p)
	}
	dir := filepath.Dir(path)
	for _, want := range []string{filepath.Join(dir, "policies"), filepath.Join(dir, "policies", "eu.cedar")} {
		if !slices.Contains(f.Files(), want) {
			t.Errorf("a change of %s is not seen: %v", want, f.Files())
		}
	}
	if got := p.Set().Policy("eu-hours").Place(); got != filepath.Join(dir, "policies", "eu.cedar")+":1:1" {
		t.Errorf("the policy is at %s", got)
	}
	if held := f.Held(); len(held) != 1 || held[0] != p {
		t.Errorf("the controls hold %v", held)
	}
}

func TestAModelOfRelationsIsReadBesideTheConfiguration(t *testing.T) {
	path := withHouse(t, "    relations: policies/eu.cedar\n", "model\n  schema 1.1\ntype user\ntype order\n  relations\n    define editor: [user]\n")
	f, err := config.Load(path, kinds(), options())
	if err != nil {
		t.Fatal(err)
	}
	if p := f.APIs[0].Authorization(); p.Relations == nil || !slices.Contains(p.Relations.Relations("order"), "editor") || !slices.Contains(f.Files(), filepath.Join(filepath.Dir(path), "policies", "eu.cedar")) {
		t.Errorf("%+v of %v", p, f.Files())
	}
	path = withHouse(t, "    relations: policies/eu.cedar\n", "model\n  schema 1.1\ntype user\ntype order\n  relations\n    define editor: [usr]\n")
	if _, err := config.Load(path, kinds(), options()); err == nil || !strings.Contains(err.Error(), "eu.cedar:6:") || !strings.Contains(err.Error(), "define editor: [usr]\n") {
		t.Errorf("%v", err)
	}
}

func TestAPolicyThatDoesNotFitIsAnErrorAtItsPlace(t *testing.T) {
	path := withHouse(t, withPolicies, strings.Replace(euPolicy, "principal.region", "principal.regoin", 1))
	_, err := config.Load(path, kinds(), options())
	if err == nil || !strings.Contains(err.Error(), "eu.cedar:") || !strings.Contains(err.Error(), "regoin") || !strings.Contains(err.Error(), "\n  write: ") {
		t.Errorf("%v", err)
	}
}

func TestAPolicyThatNoControlAsksDoesNotCompile(t *testing.T) {
	path := withHouse(t, withPolicies, `permit(principal, action == Action::"getStatus", resource is Api);`)
	f, err := config.Load(path, kinds(), options())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Policy(gatehouse.NewKept(), gatehouse.AllCaps); err == nil || !strings.Contains(err.Error(), "a policy speaks of getStatus, and this build has no control policy") {
		t.Errorf("%v", err)
	}
}

func TestPoliciesThatMeanLessThanTheySeemToAreWarnedOf(t *testing.T) {
	path := withHouse(t, withPolicies, `forbid(principal, action == Action::"order.read", resource is Order) when { context.local.hour < 9 };`)
	f, err := config.Load(path, kinds(), options())
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.Policy(gatehouse.NewKept(), gatehouse.AllCaps)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(f.Lint(p), func(l config.Finding) bool {
		return l.Level == config.LevelWarning && strings.HasSuffix(l.Place.File, "eu.cedar") && strings.Contains(l.Says, "lists of them say as much")
	}) {
		t.Errorf("%v", f.Lint(p))
	}
}

func TestAFileThatCameLaterToAFolderIsSeenToChange(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "late.cedar")
	if err := os.WriteFile(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	go func() {
		time.Sleep(700 * time.Millisecond)
		_ = os.WriteFile(path, []byte("another"), 0o600) // in place: the folder's own time stays
	}()
	seen := false
	config.Watch(ctx, []string{dir}, func() { seen = true; stop() })
	if !seen {
		t.Error("nobody saw it")
	}
}

func TestObjectsAloneArePoliciesThatNobodyWroteByHand(t *testing.T) {
	f, err := config.Load("testdata/house.yaml", kinds(), options())
	if err != nil {
		t.Fatal(err)
	}
	if p := f.APIs[0].Authorization(); p == nil || p.Template("order", policy.Read).Spoken {
		t.Errorf("objects alone: %+v", p)
	}
}
