package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/authzen"
	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/internal/relations"
)

// decisionPoint is one AuthZEN decision point, which a reload of the configuration
// replaces as a whole.
type decisionPoint struct {
	now atomic.Pointer[authzen.Server]
}

// ServeHTTP implements [http.Handler].
func (d *decisionPoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.now.Load().ServeHTTP(w, r)
}

// decisionServers makes the decision points of a configuration, by the name of their
// upstream.
func decisionServers(f *config.File, kept *gatehouse.Kept, log *slog.Logger) (map[string]*authzen.Server, error) {
	all := map[string]*authzen.Server{}
	for _, a := range f.APIs {
		by, facts := f.Decides(a)
		if by == nil {
			continue
		}
		p := by.Authorization()
		o := authzen.Options{Policies: p.Set(), Zone: p.Zone, Now: time.Now, Log: log}
		if o.URL = a.Audience; !strings.HasPrefix(o.URL, "https://") && len(a.Hosts) > 0 {
			o.URL = "https://" + a.Hosts[0]
		}
		if facts != "" {
			text, err := os.ReadFile(facts)
			if err == nil {
				o.Facts, err = authzen.ReadFacts(text)
			}
			if err != nil {
				return nil, fmt.Errorf("the facts of the decision point %s: %w", a.Name, err)
			}
		}
		if p.Relations != nil {
			source, err := gatehouse.Require[*relations.Source](kept)
			if err != nil {
				return nil, err
			}
			if o.Relations, err = source.For(by.Name, p.Relations); err != nil {
				return nil, err
			}
			o.Known = source.Index.IDs
		}
		all[config.DecisionsUpstream+a.Name] = authzen.New(o)
	}
	return all, nil
}

// startDecisions serves the decision points, before the policies in front of them are
// compiled.
func (g *gateway) startDecisions() error {
	all, err := decisionServers(g.file, g.kept, g.problems)
	for name, s := range all {
		d := &decisionPoint{}
		d.now.Store(s)
		g.local[name] = d
	}
	return err
}

// reloadDecisions has the decision points decide by another configuration. It returns
// what changes them, so that nothing changes when something else cannot be reloaded.
func (g *gateway) reloadDecisions(f *config.File) (change func(), err error) {
	all, err := decisionServers(f, g.kept, g.problems)
	if err != nil {
		return nil, err
	}
	for name := range all {
		if _, served := g.local[name].(*decisionPoint); !served {
			return nil, fmt.Errorf("a new decision point, %s, needs a restart", strings.TrimPrefix(name, config.DecisionsUpstream))
		}
	}
	return func() {
		for name, s := range all {
			if d, ok := g.local[name].(*decisionPoint); ok {
				d.now.Store(s)
			}
		}
	}, nil
}
