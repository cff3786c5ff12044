package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// packages are Debian's names for what is not called like its package.
func packages(tools []string) (missing []string) {
	for _, t := range tools {
		if _, err := lookTool(t); err == nil {
			continue
		}
		switch t {
		case "taskset":
			t = "util-linux"
		case "node":
			t = "nodejs"
		case "h2load":
			t = "nghttp2-client"
		}
		missing = append(missing, t)
	}
	return missing
}

// lookTool finds a program, also where servers are and users' paths do not lead.
func lookTool(name string) (string, error) {
	if p, err := exec.LookPath(name); err == nil {
		return p, nil
	}
	return exec.LookPath("/usr/sbin/" + name)
}

// install fetches the tools that are missing through apt-get, and says so when
// that cannot be done.
func install(ctx context.Context, stderr io.Writer, tools ...string) error {
	missing := packages(tools)
	if len(missing) == 0 {
		return nil
	}
	names := strings.Join(missing, " ")
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return fmt.Errorf("%s: not installed, and there is no apt-get to install them with", names)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("%s: not installed, and only root may; run: apt-get install %s", names, names)
	}
	fmt.Fprintf(stderr, "installing %s\n", names)
	for _, args := range [][]string{{"update", "-qq"}, append([]string{"install", "-y", "-qq", "--no-install-recommends"}, missing...)} {
		cmd := exec.CommandContext(ctx, apt, args...) //nolint:gosec // the names are constants of this file
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: not installed, and apt-get %s failed: %w\n%s", names, args[0], err, tail(string(out), 400))
		}
	}
	if still := packages(tools); len(still) > 0 {
		return fmt.Errorf("%s: not there, although apt-get says that they were installed", strings.Join(still, " "))
	}
	return nil
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
