package leak

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const corpus = "../../../shared/corpora/openapi/"

// examples returns, as JSON, what the authors of real descriptions say that their
// APIs send and take: all examples, each once; and what they wrote to explain them.
func examples(t *testing.T) (list, prose []string) {
	t.Helper()
	all, texts := map[string]bool{}, map[string]bool{}
	for _, file := range []string{"github.v3.json", "stripe.json", "digitalocean.yaml", "svix.json", "vercel.json", "prometheus-3.1.yaml", "prometheus-3.2.yaml", "hydra-swagger-2.0.json"} {
		b, err := os.ReadFile(corpus + file)
		if err != nil {
			t.Skip("corpora/openapi is missing")
		}
		var n yaml.Node
		if err := yaml.Unmarshal(b, &n); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		gather(&n, all, texts)
	}
	return slices.Sorted(maps.Keys(all)), slices.Sorted(maps.Keys(texts))
}

// gather adds the examples and the descriptions below n.
func gather(n *yaml.Node, all, texts map[string]bool) {
	add := func(v *yaml.Node) { all[string(appendJSON(nil, v))] = true }
	if n.Kind != yaml.MappingNode {
		for _, c := range n.Content {
			gather(c, all, texts)
		}
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		v := n.Content[i+1]
		switch k := n.Content[i].Value; {
		case (k == "description" || k == "summary") && v.Kind == yaml.ScalarNode:
			texts[v.Value] = true
		case k == "example":
			add(v)
		case k == "examples" && v.Kind == yaml.SequenceNode:
			for _, e := range v.Content {
				add(e)
			}
		case k == "examples" && v.Kind == yaml.MappingNode:
			for j := 1; j < len(v.Content); j += 2 {
				e := v.Content[j]
				for l := 0; l+1 < len(e.Content); l += 2 {
					if e.Content[l].Value == "value" {
						add(e.Content[l+1])
					}
				}
			}
		default:
			gather(v, all, texts)
		}
	}
}

func appendJSON(dst []byte, n *yaml.Node) []byte {
	switch n.Kind {
	case yaml.AliasNode:
		return appendJSON(dst, n.Alias)
	case yaml.MappingNode:
		dst = append(dst, '{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(strconv.AppendQuote(dst, n.Content[i].Value), ':')
			dst = appendJSON(dst, n.Content[i+1])
		}
		return append(dst, '}')
	case yaml.SequenceNode:
		dst = append(dst, '[')
		for i, c := range n.Content {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, c)
		}
		return append(dst, ']')
	}
	switch n.Tag {
	case "!!int", "!!float", "!!bool", "!!null":
		return append(dst, n.Value...)
	}
	return strconv.AppendQuote(dst, n.Value)
}

// TestExamplesOfRealDescriptionsAreSeldomTakenForLeaks counts what would be
// refused, replaced or masked of what real APIs say that they send. What is found
// in successes are tokens and connection strings of endpoints that issue them; in
// errors, where they would not stand, the private addresses of a cloud and the
// e-mail addresses of a forge come first.
func TestExamplesOfRealDescriptionsAreSeldomTakenForLeaks(t *testing.T) {
	list, prose := examples(t)
	if len(list) != 3894 {
		t.Errorf("%d examples", len(list))
	}
	l := looking("mask")
	bytes, inSuccess, inError, masks := 0, map[string]int{}, map[string]int{}, 0
	for _, e := range list {
		bytes += len(e)
		b := []byte(e)
		found := l.failure(b)
		if found != nothing {
			if inError[whats[found]]++; inError[whats[found]] <= 8 {
				t.Logf("as an error: %s: %.160s", whats[found], around(l.errors, b))
			}
		}
		found, masked := l.success(b, true)
		if found != nothing {
			inSuccess[whats[found]]++
			t.Logf("as a success: %s: %.160s", whats[found], around(l.successes, b))
		}
		if masked {
			masks++
			t.Logf("masked: %.300s", b)
		}
	}
	told := 0
	for _, p := range prose {
		if found, masked := l.success([]byte(p), false); found != nothing || masked {
			told++
			t.Logf("in prose: %s: %.160s", whats[found], around(l.successes, []byte(p)))
		}
	}
	t.Logf("figure: %d/0 of %d texts that explain APIs", told, len(prose))
	total := func(m map[string]int) (n int) {
		for _, v := range m {
			n += v
		}
		return n
	}
	t.Logf("figure: %d/16 of %d examples (%d bytes) flagged as successes: %v", total(inSuccess), len(list), bytes, inSuccess)
	t.Logf("figure: %d/0 of them masked", masks)
	t.Logf("figure: %d/169 of them replaced, were they errors: %v", total(inError), inError)
	if total(inSuccess) > 16 || masks > 0 || told > 0 || len(prose) != 19641 || total(inError) > 169 {
		t.Error("too many are taken for leaks")
	}
}

// TestGoodTextsAreSeldomLookedAtCloser counts the windows in which a pattern might
// stand; each costs as much as some fifty bytes.
func TestGoodTextsAreSeldomLookedAtCloser(t *testing.T) {
	list, prose := examples(t)
	for name, c := range map[string]struct {
		list []string
		s    *scanner
		most float64
	}{
		"successes":        {list, newScanner(inSuccesses()), 2},
		"prose":            {prose, newScanner(inSuccesses()), 6},
		"errors":           {list, newScanner(patterns), 6},
		"the bench's body": {[]string{order(11)}, newScanner(inSuccesses()), 2},
	} {
		looks, size := 0, 0
		for _, text := range c.list {
			size += len(text)
			for b := []byte(text); len(b) >= window; b = b[step:] {
				if c.s.half(b)&(c.s.half(b[step:])>>8)&all != 0 {
					looks++
				}
			}
		}
		perKB := float64(looks) / float64(size) * 1024
		t.Logf("figure: %.1f/%.0f windows a kB in %s", perKB, c.most, name)
		if perKB > c.most {
			t.Errorf("%s: %.1f windows a kB", name, perKB)
		}
	}
}

// around returns the text about the first place where a scanner finds something.
func around(s *scanner, b []byte) string {
	for i := 1; i <= len(b); i++ {
		if found, _ := s.find(b[:i]); found != nothing {
			return strings.ToValidUTF8(string(b[max(0, i-70):min(len(b), i+40)]), "")
		}
	}
	return string(b)
}
