package main

import (
	"fmt"
	"io"
	"runtime/debug"
)

// version is what the change log calls this state of the program.
const version = "0.1.0"

// runVersion prints the version, and the commit where the build knows it.
func runVersion(_ []string, stdout, _ io.Writer) int {
	commit := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = " " + s.Value
			}
		}
		fmt.Fprintf(stdout, "gatehouse %s%s %s\n", version, commit, info.GoVersion)
		return 0
	}
	fmt.Fprintf(stdout, "gatehouse %s\n", version)
	return 0
}
