package guard

import "sync"

// maxCached is how many texts a cache holds in each of its two halves, and maxKept how
// long a text may be that it holds, in bytes.
const (
	maxCached = 1024
	maxKept   = 16 << 10
)

// Cache keeps the statements of a guard by their texts, at most twice maxCached of
// them. Texts should be few; where an application writes values into them, the cache
// forgets, and nothing else happens. It is safe for concurrent use.
type Cache struct {
	guard    *Guard
	mu       sync.Mutex
	new, old map[string]*Statement
	checked  map[*Statement]bool // whose plan has been looked at
}

// NewCache returns an empty cache for a guard.
func NewCache(g *Guard) *Cache {
	return &Cache{guard: g, new: map[string]*Statement{}, checked: map[*Statement]bool{}}
}

// Rewrite is [Guard.Rewrite], which is asked once for each text. Refusals are not kept.
func (c *Cache) Rewrite(text string) (*Statement, error) {
	c.mu.Lock()
	s, ok := c.new[text]
	if !ok {
		if s, ok = c.old[text]; ok {
			c.keep(text, s)
		}
	}
	c.mu.Unlock()
	if ok {
		return s, nil
	}
	s, err := c.guard.Rewrite(text)
	if err != nil || len(text) > maxKept {
		return s, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(text, s)
	return s, nil
}

// keep puts a statement into the newer half, which is the older one when it is full.
func (c *Cache) keep(text string, s *Statement) {
	if len(c.new) >= maxCached {
		c.old, c.new = c.new, make(map[string]*Statement, maxCached)
		for s := range c.checked {
			delete(c.checked, s) // looked at again, rather than kept for ever
		}
	}
	c.new[text] = s
}

// Checked reports whether the plan of a statement has been looked at.
func (c *Cache) Checked(s *Statement) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.checked[s]
}

// Check remembers that the plan of a statement has been looked at.
func (c *Cache) Check(s *Statement) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.checked) < 2*maxCached {
		c.checked[s] = true
	}
}
