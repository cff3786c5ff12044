package guard

import (
	"encoding/json"
	"fmt"
	"strings"
)

// node is what of PostgreSQL's EXPLAIN (VERBOSE, FORMAT JSON) is looked at.
type node struct {
	Type      string `json:"Node Type"`
	Schema    string `json:"Schema"`
	Relation  string `json:"Relation Name"`
	Operation string `json:"Operation"`
	Filter    string `json:"Filter"`
	Index     string `json:"Index Cond"`
	Recheck   string `json:"Recheck Cond"`
	Tid       string `json:"TID Cond"`
	Plans     []node `json:"Plans"`
}

// CheckPlan looks at the plan that PostgreSQL has made of a statement, as JSON: every
// guarded table in it must be read under a condition with the caller's value. values
// are the statement's slots as text. It does not see inside functions.
func (g *Guard) CheckPlan(plan string, values []string) error {
	var tops []struct {
		Plan node `json:"Plan"`
	}
	if err := json.Unmarshal([]byte(plan), &tops); err != nil {
		return fmt.Errorf("rows: reading the plan: %w", err)
	}
	for _, top := range tops {
		if err := g.checkNode(top.Plan, values); err != nil {
			return err
		}
	}
	return nil
}

func (g *Guard) checkNode(n node, values []string) error {
	// What ModifyTable changes is read by a node below it, with the condition; what it
	// inserts is not read.
	if t := g.tables[n.Relation]; t != nil && t.Schema == n.Schema && n.Type != "ModifyTable" {
		conditions := strings.Join([]string{n.Filter, n.Index, n.Recheck, n.Tid}, "\n")
		for _, c := range t.columns() {
			if !strings.Contains(conditions, t.column(c)) || !bound(conditions, values) {
				return &Refused{Line: 1, Column: 1, Because: fmt.Sprintf("the plan reads %s.%s without the condition on %s", n.Schema, n.Relation, t.column(c)),
					Instead: "report this as a hole in the guard, with the query; rows.CheckPlans(false) turns the look at plans off"}
			}
		}
	}
	for _, below := range n.Plans {
		if err := g.checkNode(below, values); err != nil {
			return err
		}
	}
	return nil
}

// bound reports whether a condition holds one of the caller's values, or a parameter.
func bound(conditions string, values []string) bool {
	for _, v := range values {
		if strings.Contains(conditions, "'"+strings.ReplaceAll(v, "'", "''")+"'") || strings.Contains(conditions, "= "+v) {
			return true
		}
	}
	return strings.Contains(conditions, "$")
}
