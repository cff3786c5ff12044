package version

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

// notice is what every answer of one version says.
type notice struct {
	deprecation string // RFC 9745
	sunset      string // RFC 8594
	link        string // RFC 8288
	closed      bool
}

// versions holds the notices by path segment.
type versions map[string]*notice

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if len(c.Versions) == 0 {
		return nil, nil
	}
	all, err := c.notices(b)
	if err != nil {
		return nil, err
	}
	if b.Operation == nil {
		return []gatehouse.Step{
			{Control: Kind.Name, Stage: gatehouse.Identify, Enforce: all.refuse},
			{Control: Kind.Name, Stage: gatehouse.Respond, Enforce: all.tell},
		}, nil
	}
	segment := segmentOf(b.Operation.Template())
	if segment == "" {
		return nil, nil
	}
	n := all[segment]
	if n == nil {
		return nil, &gatehouse.Fault{Key: "versions", Says: fmt.Sprintf("%s is in version %s, which is not listed", b.Name(), segment), Fix: segment + ": {state: current}"}
	}
	var steps []gatehouse.Step
	if n.closed {
		steps = append(steps, gatehouse.Step{Control: Kind.Name, Stage: gatehouse.Identify, Enforce: refuseClosed})
	}
	if n.closed || n.deprecation != "" {
		steps = append(steps, gatehouse.Step{Control: Kind.Name, Stage: gatehouse.Respond, Enforce: n.tell})
	}
	return steps, nil
}

func (c *Config) notices(b *gatehouse.Build) (versions, error) {
	all := versions{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.Versions)) {
		v := c.Versions[name]
		if f := v.check(b, name); f != nil {
			f.Key = "versions." + name
			errs = append(errs, f)
			continue
		}
		n := &notice{closed: v.State == closed}
		if v.State != current {
			n.deprecation = fmt.Sprintf("@%d", v.Deprecated.Unix())
			if !v.Sunset.IsZero() {
				n.sunset = v.Sunset.UTC().Format(http.TimeFormat)
			}
			n.link = fmt.Sprintf(`<%s>; rel="deprecation"; type="text/html", <%s>; rel="sunset"; type="text/html"`, v.Link, v.Link)
		}
		all[name] = n
	}
	return all, errors.Join(errs...)
}

// check returns what is wrong with the version of that name, or nil.
func (v *Version) check(b *gatehouse.Build, name string) *gatehouse.Fault {
	const example = "{state: deprecated, deprecated: 2026-12-01, sunset: 2027-06-30, link: https://docs.example.com/v2}"
	u, err := url.Parse(v.Link)
	switch {
	case segmentOf("/"+name) != name:
		return &gatehouse.Fault{Says: fmt.Sprintf("%q is no version segment", name), Fix: "v1: " + example}
	case v.State == current && (!v.Deprecated.IsZero() || !v.Sunset.IsZero()):
		return &gatehouse.Fault{Says: "a current version has no end", Fix: example}
	case v.State == current:
		return nil
	case v.State != deprecated && v.State != closed:
		return &gatehouse.Fault{Says: fmt.Sprintf("%q is no state", v.State), Fix: "state: current, deprecated or closed"}
	case v.Deprecated.IsZero():
		return &gatehouse.Fault{Says: "nobody knows since when it is deprecated (version.deprecation)", Fix: example}
	case v.Sunset.IsZero():
		return &gatehouse.Fault{Says: "nobody knows until when it can be used (version.sunset)", Fix: example}
	case v.Sunset.Before(v.Deprecated.AddDate(0, 6, 0)) && !b.Waived(v.Waiver):
		return &gatehouse.Fault{Says: "between deprecation and sunset are less than six months (version.notice)",
			Fix: "sunset: " + v.Deprecated.AddDate(0, 6, 0).Format("2006-01-02") + ", or waiver: {because: why, owner: who@example.com, until: 2027-06-30}"}
	case v.State == closed && v.Sunset.After(b.Now()) && !b.Waived(v.Waiver):
		return &gatehouse.Fault{Says: "it is closed before its sunset (version.hard-sunset)",
			Fix: "state: deprecated, or waiver: {because: why, owner: who@example.com, until: 2027-06-30}"}
	case err != nil || u.Scheme != "https" || u.Host == "" || strings.ContainsAny(v.Link, "<>\"\\ "):
		return &gatehouse.Fault{Says: "there is no guide for those who have to move", Fix: example}
	}
	return nil
}

// segmentOf returns the first segment of a path that is v and a number, or "".
func segmentOf(path string) string {
	for path != "" {
		segment, rest, _ := strings.Cut(path, "/")
		if len(segment) > 1 && segment[0] == 'v' && strings.Trim(segment[1:], "0123456789") == "" {
			return segment
		}
		path = rest
	}
	return ""
}
