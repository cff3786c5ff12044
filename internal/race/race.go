// Package race says whether the race detector is watching: it allocates, drops
// pooled memory on purpose and slows everything down, so that tests do not
// measure under it.
package race
