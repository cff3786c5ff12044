// Command authz compares what a decision costs with OPA and Casbin as libraries,
// in one run and on the same questions, each engine in its own idiom. It is a
// module of its own, so that neither is ever in the graph of the program.
//
// What is measured is the CPU time of the process, with what its collector takes:
// the median of rounds in which all engines take their turns, each in a process of its own: none
// pays for what another keeps in memory. The exit code is 1
// when a bar is missed: ours at most 1 us a decision, OPA at least ten times that,
// Casbin at least five times.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The bars.
const (
	barOurs   = 1.0 // us a decision
	barOPA    = 10.0
	barCasbin = 5.0
)

// engine answers the question of one scenario: the one that is allowed, or the
// same with one fact that denies it.
type engine struct {
	name string
	ask  func(allowed bool) (bool, error)
}

// scenario is one question to all engines, ours first.
type scenario struct {
	name    string
	engines []engine
}

// scenarios are all there are, by the function that makes them.
func scenarios() []func() (scenario, error) {
	return []func() (scenario, error){
		func() (scenario, error) { return rbac(10) },
		func() (scenario, error) { return rbac(1000) },
		abac,
		func() (scenario, error) { return abacMany(1000) },
	}
}

func main() {
	rounds := flag.Int("rounds", 5, "rounds; the median counts")
	each := flag.Duration("time", 150*time.Millisecond, "CPU time of one engine in one round")
	question := flag.Int("question", -1, "measure one question and one engine once, in this process")
	which := flag.Int("engine", 0, "the engine, with -question")
	flag.Parse()
	err := error(nil)
	if *question >= 0 {
		err = once(*question, *which, *each)
	} else {
		err = run(*rounds, *each)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-authz:", err)
		os.Exit(1)
	}
}

// once measures one engine and prints its cost.
func once(question, which int, each time.Duration) error {
	s, err := scenarios()[question]()
	if err != nil {
		return err
	}
	e := s.engines[which]
	s = scenario{} // the others' memory is not this one's to collect
	us, err := cost(e, each)
	if err != nil {
		return err
	}
	_, err = fmt.Println(us)
	return err
}

func run(rounds int, each time.Duration) error {
	missed := 0
	fmt.Printf("%s, %d rounds of %v of CPU time\n\n| question | engine | us/decision | allocations | ratio | bar |\n|---|---|---|---|---|---|\n", runtime.Version(), rounds, each)
	for i, make := range scenarios() {
		s, err := make()
		if err != nil {
			return err
		}
		n, err := s.measure(i, rounds, each)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		missed += n
	}
	if missed > 0 {
		return fmt.Errorf("%d bars missed", missed)
	}
	return nil
}

// alone measures an engine in a process in which there is no other.
func alone(question, which int, each time.Duration) (us float64, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	c := exec.Command(self, "-question", strconv.Itoa(question), "-engine", strconv.Itoa(which), "-time", each.String())
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// measure prints the rows of a scenario and returns how many bars were missed.
func (s scenario) measure(question, rounds int, each time.Duration) (missed int, err error) {
	for _, e := range s.engines {
		for _, want := range []bool{true, false} {
			if got, err := e.ask(want); err != nil || got != want {
				return 0, fmt.Errorf("%s answers %v, %v where it must answer %v", e.name, got, err, want)
			}
		}
	}
	costs := make([][]float64, len(s.engines))
	for range rounds {
		for i := range s.engines {
			us, err := alone(question, i, each)
			if err != nil {
				return 0, err
			}
			costs[i] = append(costs[i], us)
		}
	}
	ours := median(costs[0])
	for i, e := range s.engines {
		us := median(costs[i])
		bar, met := "", true
		switch e.name {
		case "Gatehouse":
			bar, met = fmt.Sprintf("<= %g us", barOurs), us <= barOurs
		case "OPA":
			bar, met = fmt.Sprintf(">= %gx", barOPA), us/ours >= barOPA
		case "Casbin":
			bar, met = fmt.Sprintf(">= %gx", barCasbin), us/ours >= barCasbin
		}
		if !met {
			bar = "**missed** (" + bar + ")"
			missed++
		}
		fmt.Printf("| %s | %s | %.2f | %.0f | %.1f | %s |\n", s.name, e.name, us, allocations(e), us/ours, bar)
	}
	return missed, nil
}

// cost is the CPU time of one decision, in microseconds.
func cost(e engine, each time.Duration) (float64, error) {
	runtime.GC()
	const batch = 100 // so that asking for the time costs nothing
	begin, n := cpu(), 0
	for cpu()-begin < each {
		for range batch {
			if ok, err := e.ask(true); err != nil || !ok {
				return 0, fmt.Errorf("%s denies, %v", e.name, err)
			}
		}
		n += batch
	}
	return float64((cpu() - begin).Nanoseconds()) / 1000 / float64(n), nil
}

// cpu is the CPU time of the process so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it has no error that could happen here
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

func allocations(e engine) float64 {
	const n = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		_, _ = e.ask(true)
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / n
}
