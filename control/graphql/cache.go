package graphql

import (
	"crypto/sha256"
	"sync"
)

// cacheBytes bounds the text of the documents of one generation; what is made of a
// text takes some thirty times as much.
const cacheBytes = 256 << 10

// cache keeps operations that were judged, by the hash of their document and name. It
// has two generations: when the newer is full the older is forgotten, so that what is
// asked for often stays and what a stranger makes up goes.
type cache struct {
	mu         sync.RWMutex
	newer, old map[hash]*operation
	bytes      int
}

type hash [sha256.Size]byte

// hashOf names an operation of a document.
func hashOf(text []byte, name []byte) hash {
	if len(name) == 0 {
		return sha256.Sum256(text)
	}
	h := hash(sha256.Sum256(text))
	return sha256.Sum256(append(h[:len(h):len(h)], name...))
}

func (c *cache) get(h hash) *operation {
	c.mu.RLock()
	op, old := c.newer[h], c.old[h]
	c.mu.RUnlock()
	if op == nil && old != nil {
		c.put(h, old)
		return old
	}
	return op
}

func (c *cache) put(h hash, op *operation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bytes >= cacheBytes {
		c.old, c.newer, c.bytes = c.newer, nil, 0
	}
	if c.newer == nil {
		c.newer = map[hash]*operation{}
	}
	if c.newer[h] == nil {
		c.newer[h] = op
		c.bytes += len(op.text) + 256
	}
}
