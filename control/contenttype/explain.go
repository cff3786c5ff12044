package contenttype

import "github.com/gatehouse-api/gatehouse"

// Explain implements [gatehouse.Control].
func (c *Config) Explain(s *gatehouse.Sheet) {
	s.Fact("input.content-type", "bodies are of a declared media type and in UTF-8, or answered with 415")
	switch {
	case c.Decompress != "":
		s.Fact("input.payload-limit", "a body that is encoded with gzip once is decoded before it is judged, up to the size of any other body and to %d times its own beyond %d bytes", ratio, free)
	case c.Encoded != nil:
		s.Fact("input.content-type", "encoded bodies pass without being looked into: %s", c.Encoded)
	default:
		s.Fact("input.payload-limit", "encoded bodies are refused")
	}
	s.Fact("input.content-type", "an Accept field that cannot be read is refused")
	if c.Accept == acceptDeclared {
		s.Fact("input.content-type", "a request that accepts none of the declared response types is answered with 406")
	}
}
