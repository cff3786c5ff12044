// Package size bounds request bodies. It defends from requests that cost more to
// read than they are worth: the bound is set before the first byte is read,
// whatever the framing says, so that a body of unknown length is held to it like
// any other.
//
// The bounds of the head (16 KiB, 64 fields) are the wire's.
package size

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

// Kind is this control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name:   "size",
	New:    func() gatehouse.Control { return &Config{MaxBody: 1 << 20} },
	Covers: []gatehouse.Requirement{"input.payload-limit"},
}

// Config is what an operator writes under "size:".
type Config struct {
	// MaxBody is the most bytes of a request body; 1 MiB, and more than 10 MiB
	// only with a waiver.
	MaxBody Bytes `yaml:"max_body"`
	// Waiver says why a body may be larger than 10 MiB.
	Waiver *gatehouse.Waiver `yaml:"waiver"`
}

// Bytes is a number of bytes, written as 65536, "64KiB", "1MiB" or "1GiB".
type Bytes int64

var units = []struct {
	name  string
	bytes Bytes
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}

// UnmarshalText reads a whole number and a unit.
func (b *Bytes) UnmarshalText(text []byte) error {
	s := string(text)
	for _, u := range units {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || n < 0 || n > (1<<40)/int64(u.bytes) {
			break
		}
		*b = Bytes(n) * u.bytes
		return nil
	}
	return fmt.Errorf("size: %q is not a size such as 64KiB or 1MiB", text)
}

// String returns the size in the largest unit that fits.
func (b Bytes) String() string {
	for _, u := range units {
		if b%u.bytes == 0 && b >= u.bytes {
			return strconv.FormatInt(int64(b/u.bytes), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10) + "B"
}

var _ gatehouse.Control = (*Config)(nil)
