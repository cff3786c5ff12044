package config_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// The catalogue of these tests: kinds with the keys that the short forms are
// written into, so that config is tested without any control of the house.

func kinds() []gatehouse.Kind {
	return []gatehouse.Kind{
		{Name: "cors", New: func() gatehouse.Control { return &corsConfig{} }},
		{Name: "jwt", New: func() gatehouse.Control { return &jwtConfig{Leeway: 30 * time.Second} }},
		{Name: "size", New: func() gatehouse.Control { return &sizeConfig{Body: 1 << 20} }},
		{Name: "role", New: func() gatehouse.Control { return &roleConfig{} }},
		{Name: "object", New: func() gatehouse.Control { return &objectConfig{} }},
		{Name: "every", New: func() gatehouse.Control { return &everyConfig{} }},
		{Name: "graphql", New: func() gatehouse.Control { return &graphqlConfig{} }},
		{Name: "headers", New: func() gatehouse.Control { return &headersConfig{} }, Mandatory: true},
	}
}

func step(stage gatehouse.Stage) []gatehouse.Step {
	return []gatehouse.Step{{Stage: stage, Enforce: func(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) {
		return gatehouse.Pass, nil
	}}}
}

type corsConfig struct {
	Origins     []string `yaml:"origins"`
	Credentials bool     `yaml:"credentials"`
}

func (c *corsConfig) Compile(*gatehouse.Build) ([]gatehouse.Step, error) {
	for i, o := range c.Origins {
		if o == "*" {
			return nil, &gatehouse.Fault{Key: fmt.Sprintf("origins[%d]", i), Says: "every origin is none", Fix: "origins: [https://app.example.com]"}
		}
	}
	return step(gatehouse.Respond), nil
}
func (c *corsConfig) Explain(s *gatehouse.Sheet) { s.Fact("cors.exact", "origins %v", c.Origins) }

type jwtConfig struct {
	Issuers []struct {
		Issuer     string   `yaml:"issuer"`
		Algorithms []string `yaml:"algorithms"`
	} `yaml:"issuers"`
	Audience     string        `yaml:"audience"`
	Leeway       time.Duration `yaml:"leeway"`
	ClientSecret string        `yaml:"client_secret"`
}

func (c *jwtConfig) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if len(c.Issuers) == 0 {
		if c.Audience != "" || c.Leeway != 30*time.Second {
			return nil, &gatehouse.Fault{Key: "issuers", Says: "no issuer", Fix: "issuers: [{issuer: https://login.example.com}]"}
		}
		return nil, nil
	}
	for i, s := range c.Issuers {
		if !strings.HasPrefix(s.Issuer, "https://") {
			return nil, &gatehouse.Fault{Key: fmt.Sprintf("issuers[%d].issuer", i), Says: "an issuer is an https URL", Fix: "issuer: https://login.example.com"}
		}
	}
	if b.Operation == nil {
		return nil, nil
	}
	return step(gatehouse.Authenticate), nil
}
func (c *jwtConfig) Explain(s *gatehouse.Sheet) { s.Fact("jwt.aud", "audience %s", c.Audience) }

type sizeConfig struct {
	Body int64 `yaml:"body"`
}

func (c *sizeConfig) Compile(*gatehouse.Build) ([]gatehouse.Step, error) {
	return step(gatehouse.Validate), nil
}
func (c *sizeConfig) Explain(s *gatehouse.Sheet) {
	s.Fact("input.size", "at most %d bytes", c.Body)
}

type roleConfig struct {
	Roles map[string][]string `yaml:"roles"`
}

func (c *roleConfig) Compile(*gatehouse.Build) ([]gatehouse.Step, error) {
	return step(gatehouse.Authorize), nil
}
func (c *roleConfig) Explain(s *gatehouse.Sheet) { s.Fact("authz.role", "roles %v", c.Roles) }

type objectConfig struct {
	Objects  map[string]*policy.Object    `yaml:"objects"`
	NoObject map[string]*gatehouse.Waiver `yaml:"no_object"`
	Roles    map[string][]string          `yaml:"roles"`
	policy   *policy.Policy
}

func (c *objectConfig) Hold(p *policy.Policy) { c.policy = p }
func (c *objectConfig) Held() *policy.Policy  { return c.policy }

func (c *objectConfig) Compile(*gatehouse.Build) ([]gatehouse.Step, error) { return nil, nil }
func (c *objectConfig) Explain(s *gatehouse.Sheet) {
	s.Fact("authz.object", "%d objects", len(c.Objects))
}

type headersConfig struct{}

func (c *headersConfig) Compile(*gatehouse.Build) ([]gatehouse.Step, error) {
	return step(gatehouse.Respond), nil
}
func (c *headersConfig) Explain(s *gatehouse.Sheet) { s.Fact("headers.security", "headers") }

// everyConfig has a field of every type that controls may use.
type everyConfig struct {
	inner   `yaml:",inline"`
	Bool    bool                     `yaml:"bool"`
	Int     int                      `yaml:"int"`
	Int8    int8                     `yaml:"int8"`
	Uint    uint                     `yaml:"uint"`
	Float   float64                  `yaml:"float"`
	Text    string                   `yaml:"text"`
	Time    time.Duration            `yaml:"time"`
	List    []int                    `yaml:"list"`
	Map     map[string]time.Duration `yaml:"map"`
	Pointer *inner                   `yaml:"pointer"`
	Waiver  *gatehouse.Waiver        `yaml:"waiver"`
	Network netip.Prefix             `yaml:"network"`
	ignored string
}

type inner struct {
	Inner string `yaml:"inner"`
}

func (c *everyConfig) Compile(*gatehouse.Build) ([]gatehouse.Step, error) { return nil, nil }
func (c *everyConfig) Explain(s *gatehouse.Sheet)                         { s.Fact("ops.explain", "%v", c.ignored) }

// graphqlConfig stands for a control that reads files of its own.
type graphqlConfig struct {
	Schema    gatehouse.File `yaml:"schema"`
	Documents gatehouse.File `yaml:"documents"`
	Path      string         `yaml:"path"`
	Get       bool           `yaml:"get"`
	Objects   map[string]struct {
		Owner string `yaml:"owner"`
	} `yaml:"objects"`
}

func (c *graphqlConfig) Compile(*gatehouse.Build) ([]gatehouse.Step, error) { return nil, nil }
func (c *graphqlConfig) Explain(*gatehouse.Sheet)                           {}
