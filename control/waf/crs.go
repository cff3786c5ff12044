//go:build waf

package waf

import (
	"fmt"
	"strconv"
	"strings"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/types"
)

// ruleset is the OWASP Core Rule Set, compiled once for all endpoints.
type ruleset interface {
	// judge returns the id of the first rule that found something in the texts and
	// the index of the text, or 0.
	judge([]argument) (id, text int, err error)
}

const (
	hasRuleset     = true
	rulesetVersion = "4.25.0"
)

// directives read the rules that look at texts, and nothing else: what the rest
// of the Core Rule Set checks of methods, fields and framing is refused before, by
// the wire and by the controls that know the description, and session fixation
// (943) shows in names and fields. Paranoia level 1 and the threshold of 5, one
// critical rule, are its defaults.
const directives = `
SecRuleEngine On
SecRequestBodyAccess Off
SecResponseBodyAccess Off
SecAuditEngine Off
Include @crs-setup.conf.example
Include @owasp_crs/REQUEST-901-INITIALIZATION.conf
Include @owasp_crs/REQUEST-930-APPLICATION-ATTACK-LFI.conf
Include @owasp_crs/REQUEST-931-APPLICATION-ATTACK-RFI.conf
Include @owasp_crs/REQUEST-932-APPLICATION-ATTACK-RCE.conf
Include @owasp_crs/REQUEST-933-APPLICATION-ATTACK-PHP.conf
Include @owasp_crs/REQUEST-934-APPLICATION-ATTACK-GENERIC.conf
Include @owasp_crs/REQUEST-941-APPLICATION-ATTACK-XSS.conf
Include @owasp_crs/REQUEST-942-APPLICATION-ATTACK-SQLI.conf
Include @owasp_crs/REQUEST-944-APPLICATION-ATTACK-JAVA.conf
Include @owasp_crs/REQUEST-949-BLOCKING-EVALUATION.conf
`

// coreRules runs transactions that were never a request.
type coreRules struct{ waf coraza.WAF }

func newRuleset() (ruleset, error) {
	w, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(directives))
	if err != nil {
		return nil, fmt.Errorf("waf: compiling the rules: %w", err)
	}
	return &coreRules{w}, nil
}

// judge makes a transaction of the texts by hand: each is an argument whose name
// is its index, so that no name of the request is taken for a text.
func (c *coreRules) judge(list []argument) (id, text int, err error) {
	tx := c.waf.NewTransaction()
	defer tx.Close()
	tx.ProcessURI("/", "POST", "HTTP/1.1")
	if it := tx.ProcessRequestHeaders(); it != nil {
		return 0, 0, fmt.Errorf("waf: rule %d ended a transaction without texts", it.RuleID)
	}
	for i := range list {
		tx.AddPostRequestArgument(strconv.Itoa(i), list[i].text)
	}
	it, err := tx.ProcessRequestBody()
	if err != nil {
		return 0, 0, fmt.Errorf("waf: running the rules: %w", err)
	}
	if it == nil {
		return 0, 0, nil
	}
	id, text = first(tx.MatchedRules())
	if id == 0 {
		id = it.RuleID
	}
	return id, text, nil
}

// first returns the first rule that speaks of a text, and its index.
func first(rules []types.MatchedRule) (id, text int) {
	for _, r := range rules {
		for _, d := range r.MatchedDatas() {
			if !strings.HasPrefix(d.Variable().Name(), "ARGS") {
				continue
			}
			if i, err := strconv.Atoi(d.Key()); err == nil && r.Rule().ID() < 949_000 {
				return r.Rule().ID(), i
			}
		}
	}
	return 0, 0
}
