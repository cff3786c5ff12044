package admin

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/record"
)

// shownRefusals is how many refusals the page lists.
const shownRefusals = 25

const style = `body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem;color:#1b1f24;background:#fff}
table{border-collapse:collapse;width:100%;margin:0 0 2rem}th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #d8dee4;vertical-align:top}
th{font-weight:600;color:#57606a}code{font:13px/1.4 ui-monospace,monospace}.bad{color:#b42318}`

// styleHash allows the page's one style sheet, and no other, in the policy.
var styleHash = func() string {
	sum := sha256.Sum256([]byte(style))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}()

var pageTemplate = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Gatehouse</title><style>{{.Style}}</style></head><body>
<h1>Gatehouse</h1>
<p><a href="/metrics">Metrics</a>, <a href="/readyz">readiness</a></p>
{{range .Checks}}{{if not .OK}}<p class="bad">{{.Name}}: {{.Detail}}</p>{{end}}{{end}}
<h2>Last refusals</h2>
<table><tr><th>Time</th><th>Request</th><th>Status</th><th>Control</th><th>Rule</th><th>Who</th><th>Trail</th></tr>
{{range .Refusals}}<tr><td>{{.Time.Format "2006-01-02 15:04:05Z"}}</td><td><code>{{.Method}} {{or .Template .Path}}</code></td><td>{{.Status}}</td><td>{{.Control}}</td><td>{{.Rule}}</td><td>{{or .Subject "nobody"}}</td><td><a href="/v1/explain/{{.ID}}"><code>{{.ID}}</code></a></td></tr>
{{else}}<tr><td colspan="7">None in memory.</td></tr>{{end}}</table>
{{range .APIs}}<h2>API {{.Name}}</h2>
<table><tr><th>Endpoint</th><th>Operation</th><th>Caller</th><th>Checks</th><th>In shadow</th><th>Configured at</th></tr>
{{range .Endpoints}}<tr><td><a href="/v1/plan?method={{.Method}}&amp;path={{.Template}}"><code>{{.Method}} {{.Template}}</code></a></td><td>{{.Endpoint}}</td><td>{{if .Public}}public: {{.Public}}{{else}}proven{{end}}</td><td>{{len .Steps}}</td><td>{{.Shadow}}</td><td>{{.Place}}</td></tr>
{{end}}</table>{{end}}
</body></html>
`))

// pageData is what the page shows.
type pageData struct {
	Style    template.CSS
	Checks   []Check
	Refusals []*record.Trail
	APIs     []pageAPI
}

type pageAPI struct {
	Name      string
	Endpoints []pageEndpoint
}

type pageEndpoint struct {
	*record.Plan
	Shadow int // steps in shadow mode
}

// page answers with the status page: no script, nothing to click but links.
func (s *Server) page(w http.ResponseWriter) {
	data := pageData{Style: style, Refusals: s.config.Recorder.Refusals(shownRefusals), APIs: byAPI(s.config.Endpoints())}
	if s.config.Ready != nil {
		data.Checks = s.config.Ready()
	}
	var body bytes.Buffer
	if err := pageTemplate.Execute(&body, data); err != nil {
		s.config.Log.Error("admin: writing the page", "error", err)
		problem(w, http.StatusInternalServerError, "admin.page", "The page cannot be written.")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(body.Bytes())
}

// byAPI groups endpoints by API, each once, in the order of names, templates and methods.
func byAPI(endpoints []*gatehouse.Endpoint) []pageAPI {
	sorted := slices.SortedStableFunc(slices.Values(endpoints), func(a, b *gatehouse.Endpoint) int {
		return strings.Compare(a.API+"\x00"+a.Template+"\x00"+a.Method, b.API+"\x00"+b.Template+"\x00"+b.Method)
	})
	var apis []pageAPI
	seen := map[*gatehouse.Endpoint]bool{} // an API that is served under several hosts
	for _, e := range sorted {
		if !e.Declared {
			continue // where requests for nothing end up
		}
		if seen[e] {
			continue
		}
		seen[e] = true
		if len(apis) == 0 || apis[len(apis)-1].Name != e.API {
			apis = append(apis, pageAPI{Name: e.API})
		}
		shown := pageEndpoint{Plan: record.PlanOf(e)}
		for _, step := range shown.Steps {
			if step.Mode == gatehouse.Shadow.String() {
				shown.Shadow++
			}
		}
		last := &apis[len(apis)-1]
		last.Endpoints = append(last.Endpoints, shown)
	}
	return apis
}
