package ratelimit

import "github.com/gatehouse-api/gatehouse"

// Explain implements [gatehouse.Control].
func (c *Config) Explain(s *gatehouse.Sheet) {
	s.Fact("limit.global", "all requests together are limited to %s", c.Global)
	s.Fact("limit.key", "one API key or OAuth client is limited to %s", c.Key)
	s.Fact("limit.user", "one user is limited to %s", c.User)
	s.Fact("limit.ip", "one address (IPv6: one /64) is limited to %s without authentication, and to as many failed attempts", c.IP)
	s.Fact("limit.all-five", "all limits that bind a request are charged in one step, or none")
	s.Fact("limit.token-bucket", "at most %d requests come at once", c.Burst)
	s.Fact("limit.sliding-window", "endpoint limits count in sliding windows; there is no fixed window")
	if c.Endpoint.N > 0 {
		s.Fact("limit.endpoint", "the operation is limited to %s", c.Endpoint)
	} else {
		s.Fact("limit.endpoint", "the limit of an operation follows from what it does")
	}
	if c.TokenEndpoint {
		s.Fact("limit.endpoint", "a client asks for tokens of its own as often as the operation's limit says, an address twice as often; a device's polls count to its address's general limit alone")
	}
	s.Fact("limit.preset-auth", "authentication is limited to %s per address and account", authentication.preset)
	s.Fact("limit.preset-reset", "password resets are limited to %s, and the answer does not tell", reset.preset)
	s.Fact("limit.preset-search", "searches are limited to %s per caller", search.preset)
	s.Fact("limit.preset-write", "writes are limited to %s per caller", write.preset)
	s.Fact("limit.preset-read", "reads are limited to %s per caller", read.preset)
	s.Fact("limit.headers", "answers carry the tightest limit; refusals say when to try again")
	s.Fact("limit.logged", "every refusal is in the trail with its reason")
}
