//go:build waf

package waf

import (
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza-coreruleset/v4/tests"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

func TestTheCoreRuleSetFindsTheSixAttacks(t *testing.T) {
	r, err := newRuleset()
	if err != nil {
		t.Fatal(err)
	}
	whole := step(t, configured(crs))
	found := 0
	for _, a := range attacks {
		id, i, err := r.judge([]argument{{text: "hello"}, {text: a.text}})
		v := run(t, whole, note(a.text))
		if err == nil && id/1000 >= 930 && id/1000 <= 944 && i == 1 && v.Denied() && strings.HasSuffix(v.Detail(), " at body /text") {
			found++
			continue
		}
		t.Errorf("%s: rule %d of text %d, %v; %q %q", a.text, id, i, err, v.Rule(), v.Detail())
	}
	t.Logf("figure attacks found by the Core Rule Set: %d/%d", found, len(attacks))
}

func TestBenignTextsThatTheCoreRuleSetStops(t *testing.T) {
	s := step(t, configured(crs))
	n := 0
	for _, text := range benign {
		if v := run(t, s, note(text)); !v.Passed() {
			t.Logf("%s %s: %.60q", v.Rule(), v.Detail(), text)
			n++
		}
	}
	const limit = 6
	t.Logf("figure benign texts stopped by the Core Rule Set at paranoia level 1: %d of %d, limit %d", n, len(benign), limit)
	if n > limit {
		t.Errorf("%d of %d benign texts are stopped, limit %d", n, len(benign), limit)
	}
}

func TestFalsePositivesOfTheCoreRuleSetOverRealDescriptions(t *testing.T) {
	examples, prose := written(t)
	for _, c := range []struct {
		what  string
		list  []string
		every int     // one of so many is tried
		most  float64 // percent
	}{{"strings in examples", examples, 4, 1}, {"paragraphs of documentation", prose, 10, 3}} {
		var some []string
		for i := 0; i < len(c.list); i += c.every {
			some = append(some, c.list[i])
		}
		n := stopped(t, crs, some, 1)
		percent := 100 * float64(n) / float64(len(some))
		t.Logf("figure %s stopped by the Core Rule Set: %d of %d, %.2f/%.1f %%", c.what, n, len(some), percent, c.most)
		if percent > c.most {
			t.Errorf("%s: %d of %d", c.what, n, len(some))
		}
	}
}

// The name of an argument is its index: what the rules would make of the names
// of members is no finding.
func TestNamesOfMembersAreNotTexts(t *testing.T) {
	x := request("", "application/json", `{"kind":"a","text":"hello","list":["a"]}`)
	if v := run(t, step(t, configured(crs)), x); !v.Silent() {
		t.Errorf("%q %q", v.Rule(), v.Detail())
	}
}

func TestTheLocationIsThatOfTheText(t *testing.T) {
	s := step(t, configured(crs))
	const bad = "a%7Csystem%28%27id%27%29" // for the Core Rule Set alone
	for _, c := range []struct {
		x    *gatehouse.Exchange
		want string
	}{
		{request("q="+bad, "", ""), "query q"},
		{request("j=%7B%22a%22:%22"+bad+"%22%7D&k=%5B%22one%22,%22two%22%5D", "", ""), "query j /a"},
		{request("q=hello", "application/json", `{"text":"fine","list":["a","b","a|system('id')"]}`), "body /list/2"},
		{request("", "application/x-www-form-urlencoded", "text="+bad), "form text"},
	} {
		if v := run(t, s, c.x); !v.Denied() || !strings.HasPrefix(v.Detail(), "rule 9") || !strings.HasSuffix(v.Detail(), " at "+c.want) {
			t.Errorf("%q %q; want a rule at %s", v.Rule(), v.Detail(), c.want)
		}
	}
}

// An attack at the end of a long text is found, also where a piece ends in it.
func TestALongTextIsLookedAtInPieces(t *testing.T) {
	s := step(t, configured(crs))
	for _, before := range []int{0, portion - 8, portion, 3*portion - overlap - 4, 6 * portion} {
		text := strings.Repeat("ab ", before/3) + " |system('id')"
		if v := run(t, s, note(text)); !v.Denied() || v.Rule() == "waf.unscanned" {
			t.Errorf("behind %d bytes: %q", before, v.Rule())
		}
	}
}

func TestTheBudgetEndsTheCoreRuleSet(t *testing.T) {
	list := strings.Repeat(`,"leave it at the door"`, 20_000)
	for name, x := range map[string]*gatehouse.Exchange{
		"one text of 1 MiB": note(strings.Repeat("leave it at the door ", 50_000)),
		"20,000 texts":      request("", "application/json", `{"list":["a"`+list+`]}`),
		"4,000 names":       request("", "application/json", `{"map":{`+members(4_000)+`}}`),
	} {
		t.Run(name, func(t *testing.T) {
			s := step(t, configured(crs))
			start := time.Now()
			v := run(t, s, x)
			took := time.Since(start)
			if v.Rule() != "waf.unscanned" {
				t.Errorf("%q; want waf.unscanned", v.Rule())
			}
			limit := budget + 100*time.Millisecond // one portion more, and the walk
			t.Logf("figure %s: %v/%v", name, took.Round(time.Millisecond), limit)
			if took > limit && !race.Enabled {
				t.Errorf("%v, limit %v", took, limit)
			}
		})
	}
}

func members(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"name of member %d":"v"`, i)
	}
	return b.String()[1:]
}

func TestTheBudgetIsReadBetweenPortions(t *testing.T) {
	c := configured(crs)
	c.Budget = time.Nanosecond
	if v := run(t, step(t, c), note("one portion is always looked at")); !v.Silent() {
		t.Errorf("%q", v.Rule())
	}
	if v := run(t, step(t, c), note(strings.Repeat("the second portion is not ", 100))); v.Rule() != "waf.unscanned" {
		t.Errorf("%q; want waf.unscanned", v.Rule())
	}
}

// regression is one file of the Core Rule Set's own tests.
type regression struct {
	Rule  int `yaml:"rule_id"`
	Tests []struct {
		ID     int `yaml:"test_id"`
		Stages []struct {
			Input struct {
				Method  string            `yaml:"method"`
				URI     string            `yaml:"uri"`
				Data    string            `yaml:"data"`
				Headers map[string]string `yaml:"headers"`
			} `yaml:"input"`
			Output struct {
				Log struct {
					Expect []int `yaml:"expect_ids"`
					Not    []int `yaml:"no_expect_ids"`
				} `yaml:"log"`
			} `yaml:"output"`
		} `yaml:"stages"`
	} `yaml:"tests"`
}

// TestTheRegressionTestsOfTheCoreRuleSet gives the texts of the rule set's own
// tests to both sets of rules. Only what comes as an argument can be found: tests
// that put the attack into a field or a file are left out, and so are rules of
// higher paranoia levels. Nothing here was tuned on them.
func TestTheRegressionTestsOfTheCoreRuleSet(t *testing.T) {
	r, err := newRuleset()
	if err != nil {
		t.Fatal(err)
	}
	light := step(t, configured(quick))
	level := levels(t)
	families := map[string]*score{}
	var files, attacks, found, clean, wrong int
	err = fs.WalkDir(tests.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yaml") || !strings.HasPrefix(path, "REQUEST-93") && !strings.HasPrefix(path, "REQUEST-94") || strings.Contains(path, "-943-") || strings.Contains(path, "-949-") {
			return err
		}
		b, err := fs.ReadFile(tests.FS, path)
		if err != nil {
			return err
		}
		files++
		var g regression
		if err := yaml.Unmarshal(b, &g); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if level[g.Rule] != 1 {
			return nil
		}
		for _, c := range g.Tests {
			if len(c.Stages) != 1 {
				continue
			}
			in, out := c.Stages[0].Input, c.Stages[0].Output.Log
			list, ok := arguments(in.URI, in.Data, in.Headers)
			if !ok {
				continue
			}
			id, _, err := r.judge(list)
			if err != nil {
				return err
			}
			switch {
			case len(out.Expect) == 1 && out.Expect[0] == g.Rule:
				f := families[path[:11]]
				if f == nil {
					f = &score{}
					families[path[:11]] = f
				}
				attacks++
				f.attacks++
				if id != 0 {
					found++
					f.found++
				} else {
					t.Logf("missed: %d-%d %.100q", g.Rule, c.ID, in.URI)
				}
				if slices.ContainsFunc(list, func(a argument) bool { return run(t, light, note(a.text)).Denied() }) {
					f.quickly++
				}
			case len(out.Not) > 0 && len(out.Expect) == 0:
				clean++
				if id == g.Rule {
					wrong++
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(families)) {
		f := families[name]
		t.Logf("figure %s: of %d tests with an attack, the Core Rule Set finds %d, the quick rules alone %d", name, f.attacks, f.found, f.quickly)
	}
	t.Logf("figure regression tests in %d files: attacks found %d/%d; of %d without one, %d found by the rule that must not", files, found, attacks, clean, wrong)
	if attacks != 1110 || found < 1109 || wrong > 0 {
		t.Errorf("%d of %d found, %d of %d wrongly", found, attacks, wrong, clean)
	}
}

// score is what was found of one file of rules.
type score struct{ attacks, found, quickly int }

// levels returns the paranoia level of every rule.
func levels(t *testing.T) map[int]int {
	t.Helper()
	out := map[int]int{}
	names, err := fs.Glob(coreruleset.FS, "@owasp_crs/REQUEST-9*.conf")
	if err != nil || len(names) < 15 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		b, err := fs.ReadFile(coreruleset.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		id := 0
		for l := range strings.Lines(string(b)) {
			l = strings.TrimSpace(l)
			if strings.HasPrefix(l, "#") {
				continue
			}
			if _, rest, ok := strings.Cut(l, "id:"); ok {
				n := 0
				if k, _ := fmt.Sscanf(rest, "%d", &n); k == 1 && n > 900_000 {
					id = n
				}
			}
			if _, rest, ok := strings.Cut(l, "paranoia-level/"); ok {
				n := 0
				if k, _ := fmt.Sscanf(rest, "%d", &n); k == 1 {
					out[id] = n
				}
			}
		}
	}
	return out
}

// arguments returns the names and values of a test's query and form: the names are
// none that a description declares, and such are looked at.
func arguments(uri, data string, headers map[string]string) (list []argument, ok bool) {
	for k, v := range headers {
		switch strings.ToLower(k) {
		case "host", "accept", "accept-encoding", "accept-language", "content-length", "connection", "keep-alive", "proxy-connection":
		case "user-agent":
			if v != "OWASP CRS test agent" {
				return nil, false
			}
		case "content-type":
			if !strings.Contains(v, "urlencoded") {
				return nil, false
			}
		default:
			return nil, false
		}
	}
	_, query, _ := strings.Cut(uri, "?")
	for _, text := range []string{query, data} {
		for pair := range strings.SplitSeq(strings.TrimSpace(text), "&") {
			name, value, _ := strings.Cut(pair, "=")
			for _, part := range []string{name, value} {
				if d, err := url.QueryUnescape(part); err == nil {
					part = d
				}
				if part != "" {
					list = append(list, argument{text: part})
				}
			}
		}
	}
	return list, len(list) > 0
}

func BenchmarkCoreRuleSet(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"40 B", "leave it at the door on the left, please"}, {"588 B", strings.Repeat("leave it at the door on the left, please", 15)[:588]},
		{"8 KiB", strings.Repeat("leave it at the door on the left, please", 204)},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, x := step(b, configured(crs)), note(c.text)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Enforce(b.Context(), x); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLoadingTheCoreRuleSet(b *testing.B) {
	for b.Loop() {
		if _, err := newRuleset(); err != nil {
			b.Fatal(err)
		}
	}
}
