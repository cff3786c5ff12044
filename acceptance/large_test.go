package acceptance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/record"
)

// TestRepliesOverTheLimitLeaveByWaiverOnly asks for a reply that no host holds
// whole: output.filter, output.errors.
func TestRepliesOverTheLimitLeaveByWaiverOnly(t *testing.T) {
	const trace = `Traceback (most recent call last):\n  File \"/srv/app.py\", line 1, in f`
	long := strings.Repeat("n", 5<<20)
	fine := `{"quantity":1,"note":"` + long + `"}`
	for name, c := range map[string]struct {
		config, target, body string
		status               int
		rule                 string
	}{
		"refused":         {"", "/public/x", fine, 502, "proxy.reply_too_large"},
		"waived":          {"  reply: {not_inspected: " + waived + "}\n", "/public/x", fine, 200, ""},
		"leaking":         {"  reply: {not_inspected: " + waived + "}\n", "/public/x", `{"a":"` + trace + `",` + fine[1:], 502, "leak.blocked"},
		"somebody's own":  {"  reply: {not_inspected: " + waived + "}\n", "/v1/orders/1", `{"customer_id":"alice","tenant_id":"t1",` + fine[1:], 502, "object.unverifiable"},
		"an error's body": {"  reply: {not_inspected: " + waived + "}\n", "/public/x", fine, 502, "proxy.reply_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := record.New(record.Config{})
			h := open(t, options{api: ordinary + c.config, record: recorder})
			status := "200 OK"
			if name == "an error's body" {
				status = "400 Bad Request"
			}
			left := 0
			for _, chunked := range []bool{false, true} {
				h.up.reply(func(w io.Writer, _ *arrival) bool {
					framing := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(c.body), c.body)
					if chunked {
						framing = fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(c.body), c.body)
					}
					_, err := io.WriteString(w, "HTTP/1.1 "+status+"\r\nContent-Type: application/json\r\n"+framing)
					return err == nil
				})
				for _, w := range h.callers(t) {
					g := w.do(ask{target: c.target, token: h.alice()})
					trail, _ := trailOf(t, recorder, g.fields.Get("X-Request-Id"))
					if g.err != nil || g.status != c.status || trail.Rule != c.rule || (g.body == c.body) != (c.status == 200) {
						t.Errorf("%s, chunked %v: %d %s, %d bytes, %v", w.name(), chunked, g.status, trail.Rule, len(g.body), g.err)
					}
					if c.status != 200 {
						continue
					}
					left++
					said := ""
					for _, s := range trail.Steps {
						said += s.Rule + " "
					}
					if !strings.Contains(said, "reply.not_inspected") || !strings.Contains(said, "leak.not_inspected") {
						t.Errorf("%s: the trail says %s", w.name(), said)
					}
				}
			}
			var metrics bytes.Buffer
			if err := recorder.WriteMetrics(&metrics); err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf(`gatehouse_replies_not_inspected_total{api="orders"} %d`, left); !strings.Contains(metrics.String(), want) {
				t.Errorf("the metrics lack %s", want)
			}
			if err := recorder.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
		})
	}
}
