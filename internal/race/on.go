//go:build race

package race

// Enabled reports whether the race detector is watching.
const Enabled = true
