package leak

import "github.com/gatehouse-api/gatehouse"

// Explain implements [gatehouse.Control].
func (c *Config) Explain(s *gatehouse.Sheet) {
	s.Fact("output.errors", "fields that name products, versions and machines are dropped from every answer")
	if c.Unscanned != nil {
		s.Fact("output.errors", "bodies are not looked at: %s", c.Unscanned)
		return
	}
	s.Fact("output.errors", "server errors are replaced by problem documents with the request id")
	s.Fact("output.errors", "replies with stack traces, database errors, file paths, host names or private keys do not leave")
}
