package leak

import (
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

// Explain implements [gatehouse.Control].
func (c *Config) Explain(s *gatehouse.Sheet) {
	s.Fact("output.errors", "fields that name products, versions and machines are dropped from every answer")
	if c.Unscanned != nil {
		s.Fact("output.errors", "bodies are not looked at: %s", c.Unscanned)
		return
	}
	s.Fact("output.errors", "server errors are replaced by problem documents with the request id")
	s.Fact("output.errors", "replies with stack traces, database errors, host names, keys, hashes of passwords or connection strings do not leave; in client errors file paths, SQL, tokens and product versions are looked for too")
	switch c.Cards {
	case "mask":
		s.Fact("output.errors", "payment card numbers are masked but for their last four digits; a reply that holds one as a number, under a name that says so, does not leave")
	case "block":
		s.Fact("output.errors", "replies with payment card numbers do not leave")
	case "allow":
		s.Fact("output.errors", "payment card numbers leave: %s", c.Waiver)
	}
	if len(c.IDs) > 0 {
		s.Fact("output.errors", "identifiers, and no card numbers, are: %s (%s)", strings.Join(c.IDs, ", "), c.Waiver)
	}
	if c.Issues != nil {
		s.Fact("output.errors", "keys and connection strings leave in successes: %s", c.Issues)
	}
	if c.Personal != nil {
		s.Fact("output.errors", "e-mail addresses and IBANs may stand in client errors: %s", c.Personal)
	} else {
		s.Fact("output.errors", "client errors with e-mail addresses of people or IBANs are replaced by problem documents")
	}
}
