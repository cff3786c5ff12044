package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-api/gatehouse/record"
)

// shower prints a tour for people: 110 columns at the most, with colour on a
// terminal that wants it.
type shower struct {
	out    io.Writer
	colour bool
}

// The colours, as parameters of SGR (ECMA-48 section 8.3.117).
const (
	bold  = "1"
	dim   = "2"
	red   = "31"
	green = "32"
)

func newShower(out io.Writer) *shower {
	f, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return &shower{out: out}
	}
	info, err := f.Stat()
	return &shower{out: out, colour: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

func (s *shower) line(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// in colours a text.
func (s *shower) in(how, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + how + "m" + text + "\x1b[0m"
}

// The columns of an attack's line.
const (
	nameWidth = 42
	gainWidth = 24
)

// pad fills a text with spaces, or cuts it, to a width in characters.
func pad(text string, width int) string {
	n := utf8.RuneCountInString(text)
	if n > width {
		return string([]rune(text)[:width-1]) + "~"
	}
	return text + strings.Repeat(" ", width-n)
}

func (s *shower) opening(st *stage, many bool) {
	s.line("%s", s.in(bold, "A vulnerable API, with and without Gatehouse"))
	s.line("")
	s.line("  the API        http://%s    a real server with real data, wrong on purpose", st.apiAddr)
	s.line("  the gateway    https://%s    in front of it, with %s", st.gateway.Addr, filepath.Base(st.file))
	s.line("")
	s.line("Each attack is played twice: straight to the API, where it has to work, and through the gateway,")
	s.line("where it must not. Below each stands what `gatehouse explain` says: stage, control, verdict, rule,")
	s.line("and where that is configured (\"default\": nowhere, it is on by itself).")
	if !many {
		s.line("This machine has one loopback address: the attackers share its limits, and wait now and then.")
	}
}

func (s *shower) chapter(c chapter) {
	s.line("")
	s.line("%s  %s", s.in(bold, c.title), c.says)
	s.line("%s", s.in(dim, "     "+pad("attack", nameWidth)+pad("without", gainWidth)+"with Gatehouse"))
}

func (s *shower) attack(n int, a *attack, status int, gain string, replies []reply, trail *record.Trail, ok bool) {
	control, rule := orNone(trail.Control), strings.TrimPrefix(trail.Rule, trail.Control+".")
	if a.end.harmless != "" {
		control, rule = a.end.control, "disarmed: "+a.end.harmless
	}
	if at := slices.IndexFunc(replies, func(r reply) bool { return r.status == http.StatusTooManyRequests }); at > 0 {
		rule += fmt.Sprintf(" from no. %d on", at+1)
	}
	end := replies[len(replies)-1].status
	verdict, colour := "", green
	if !ok {
		verdict, colour = "NOT STOPPED ", red
	}
	if gain == "" {
		gain = "(nothing)"
	}
	s.line("%4d %s%s%s", n, pad(a.name, nameWidth), s.in(red, pad(fmt.Sprintf("%d %s", status, gain), gainWidth)), s.in(colour, fmt.Sprintf("%s%d %-11s %s", verdict, end, control, rule)))
	s.line("%s", s.in(dim, "     "+explained(a, trail)))
}

// explained is the short form of a trail: the step that decided.
func explained(a *attack, trail *record.Trail) string {
	found := -1
	for i := range trail.Steps {
		p := &trail.Steps[i]
		ours := a.end.harmless != "" && p.Control == a.end.control && (p.Rule != "" || found < 0 || trail.Steps[found].Rule == "")
		if p.Verdict == "deny" || p.Verdict == "error" || ours {
			found = i
		}
	}
	switch {
	case found >= 0:
		p := &trail.Steps[found]
		return strings.Join([]string{p.Stage, p.Control, p.Verdict, orNone(p.Rule), shortPlace(p.Place)}, " ")
	case a.end.harmless != "":
		return "connect " + a.end.control + " drop, before the first step, default"
	}
	return strings.Join([]string{"connect", trail.Control, "deny", trail.Rule, "default"}, " ")
}

func shortPlace(place string) string {
	if i := strings.LastIndexByte(place, os.PathSeparator); i >= 0 {
		return place[i+1:]
	}
	return place
}

func (s *shower) siege() {
	s.line("")
	s.line("%s  %s", s.in(bold, "Who lets people in?"), "Attacks on the authorization server; what is as it should be worked a moment before.")
	s.line("%s", s.in(dim, "     "+pad("attack", nameWidth)+pad("is after", gainWidth)+"with Gatehouse"))
}

func (s *shower) besieged(n int, a *siege, status int, ok bool) {
	verdict, colour := "", green
	if !ok {
		verdict, colour = "NOT STOPPED ", red
	}
	s.line("%4d %s%s%s", n, pad(a.name, nameWidth), s.in(red, pad(a.gain, gainWidth)), s.in(colour, fmt.Sprintf("%s%d %s", verdict, status, a.by)))
}

func (s *shower) visitors() {
	s.line("")
	s.line("%s  %s", s.in(bold, "And everybody else?"), "Requests that must pass, through the same gateway, with the same limits.")
}

func (s *shower) visit(n int, v *visit, status int, fault string) {
	verdict := s.in(green, fmt.Sprintf("%d passed", status))
	if fault != "" {
		verdict = s.in(red, fmt.Sprintf("%d REFUSED: %s", status, fault))
	}
	s.line("%4d %s%s", n, pad(v.name, 70), verdict)
}

func (s *shower) ending(r score, faults []string) {
	s.line("")
	for _, f := range faults {
		s.line("%s", s.in(red, "fault: "+f))
	}
	s.line("tour: %d/%d attacks stopped, %d of %d legitimate requests refused", r.stopped, r.attacks, r.refused, r.visits)
}
