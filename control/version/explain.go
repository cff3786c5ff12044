package version

import (
	"maps"
	"slices"

	"github.com/gatehouse-api/gatehouse"
)

// Explain implements [gatehouse.Control].
func (c *Config) Explain(s *gatehouse.Sheet) {
	s.Fact("version.strategies", "versions are segments of the path; one that is not listed is not served")
	for _, name := range slices.Sorted(maps.Keys(c.Versions)) {
		switch v := c.Versions[name]; v.State {
		case deprecated:
			s.Fact("version.deprecation", "every answer of %s says that it is deprecated since %s", name, v.Deprecated.Format("2006-01-02"))
			s.Fact("version.sunset", "and that it may be closed from %s; see %s", v.Sunset.Format("2006-01-02"), v.Link)
		case closed:
			s.Fact("version.hard-sunset", "%s is closed: 410 and a link to %s", name, v.Link)
		}
	}
	s.Fact("version.notice", "there are six months or more between deprecation and sunset")
}
