package record

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

// PrintTrail writes a trail as a table for people: what was asked, what became
// of it, and what every step said and where that was configured. Whatever came from a
// client is shown escaped, so that it cannot drive a terminal.
func PrintTrail(w io.Writer, t *Trail) error {
	p := &printer{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0), nil}
	what := orElse(t.Template, orElse(t.Path, "(no path)"))
	p.text("%s %s -> %d %s\n", printable(orElse(t.Method, "(no method)")), printable(what), t.Status, printable(t.Decision))
	if t.Decision != allowed.String() {
		p.row("  by", join(" ", t.Control, t.Rule))
		p.row("  because", t.Detail)
	}
	p.row("  request", t.ID)
	p.row("  trace", t.TraceID)
	p.row("  path", t.Path)
	p.row("  endpoint", join(".", t.API, t.Endpoint))
	p.row("  principal", orElse(join(" ", t.Principal, t.Subject), "nobody"))
	p.row("  when", fmt.Sprintf("%s, took %s, policy %d", appendTime(nil, t.Time.UnixMicro()), micros(t.TookUS), t.Policy))
	p.row("  aborted", t.Aborted)
	p.text("\n")
	p.row("AFTER", "STAGE", "CONTROL", "MODE", "VERDICT", "RULE", "DETAIL", "CONFIGURED AT")
	for i := range t.Steps {
		s := &t.Steps[i]
		p.row(micros(s.AfterUS), s.Stage, s.Control, s.Mode, s.Verdict, orElse(s.Rule, "-"), orElse(s.Detail, "-"), s.Place)
	}
	p.violations(t)
	return p.flush()
}

// PrintPlan writes an endpoint's compiled plan as a table for people.
func PrintPlan(w io.Writer, e *gatehouse.Endpoint) error { return PlanOf(e).Print(w) }

// Plan is an endpoint's compiled plan, for people and machines.
type Plan struct {
	API      string     `json:"api"`
	Endpoint string     `json:"endpoint"`
	Method   string     `json:"method"`
	Template string     `json:"template"`
	Declared bool       `json:"declared"`
	Upstream string     `json:"upstream,omitempty"`
	Public   string     `json:"public,omitempty"`  // the waiver, when nobody needs to be proven
	Permits  string     `json:"permits,omitempty"` // spellings that are refused elsewhere
	Timeout  string     `json:"timeout,omitempty"`
	Place    string     `json:"place"`
	Steps    []PlanStep `json:"steps"`
	Facts    []PlanFact `json:"facts"`
}

// PlanStep is one compiled check.
type PlanStep struct {
	Stage     string `json:"stage"`
	Control   string `json:"control"`
	Mode      string `json:"mode"`
	Need      string `json:"need"`
	ErrorOpen bool   `json:"error_open,omitempty"` // lets through, by waiver, when it cannot decide
	Place     string `json:"place"`
}

// PlanFact is one promise and the requirement it covers.
type PlanFact struct {
	Says   string `json:"says"`
	Covers string `json:"covers"`
}

// PlanOf returns the plan of an endpoint.
func PlanOf(e *gatehouse.Endpoint) *Plan {
	p := &Plan{API: e.API, Endpoint: e.Name, Method: e.Method, Template: e.Template, Declared: e.Declared, Permits: e.Permits.String(), Place: e.Place.String()}
	if e.Upstream != nil {
		p.Upstream = e.Upstream.Scheme + "://" + e.Upstream.Address + e.Upstream.Prefix
		if strings.HasPrefix(e.Upstream.Address, gatehouse.InProcess) {
			p.Upstream = e.Upstream.Address
		}
	}
	if e.Public != nil {
		p.Public = e.Public.String()
	}
	if e.Timeout > 0 {
		p.Timeout = e.Timeout.String()
	}
	if e.Plan == nil {
		return p
	}
	for i := range e.Plan.Steps {
		s := &e.Plan.Steps[i]
		p.Steps = append(p.Steps, PlanStep{s.Stage.String(), s.Control, s.Mode.String(), s.Need.String(), e.Plan.Opens[s.Control], s.Place.String()})
	}
	for _, f := range e.Plan.Facts {
		p.Facts = append(p.Facts, PlanFact{f.Says, string(f.Covers)})
	}
	return p
}

// Print writes the plan as a table for people.
func (p *Plan) Print(w io.Writer) error {
	out := &printer{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0), nil}
	out.text("%s %s\n", printable(orElse(p.Method, "any method")), printable(orElse(p.Template, "any path")))
	out.row("  endpoint", join(".", p.API, p.Endpoint))
	if !p.Declared {
		out.row("  declared", "no: requests for no operation end up here")
	}
	out.row("  upstream", p.Upstream)
	out.row("  public", p.Public)
	out.row("  permits", p.Permits)
	out.row("  timeout", p.Timeout)
	out.row("  place", p.Place)
	out.text("\n")
	out.row("#", "STAGE", "CONTROL", "MODE", "NEEDS", "ON ERROR", "CONFIGURED AT")
	for i := range p.Steps {
		s := &p.Steps[i]
		onError := "refuse"
		if s.ErrorOpen {
			onError = "let through"
		}
		out.row(strconv.Itoa(i+1), s.Stage, s.Control, s.Mode, s.Need, onError, s.Place)
	}
	if len(p.Facts) > 0 {
		out.text("\nWhat it promises\n")
	}
	for _, f := range p.Facts {
		out.row("  "+orElse(f.Covers, "-"), f.Says)
	}
	return out.flush()
}

// Match returns the endpoint of a method and a path, where the path is a
// template as declared or a concrete path; nil when there is none. It is for
// people who ask; requests find their endpoint elsewhere.
func Match(endpoints []*gatehouse.Endpoint, method, path string) *gatehouse.Endpoint {
	var best *gatehouse.Endpoint
	for _, e := range endpoints {
		if e.Method != method || !e.Declared {
			continue
		}
		if e.Template == path {
			return e
		}
		if matches(e.Template, path) && (best == nil || literals(e.Template) > literals(best.Template)) {
			best = e
		}
	}
	return best
}

func matches(template, path string) bool {
	t, p := strings.Split(template, "/"), strings.Split(path, "/")
	if len(t) != len(p) {
		return false
	}
	for i := range t {
		if param := strings.HasPrefix(t[i], "{"); !param && t[i] != p[i] || param && p[i] == "" {
			return false
		}
	}
	return true
}

// literals counts the segments that a template spells out.
func literals(template string) int {
	return strings.Count(template, "/") - strings.Count(template, "/{")
}

// printer writes aligned rows and remembers the first error.
type printer struct {
	w   *tabwriter.Writer
	err error
}

func (p *printer) text(format string, args ...any) {
	if _, err := fmt.Fprintf(p.w, format, args...); p.err == nil {
		p.err = err
	}
}

// row writes one row. A row of a name without a value is left out.
func (p *printer) row(cells ...string) {
	if len(cells) == 2 && cells[1] == "" {
		return
	}
	for i := range cells {
		cells[i] = printable(cells[i])
	}
	p.text("%s\n", strings.Join(cells, "\t"))
}

func (p *printer) flush() error {
	if err := p.w.Flush(); p.err == nil {
		p.err = err
	}
	if p.err != nil {
		return fmt.Errorf("record: printing: %w", p.err)
	}
	return nil
}

func micros(us int64) string { return (time.Duration(us) * time.Microsecond).String() }

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func join(by string, parts ...string) string {
	kept := parts[:0]
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, by)
}
