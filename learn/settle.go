package learn

import (
	"maps"
	"slices"
	"strings"
)

// settled returns the tree with the words that turned out to be values taken for
// values. The tree itself stays as it is. before is the segment that leads here.
func (n *node) settled(before string) *node {
	out := &node{literals: maps.Clone(n.literals), param: n.param, wide: n.wide, value: n.value, calls: n.calls, seen: n.seen, told: n.told, echoed: n.echoed}
	out.gather(out.values(before))
	for s, c := range out.literals {
		out.literals[s] = c.settled(s)
	}
	if out.param != nil {
		out.param = out.param.settled("")
	}
	return out
}

// gather makes values of words. What is merged is copied first.
func (n *node) gather(words []string) {
	if len(words) == 0 {
		return
	}
	slices.Sort(words)
	p := &node{value: &scalar{}}
	if n.param != nil {
		p.add(n.param)
	}
	for _, s := range words {
		c := n.literals[s]
		p.add(c)
		p.value.repeat(s, c.seen)
		delete(n.literals, s)
	}
	n.param = p
}

// values returns the words behind a node that are values rather than words of the
// API, by what can be told from the traffic: the replies repeat them; they stand
// where elements of a collection stand, and lead to the same answers as another,
// or are hardly ever seen.
func (n *node) values(before string) (words []string) {
	collection := n.param != nil || plural(before)
	var rest []string
	for _, s := range slices.Sorted(maps.Keys(n.literals)) {
		c := n.literals[s]
		switch {
		case s == "" || version(s) || function(s):
		case c.param != nil && !collection:
		case c.told > 0 && 2*c.echoed > c.told:
			words = append(words, s)
		case !collection:
		case c.seen < often && len(c.literals) == 0 && c.param == nil:
			words = append(words, s)
		default:
			rest = append(rest, s)
		}
	}
	return append(words, n.alike(rest, words)...)
}

// alike returns those of the words that are taken for values by what is behind
// them: the same answers as behind another one or behind a value, or, where the
// answers say too little, the same paths.
func (n *node) alike(words, values []string) (out []string) {
	signs := map[string]map[string]bool{}
	of := func(s string) map[string]bool {
		if signs[s] == nil {
			signs[s] = n.literals[s].signature()
		}
		return signs[s]
	}
	var known map[string]bool
	if n.param != nil {
		known = n.param.signature()
	}
	others := slices.Concat(words, values)
	for _, s := range words {
		w := n.literals[s]
		leaf := len(w.literals) == 0 && w.param == nil
		like := n.param != nil && (similar(of(s), known) || w.within(n.param) && (!leaf || covered(of(s), known)))
		for _, t := range others {
			like = like || s != t && (similar(of(s), of(t)) || w.within(n.literals[t]) && covered(of(s), of(t)))
		}
		if like {
			out = append(out, s)
		}
	}
	return out
}

// within reports whether every path and method behind n is behind o as well.
func (n *node) within(o *node) bool {
	for method := range n.calls {
		if o.calls[method] == nil {
			return false
		}
	}
	for s, c := range n.literals {
		to := o.literals[s]
		if to == nil {
			to = o.param
		}
		if to == nil || !c.within(to) {
			return false
		}
	}
	return n.param == nil || o.param != nil && n.param.within(o.param)
}

// covered reports a signature that says too little, or nothing but what another
// one says.
func covered(a, b map[string]bool) bool {
	return len(a) < leastSigns || 4*common(a, b) >= 3*len(a)
}

// leastSigns is what a signature must have to say something.
const leastSigns = 3

func common(a, b map[string]bool) (n int) {
	for k := range a {
		if b[k] {
			n++
		}
	}
	return n
}

// similar reports two signatures that say enough and have most in common.
func similar(a, b map[string]bool) bool {
	both := common(a, b)
	return len(a) >= leastSigns && len(b) >= leastSigns && 4*both >= 3*(len(a)+len(b)-both)
}

// signature is what is answered at a node and right below it: by method and path,
// the members of replies.
func (n *node) signature() map[string]bool {
	out := map[string]bool{}
	n.sign(out, "", 3)
	return out
}

func (n *node) sign(out map[string]bool, path string, depth int) {
	for method, c := range n.calls {
		for _, a := range c.answers {
			for _, s := range a.content {
				if s != nil {
					s.sign(out, path+" "+method, 3)
				}
			}
		}
	}
	if depth == 0 {
		return
	}
	for s, c := range n.literals {
		c.sign(out, path+"/"+s, depth-1)
	}
	if n.param != nil {
		n.param.sign(out, path+"/{}", depth-1)
	}
}

func (s *shape) sign(out map[string]bool, at string, depth int) {
	if s.array != nil && s.array.items != nil {
		s.array.items.sign(out, at+"[]", depth)
	}
	if s.object == nil || depth == 0 || len(out) > 256 {
		return
	}
	for name, m := range s.object.members {
		out[at+" "+name] = true
		m.shape.sign(out, at+" "+name, depth-1)
	}
}

// add merges what is known of another node into n.
func (n *node) add(o *node) {
	n.wide = n.wide || o.wide
	n.seen, n.told, n.echoed = n.seen+o.seen, n.told+o.told, n.echoed+o.echoed
	if o.value != nil {
		if n.value == nil {
			n.value = &scalar{}
		}
		n.value.add(o.value)
	}
	for method, c := range o.calls {
		if n.calls == nil {
			n.calls = map[string]*call{}
		}
		if n.calls[method] == nil {
			n.calls[method] = &call{}
		}
		n.calls[method].add(c)
	}
	for s, c := range o.literals {
		if n.literals == nil {
			n.literals = map[string]*node{}
		}
		if n.literals[s] == nil {
			n.literals[s] = &node{}
		}
		n.literals[s].add(c)
	}
	if o.param != nil {
		if n.param == nil {
			n.param = &node{}
		}
		n.param.add(o.param)
	}
}

// size counts what is kept below a node.
func (n *node) size() int {
	sum := 1
	for _, c := range n.literals {
		sum += c.size()
	}
	if n.param != nil {
		sum += n.param.size()
	}
	for _, c := range n.calls {
		sum += c.size()
	}
	return sum
}

// plural reports a word that names a collection.
func plural(s string) bool {
	s = strings.ToLower(s)
	return len(s) > 2 && strings.HasSuffix(s, "s") && !strings.HasSuffix(s, "ss") && !strings.HasSuffix(s, "us") && !strings.HasSuffix(s, "is") || s == "people"
}

// singular names one element of a collection.
func singular(s string) string {
	switch {
	case s == "people":
		return "person"
	case !plural(s):
		return s
	case strings.HasSuffix(s, "ies") && len(s) > 4:
		return strings.TrimSuffix(s, "ies") + "y"
	case strings.HasSuffix(s, "sses"), strings.HasSuffix(s, "xes"), strings.HasSuffix(s, "ches"), strings.HasSuffix(s, "shes"):
		return strings.TrimSuffix(s, "es")
	}
	return strings.TrimSuffix(s, "s")
}
