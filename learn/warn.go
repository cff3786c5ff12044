package learn

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// reason is why an exchange has taught nothing of what the API takes.
type reason string

const (
	leftMethod     reason = "were of a method that is not learned (OPTIONS is answered by the gateway)"
	leftDescribed  reason = "were of operations that are described already"
	leftUnanswered reason = "had no answer, or were upgraded (WebSocket)"
	leftTarget     reason = "had a path or query that Gatehouse refuses on the wire"
	leftNames      reason = "had parameters with odd names or unreadable values"
	leftUntyped    reason = "had a body without a media type"
	leftUnseen     reason = "had a body that was not recorded whole"
	leftForm       reason = "had a form body that is not well-formed"
	leftParts      reason = "had a multipart body that is not well-formed, or parts that are neither plain text nor a file of their own type"
	leftJSON       reason = "had a body that is not one strict JSON document"
	leftRefused    reason = "were refused by the API: they teach what it answers, not what it takes"
	leftPage       reason = "were answered with pages, scripts and fonts"
	leftFull       reason = "came when the memory for what is learned was used up"
	leftTrace      reason = "were answered by an error of the server that is no JSON, as stack traces are: not learned as an answer"
)

// Samples that things take. Fewer teach a type, and nothing closer.
const (
	few    = 5  // formats, patterns, least lengths
	enough = 10 // required members and parameters
	many   = 30 // closed sets of values
	often  = 3  // each value of a closed set
)

// warnings says what a reader of the document has to know. No value and no path
// is in it but as the document itself has them.
func (l *Learner) warnings(ops []*operation) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, why := range slices.Sorted(maps.Keys(l.left)) {
		say("%s %s", exchanges(l.left[why]), why)
	}
	if len(ops) == 0 {
		say("nothing was learned: no request that the API has taken was seen")
		return out
	}
	pick := func(is func(*operation) bool) (ids []string) {
		for _, o := range ops {
			if is(o) {
				ids = append(ids, o.id)
			}
		}
		return ids
	}
	if ids := pick(func(o *operation) bool { return o.call.samples < enough }); len(ids) > 0 {
		say("%d of %d operations were seen fewer than %d times, so nothing is required there and values are open: %s", len(ids), len(ops), enough, some(ids))
	}
	if ids := pick(func(o *operation) bool { return o.call.auth[noCredential] > 0 }); len(ids) > 0 {
		say("%d operations were called without credentials; Gatehouse asks for a token unless `public:` says why not: %s", len(ids), some(ids))
	}
	if ids := pick(func(o *operation) bool { return o.call.keyInQuery() }); len(ids) > 0 {
		say("%d operations were called with a credential in the URL, which Gatehouse refuses (input.url-secrets): %s", len(ids), some(ids))
	}
	if ids := pick(func(o *operation) bool { return o.open }); len(ids) > 0 {
		say("%d operations have bodies or parts of bodies that could not be described closely: %s", len(ids), some(ids))
	}
	if ids := pick(func(o *operation) bool { return len(o.secrets) > 0 }); len(ids) > 0 {
		var names []string
		for _, o := range ops {
			names = append(names, o.secrets...)
		}
		slices.Sort(names)
		say("%d operations answer with members that look like secrets (%s): what you take out of the document, Gatehouse cuts from the replies: %s", len(ids), some(slices.Compact(names)), some(ids))
	}
	say("this is what was seen, not what is meant: read the document, and its paths and names for personal data, before it is used or shared")
	return out
}

func exchanges(n int) string {
	if n == 1 {
		return "1 exchange"
	}
	return fmt.Sprintf("%d exchanges", n)
}

// some lists the first names.
func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
