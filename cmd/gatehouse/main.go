// Command gatehouse puts every control of an API-security programme in front of
// an API, secure by default. Each verb is one file of this folder.
package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// verb is one subcommand. It returns the process's exit code: 0 for success, 1
// for a failure or a finding, 2 for a call that cannot be understood.
type verb struct {
	name, says string
	run        func(args []string, stdout, stderr io.Writer) int
}

func verbs() []verb {
	return []verb{
		{"demo", "a vulnerable API behind the gateway, with tokens and things to try; --tour attacks it", runDemo},
		{"init", "write a configuration from an OpenAPI document", runInit},
		{"learn", "write an OpenAPI document from observed traffic, to begin without one", runLearn},
		{"check", "read a configuration and say everything that is wrong or waived", runCheck},
		{"serve", "serve the APIs of a configuration", runServe},
		{"explain", "print the decisions on a past request, or the plan of an endpoint", runExplain},
		{"block", "shut out an address, a principal, a key, a client or an endpoint; list and lift blocks", runBlock},
		{"tokens", "revoke access tokens before their time is over, and list what was revoked", runTokens},
		{"clients", "register OAuth clients of our own authorization server, change their secrets", runClients},
		{"keys", "list and rotate the keys that our own authorization server, or the gateway to upstreams, signs with", runKeys},
		{"users", "people: add, list, disable, enable, passwords, roles", runUsers},
		{"tenants", "whose people and clients there are: add, list, disable, enable, remove", runTenants},
		{"policy", "what the objects, roles and policies of an API say: show it, test it, ask it why", runPolicy},
		{"roles", "what each role may do, and who has it", runRoles},
		{"owners", "whose the objects behind an API are, where it does not say so itself: import, set, list, forget, suggest", runOwners},
		{"relations", "who has which relation to what: write, delete, list, import, check, why", runRelations},
		{"sessions", "who is signed in in a browser: list and revoke", runSessions},
		{"version", "print the version", runVersion},
	}
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || slices.Contains([]string{"help", "-h", "--help"}, args[0]) {
		usage(stdout)
		return 0
	}
	for _, v := range verbs() {
		if v.name == args[0] {
			return v.run(args[1:], stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "gatehouse: unknown command %q\n\n", args[0])
	usage(stderr)
	return 2
}

func usage(w io.Writer) {
	var b strings.Builder
	b.WriteString("Gatehouse: every control in front of an API, secure by default.\n\nusage: gatehouse COMMAND [ARGUMENTS]\n\n")
	for _, v := range verbs() {
		fmt.Fprintf(&b, "  %-9s %s\n", v.name, v.says)
	}
	b.WriteString("\ngatehouse COMMAND --help says more.\n")
	_, _ = io.WriteString(w, b.String())
}
