//go:build !waf

package waf

// ruleset is the OWASP Core Rule Set, which this build does not have.
type ruleset interface {
	// judge returns the id of the first rule that found something in the texts and
	// the index of the text, or 0.
	judge([]argument) (id, text int, err error)
}

const (
	hasRuleset     = false
	rulesetVersion = "(not in this build)"
)

func newRuleset() (ruleset, error) { return nil, nil }
