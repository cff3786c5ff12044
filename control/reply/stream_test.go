package reply

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

func TestLooserBoundsOfRepliesNeedAReasonThatHolds(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	lasting := &gatehouse.Waiver{Because: "exports", Owner: "sre@example.com", Until: now.AddDate(0, 1, 0)}
	ended := &gatehouse.Waiver{Because: "exports", Owner: "sre@example.com", Until: now.AddDate(0, 0, -2)}
	for name, c := range map[string]struct {
		set  func(*Config)
		says string
	}{
		"defaults":                    {func(*Config) {}, ""},
		"smaller items":               {func(c *Config) { c.MaxItem = 100 }, ""},
		"no items":                    {func(c *Config) { c.MaxItem = 0 }, "max_item: a bound is positive"},
		"larger items":                {func(c *Config) { c.MaxItem = maxItem + 1 }, "max_item: an item of more than 1048576 bytes needs a waiver"},
		"larger items, waived":        {func(c *Config) { c.MaxItem, c.Waiver = 10*maxItem, lasting }, ""},
		"larger items, waived before": {func(c *Config) { c.MaxItem, c.Waiver = 10*maxItem, ended }, "waiver: the waiver ended on 2026-11-19"},
		"not inspected":               {func(c *Config) { c.NotInspected = lasting }, ""},
		"not inspected before":        {func(c *Config) { c.NotInspected = ended }, "not_inspected: the waiver ended on 2026-11-19"},
	} {
		config := Kind.New().(*Config)
		c.set(config)
		_, err := config.Compile(&gatehouse.Build{Now: func() time.Time { return now }})
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("output.validate: %s: %v, want %q", name, err, c.says)
		}
	}
}
