package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// needsNode skips a test where Node.js or the packages are missing.
func needsNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("there is no Node.js: make test-interop")
	}
	if _, err := os.Stat("node_modules/openid-client/package.json"); err != nil {
		t.Skip("the npm packages are not installed: make test-interop, or (cd interop && npm ci)")
	}
}

// answers are what a peer may ask the test while it runs, by the name of the
// question.
type answers map[string]func(argument string) string

// play runs node/<script> against the gateway and fails with its output where it
// fails. given is what the script finds in `given`, beside issuer, api and
// audience. Of the lines it prints, "? NAME ARGUMENT" is a question and is
// answered by a line, everything else is logged.
func (g *gateway) play(script string, given map[string]string, a answers) {
	g.Helper()
	all := map[string]string{"issuer": g.url, "api": g.api, "audience": audience}
	for k, v := range given {
		all[k] = v
	}
	text, err := json.Marshal(all)
	if err != nil {
		g.Fatal(err)
	}
	c := exec.CommandContext(g.Context(), "node", "node/"+script)
	c.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+g.ca, "GIVEN="+string(text))
	c.WaitDelay = 5 * time.Second
	var errs bytes.Buffer
	c.Stderr = &errs
	in, err := c.StdinPipe()
	if err != nil {
		g.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		g.Fatal(err)
	}
	if err := c.Start(); err != nil {
		g.Fatal(err)
	}
	steps := 0
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		question, asked := strings.CutPrefix(lines.Text(), "? ")
		if !asked {
			g.Log(lines.Text())
			steps++
			continue
		}
		name, argument, _ := strings.Cut(question, " ")
		answer, known := a[name]
		if !known {
			_ = c.Process.Kill()
			g.Fatalf("%s asks %q, which nobody answers", script, name)
		}
		if _, err := fmt.Fprintln(in, answer(argument)); err != nil {
			g.Fatal(err)
		}
	}
	if err := c.Wait(); err != nil {
		g.Fatalf("%s: %v\n%s", script, err, errs.String())
	}
	if steps == 0 {
		g.Fatalf("%s ended without having done anything", script)
	}
}
