package jose

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	strictjson "github.com/go-jose/go-jose/v4/json"
)

// Published is what upstreams verify with: the public keys of every [IdentityKey] that
// signs here, or has since the start. Its zero value is empty.
type Published struct {
	mu   sync.Mutex
	keys [][]byte // each a JWK
}

// Add publishes a key; one that is there already is not there twice.
func (p *Published) Add(k IdentityKey) error {
	var set struct {
		Keys []strictjson.RawMessage `json:"keys"`
	}
	if err := strictjson.Unmarshal(k.JWKS(), &set); err != nil {
		return fmt.Errorf("jose: publishing a key: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range set.Keys {
		if !slices.ContainsFunc(p.keys, func(old []byte) bool { return bytes.Equal(old, one) }) {
			p.keys = append(p.keys, slices.Clone(one))
		}
	}
	return nil
}

// JWKS returns the keys as a JWK set.
func (p *Published) JWKS() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Concat([]byte(`{"keys":[`), bytes.Join(p.keys, []byte(",")), []byte(`]}`))
}
