package waf

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const corpus = "../../../shared/corpora/openapi/"

// written returns what the authors of real descriptions wrote, each text once:
// the strings of their examples, and the paragraphs that explain things to
// readers, which are full of code. None of it is an attack.
func written(t *testing.T) (examples, prose []string) {
	t.Helper()
	inExamples, inProse := map[string]bool{}, map[string]bool{}
	for _, file := range []string{"github.v3.json", "stripe.json", "digitalocean.yaml", "svix.json", "vercel.json", "prometheus-3.1.yaml", "prometheus-3.2.yaml"} {
		b, err := os.ReadFile(corpus + file)
		if err != nil {
			t.Skip("corpora/openapi is missing")
		}
		var n yaml.Node
		if err := yaml.Unmarshal(b, &n); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		gather(&n, false, inExamples, inProse)
	}
	return slices.Sorted(maps.Keys(inExamples)), slices.Sorted(maps.Keys(inProse))
}

func gather(n *yaml.Node, example bool, examples, prose map[string]bool) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && example && utf8.ValidString(n.Value) {
		examples[n.Value] = true
	}
	if n.Kind != yaml.MappingNode {
		for _, c := range n.Content {
			gather(c, example, examples, prose)
		}
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i].Value, n.Content[i+1]
		if (k == "description" || k == "summary") && v.Kind == yaml.ScalarNode && !example {
			for p := range strings.SplitSeq(v.Value, "\n\n") {
				prose[strings.TrimSpace(p)] = true
			}
		}
		gather(v, example || k == "example" || k == "examples" || k == "default", examples, prose)
	}
}

// stopped returns how many of the texts a set of rules stops, by rule.
func stopped(t *testing.T, rules string, list []string, show int) (n int) {
	t.Helper()
	c := configured(rules)
	s, by := step(t, c), map[string]int{}
	for _, text := range list {
		if len(text) > maxText {
			text = text[:maxText]
		}
		v := run(t, s, note(text))
		if v.Rule() == "waf.unread" {
			t.Fatalf("%.100q was not read", text)
		}
		if v.Passed() {
			continue
		}
		n++
		reason, _, _ := strings.Cut(v.Detail(), " at ")
		if by[v.Rule()+" "+reason]++; by[v.Rule()+" "+reason] <= show {
			t.Logf("%s %s: %.100q", v.Rule(), reason, text)
		}
	}
	t.Logf("by rule: %v", by)
	return n
}

// input.injection: what the rules would stop of texts that are no attacks.
func TestFalsePositivesOfTheQuickRulesOverRealDescriptions(t *testing.T) {
	examples, prose := written(t)
	for _, c := range []struct {
		what  string
		list  []string
		count int
		most  float64 // percent
	}{{"strings in examples", examples, 9000, 0.1}, {"paragraphs of documentation", prose, 20_000, 0.5}} {
		n := stopped(t, quick, c.list, 5)
		percent := 100 * float64(n) / float64(len(c.list))
		t.Logf("figure %s stopped by the quick rules: %d of %d, %.2f/%.1f %%", c.what, n, len(c.list), percent, c.most)
		if len(c.list) < c.count || percent > c.most {
			t.Errorf("%s: %d of %d", c.what, n, len(c.list))
		}
	}
}
