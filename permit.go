package gatehouse

import "strings"

// Permit is a set of spellings that are refused unless an endpoint permits them:
// readers disagree about what they mean. The zero Permit permits none.
type Permit uint8

// The spellings.
const (
	EncodedSlash   Permit = 1 << iota // %2F in a path
	EncodedPercent                    // %25 in a path
	Semicolon                         // ";" in a path, raw or as %3B
	Underscore                        // "_" in a field name
)

var permitNames = [...]string{"encoded_slash", "encoded_percent", "semicolon", "underscore"}

// permitTexts holds the text of every set, so that naming one costs nothing.
var permitTexts = func() (texts [1 << len(permitNames)]string) {
	for set := range texts {
		var names []string
		for i, name := range permitNames {
			if set&(1<<i) != 0 {
				names = append(names, name)
			}
		}
		texts[set] = strings.Join(names, ", ")
	}
	return texts
}()

// String returns the names as they are written in the configuration, such as
// "encoded_slash, semicolon"; "" for the empty set.
func (p Permit) String() string { return permitTexts[int(p)%len(permitTexts)] }

// PermitNames returns the names of all spellings, in the order of their bits.
func PermitNames() []string { return append([]string(nil), permitNames[:]...) }

// ParsePermit returns the spelling of that name, and whether there is one.
func ParsePermit(name string) (Permit, bool) {
	for i := range permitNames {
		if permitNames[i] == name {
			return 1 << i, true
		}
	}
	return 0, false
}
