package leak

import (
	endian "encoding/binary"
	"maps"
	"slices"
)

// window is how many bytes of every pattern the scanner looks at first: the
// length of the shortest, and of the longer ones the rarest stretch.
const window = 4

// scanner finds patterns by the method of Wu and Manber (1994): it looks at the
// last two bytes of a window and, where no pattern has them, moves on by up to
// three bytes at once. It is immutable.
type scanner struct {
	// shift says, by two bytes, how far to move; from window on it says which of
	// ends may stand here.
	shift [1 << 14]uint8
	ends  [][]placed // the patterns whose windows have the same last two bytes
}

// placed is a pattern, where its window begins, and that window as a number.
type placed struct {
	is uint32
	at int
	*pattern
}

// pairOf leaves the eighth bits out, so that the table stays in the processor's
// first cache; all patterns are ASCII.
func pairOf(a, b byte) uint16 { return uint16(a&0x7f)<<7 | uint16(b&0x7f) }

// newScanner returns a scanner for patterns of at least four ASCII bytes. Their
// windows end in at most 250 different pairs.
func newScanner(list []pattern) *scanner {
	s := &scanner{}
	for i := range s.shift {
		s.shift[i] = window - 1
	}
	// The shortest first: the longer ones then choose windows that cost little more.
	list = slices.SortedStableFunc(slices.Values(list), func(p, q pattern) int { return len(p.text) - len(q.text) })
	const anEnd = window // until there are numbers for them
	ends := map[uint16][]placed{}
	for i := range list {
		p := &list[i]
		at := s.cheapest(p.text)
		w := p.text[at : at+window]
		for i := 1; i < window-1; i++ {
			pair := pairOf(w[i-1], w[i])
			if s.shift[pair] != anEnd {
				s.shift[pair] = min(s.shift[pair], uint8(window-1-i))
			}
		}
		last := pairOf(w[window-2], w[window-1])
		s.shift[last] = anEnd
		ends[last] = append(ends[last], placed{endian.LittleEndian.Uint32([]byte(w)), at, p})
	}
	for _, pair := range slices.Sorted(maps.Keys(ends)) {
		s.shift[pair] = uint8(window + len(s.ends))
		s.ends = append(s.ends, ends[pair])
	}
	return s
}

// cheapest returns where the window in text begins that slows the scanner least,
// beside those that it has.
func (s *scanner) cheapest(text string) int {
	best, least := 0, 1<<30
	for at := 0; at+window <= len(text); at++ {
		cost := 0
		for i := 1; i < window; i++ {
			pair := pairOf(text[at+i-1], text[at+i])
			often := common(text[at+i-1], text[at+i])
			switch had := int(s.shift[pair]); {
			case had >= window:
				if i == window-1 {
					cost += often // one more pattern to compare with
				}
			case i == window-1:
				cost += often * (had + 4)
			default:
				cost += often * max(0, had-(window-1-i))
			}
		}
		if cost < least {
			best, least = at, cost
		}
	}
	return best
}

// frequent are the pairs of bytes that stand most often in JSON and in English,
// counted over the examples of public descriptions, the most frequent first.
const frequent = "\":,\":\"\",coitocgiatubthoms/errehurl\"hhttott.ctppsb.:///m/s:orsect.guronl\"caes/oap_upilo/ai.llpo%2s\"ntt/epentsteusste\"rss_heinannd" +
	"ouedhaishinge d t s n  t a s o wy r , : ofvelemedealartiasosel\"s{\"ta/r/ud\"t\"o-icioamns/gld22idrissgeod/iHeWo-Wag20mp/Hue12/eetma" +
	"}\"{/d_un\"}00na-1ple_nin\"ned/sieaemceow2F\"n\"ctrsu\"r23ro_irgt_ba-0crecmofoim\"i01puolra\"a\"uev_a\"es{\"pr\"/c\"dpe:{mi/1acexbe\"2sc\"t1fpr" +
	":1},vaadlslaotule/efsh2%/sabfaruojs.iv:0lir_ip%33Axa02\"g8\"\"m1-paZ\"\"f\"o.p?vtyrt:[A%e,pni/jib\"g?v8f\"-2ptrrnochfiy\"s%nur}bl1119l_il" +
	"bsvcmm\"lnce-56g\"16ifypgsda34cpga10_cu-3126:fgbwin_s-T1we4-0:izb5qurytu42av\"]-4ie45ho_e252C1\"diigmb\"bC%[\"ksup_r\\\"\"M69umke/p1e],:t"

// common says roughly how often a pair stands in JSON.
func common(a, b byte) int {
	for i := 0; i < len(frequent); i += 2 {
		if frequent[i] == a && frequent[i+1] == b {
			return 6 + 8000/(80+i) // as Zipf's law has it
		}
	}
	if c := lower | digits; c.has(a) && c.has(b) {
		return 4
	}
	return 1
}

// find returns what the first pattern in b tells, or nothing.
func (s *scanner) find(b []byte) what {
	for i := window - 1; i < len(b); {
		pair := pairOf(b[i-1], b[i])
		n := s.shift[pair]
		if n == window-1 {
			i += window - 1 // a constant: the processor need not wait for the table
			continue
		}
		if n < window {
			i += int(n)
			continue
		}
		is := endian.LittleEndian.Uint32(b[i-window+1:])
		list := s.ends[n-window]
		for j := range list {
			p := &list[j]
			if p.is != is {
				continue
			}
			if from := i - window + 1 - p.at; from >= 0 && p.matches(b, from) {
				return p.what
			}
		}
		i++
	}
	return nothing
}
