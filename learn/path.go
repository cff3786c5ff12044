package learn

import "strings"

// The most segments of a path, and the most words that may follow one segment
// before those that are alike are taken for values.
const (
	maxDepth    = 16
	maxLiterals = 128
)

// node is one place in the tree of paths.
type node struct {
	literals map[string]*node
	param    *node // behind segments that are values
	wide     bool  // too many words came: new ones are values
	value    *scalar
	calls    map[string]*call // by method, for the paths that end here

	seen   int // exchanges that went through here
	told   int // those of them with a reply in JSON
	echoed int // those whose reply holds the segment as a value
}

// walk goes down the tree along the lesson's path and makes what is missing.
func (q *lesson) walk() *node {
	n := q.root
	for i, s := range q.segments {
		next := n.literals[s]
		if next == nil && (n.wide && s != "" || identifier(s)) {
			if n.param == nil {
				n.param = &node{value: &scalar{}}
				q.size++
			}
			next = n.param
			next.value.observe(q.formats, s, "")
		} else if next == nil {
			if n.literals == nil {
				n.literals = map[string]*node{}
			}
			next = &node{}
			n.literals[strings.Clone(s)] = next
			q.size++
		}
		next.seen++
		if q.reply != nil {
			next.told++
			if q.echoes[i] {
				next.echoed++
			}
		}
		if len(n.literals) > maxLiterals {
			before := ""
			if i > 0 {
				before = q.segments[i-1]
			}
			q.widen(n, before)
			next = n.literals[s]
			if next == nil {
				next = n.param
			}
		}
		n = next
	}
	return n
}

// known returns the node of the lesson's path when there is one already.
func (q *lesson) known() *node {
	n := q.root
	for _, s := range q.segments {
		next := n.literals[s]
		if next == nil {
			next = n.param
		}
		if next == nil {
			return nil
		}
		n = next
	}
	return n
}

// widen takes the words behind a node for values: those that are alike, or all
// but the names of functions when that leaves too many.
func (q *lesson) widen(n *node, before string) {
	n.gather(n.values(before))
	if len(n.literals) > maxLiterals/2 {
		var all []string
		for s := range n.literals {
			if s != "" && !function(s) {
				all = append(all, s)
			}
		}
		n.gather(all)
	}
	n.wide = true
	q.size = q.root.size()
}

// identifier reports a segment that is a value by its form: a number, a UUID, a
// date, something random, or what no path is spelt with.
func identifier(s string) bool {
	if s == "" || version(s) {
		return false
	}
	if len(s) > 40 || !spelt(s) {
		return true
	}
	digits, letters, changes := 0, 0, 0
	for i := range len(s) {
		switch {
		case digit(s[i]):
			digits++
			if i > 0 && letter(s[i-1]) {
				changes++
			}
		case letter(s[i]):
			letters++
			if i > 0 && digit(s[i-1]) {
				changes++
			}
		}
	}
	switch {
	case digits == 0:
		return letters == 0 || len(s) > 32 && !strings.ContainsAny(s, "-_.")
	case letters == 0, digits >= 3, changes >= 3, len(s) >= 16:
		return true
	}
	// "ord-7" is a value and "api-v2" is not.
	for part := range strings.FieldsFuncSeq(s, func(c rune) bool { return c == '-' || c == '_' || c == '.' || c == ':' }) {
		if strings.Trim(part, "0123456789") == "" {
			return true
		}
	}
	return false
}

// version reports "v1", "v2.1" and "v1beta1".
func version(s string) bool {
	if len(s) < 2 || len(s) > 10 || s[0] != 'v' || !digit(s[1]) {
		return false
	}
	rest := strings.Trim(s[1:], "0123456789.")
	return rest == "" || rest == "beta" || rest == "alpha"
}

// spelt reports letters, digits and the few characters that authors of paths
// use: "order-items", "_search", ".well-known", "$batch", "orders:close".
func spelt(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case letter(c), digit(c), c == '-', c == '_', c == '.':
		case c == '$' && i == 0 && len(s) > 1:
		case c == ':' && i > 0 && i+1 < len(s) && letter(s[i-1]) && letter(s[i+1]):
		default:
			return false
		}
	}
	return true
}

// function reports a word that names a function of a collection and not one of
// its elements.
func function(s string) bool {
	switch strings.ToLower(strings.TrimLeft(s, "_$")) {
	case "me", "self", "current", "mine", "search", "find", "query", "filter", "count", "export", "import", "bulk", "batch", "status", "health",
		"stats", "statistics", "summary", "report", "reports", "latest", "recent", "active", "archived", "new", "all", "list", "login", "logout", "token", "upload",
		"download", "archive", "validate", "verify", "preview", "history", "suggest", "autocomplete", "schema", "metadata", "events", "stream",
		"changes", "tags", "types", "categories", "settings", "config", "permissions", "roles", "available", "pending", "popular",
		"admin", "internal", "debug", "private", "public": // whose functions are not to be taken for anything else
		return true
	}
	return false
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func digit(c byte) bool { return '0' <= c && c <= '9' }

func hexDigit(c byte) bool { return digit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
