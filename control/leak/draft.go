package leak

import endian "encoding/binary"

// newScanner returns a scanner for patterns of at least four ASCII bytes.
func newScanner(list []pattern) *scanner {
	d := draft{scanner: &scanner{}, often: often()}
	for i := range list {
		for way := range step {
			at, group := d.cheapest(list[i].text, way)
			d.place(&list[i], at, group)
		}
	}
	d.numbers()
	for i := range d.pairs {
		for n := range d.pairs[i] {
			d.pairs[i][n] |= d.free[i]
		}
	}
	return d.scanner
}

// draft is a scanner that is being made.
type draft struct {
	*scanner
	free  [2]uint16                   // what the tables say of every pair
	often *[1 << 16]float64           // how many of the pairs in texts are this one
	cover [groups][window / 2]float64 // how many a group has in a place of its windows
}

// cheapest returns where in text the window of a way begins, and which group it
// joins, so that the scanner has to look closer least often. The first half must
// not reach over the text's end, behind which nothing may stand.
func (d *draft) cheapest(text string, way int) (at, group int) {
	least := 2.0
	for from := way - step + 1; from+step <= len(text); from += step {
		for g := range groups {
			was, is := 1.0, 1.0
			for i, cover := range d.cover[g] {
				was *= cover
				is *= d.joined(pairAt(text, from+2*i), g, i)
			}
			if is-was < least {
				at, group, least = from, g, is-was
			}
		}
	}
	return at, group
}

// joined returns the cover of a group in a place once a pair is there, too.
func (d *draft) joined(p pair, group, i int) float64 {
	table, bit := bitOf(group, i)
	if p.any() || d.free[table]&bit != 0 {
		return 1
	}
	cover := d.cover[group][i]
	for b := p.b.from; b <= p.b.to; b++ {
		for a := p.a.from; a <= p.a.to; a++ {
			if d.pairs[table][a|b<<8]&bit == 0 {
				cover += d.often[a|b<<8]
			}
		}
	}
	return cover
}

// bitOf returns where the scanner says whether a group has a pair in a place of
// its windows.
func bitOf(group, i int) (table int, bit uint16) { return i % 2, 1 << (group + i/2*8) }

// place makes a window of a pattern one that it is told by.
func (d *draft) place(p *pattern, at, group int) {
	for i := range d.cover[group] {
		pair := pairAt(p.text, at+2*i)
		d.cover[group][i] = d.joined(pair, group, i)
		d.allow(pair, group, i)
	}
	var is, mask [window]byte
	for i := range window {
		if at+i >= 0 && at+i < len(p.text) {
			is[i], mask[i] = p.text[at+i], 0xff
		}
	}
	list := &d.told[group][is[step-1]]
	*list = append(*list, placed{is: endian.LittleEndian.Uint64(is[:]), mask: endian.LittleEndian.Uint64(mask[:]), at: at, pattern: p})
}

// allow lets a group have a pair in a place of its windows.
func (d *draft) allow(p pair, group, i int) {
	table, bit := bitOf(group, i)
	if p.any() {
		d.free[table] |= bit
		return
	}
	for b := p.b.from; b <= p.b.to; b++ {
		for a := p.a.from; a <= p.a.to; a++ {
			d.pairs[table][a|b<<8] |= bit
		}
	}
}

// numbers makes a group of eight digits, of which a separator may be the third,
// the fourth or the fifth. Such a window, at least one, is in every card number
// however it stands to the windows: it has 14 digits at the least, together or in
// groups of 4, 4, 4 and 4, of 4, 6 and 5 or of 4, 6 and 4.
func (d *draft) numbers() {
	digit := span{'0', '9'}
	for i := range window / 2 {
		d.allow(pair{digit, digit}, groups, i)
	}
	for _, separator := range [...]span{{' ', ' '}, {'-', '-'}} {
		d.allow(pair{separator, digit}, groups, 1)
		d.allow(pair{digit, separator}, groups, 1)
		d.allow(pair{separator, digit}, groups, 2)
	}
}

// pair is two bytes of a window; span is from which byte to which one of them may be.
type (
	pair struct{ a, b span }
	span struct{ from, to int }
)

// pairAt returns the pair at a place of text, which may be before it or behind it.
func pairAt(text string, at int) pair { return pair{spanAt(text, at), spanAt(text, at+1)} }

func spanAt(text string, at int) span {
	if at < 0 || at >= len(text) {
		return span{0, 0xff}
	}
	return span{int(text[at]), int(text[at])}
}

// any reports whether it may be any two bytes.
func (p pair) any() bool { return p.a.to-p.a.from+p.b.to-p.b.from == 2*0xff }

// frequent are the pairs of bytes that stand most often in JSON and in English,
// counted over the examples and the explanations in public descriptions, the most
// frequent first.
const frequent = "th\":,\"ate recoiter\",:\" tortoongiocesheseomubins en atenttihus/tturrlstcthtedpst ca.ctp\"hb.s://:/anm/llisusiode.gapn lopomel\"d etpitsep_u/ongtar ic/a onsri%2rsal" +
	"lei. ielsss\" cost/ sveasarge rceecs_fosiodeamaoupee\"ndacunidag/rueo nero/u f pnaamra\"sy d\"ldo- wtrbe/ga linit\"ha, f  bil22cr{\"emsuprow/is.pachrgla `moofl fihiev" +
	"ThplimwiulHeWoadut-Wmid_ d. olvae_ab20 mscg nc/Hbaotie{/pu}\" u eipdin\"t_2Fd/rtifivty_inoh da\"n/ebl\"clspt nkequai-1famp_aholue.  \"r\"\"ryshiz00tuso\"iccruefopdopps{" +
	".T\"arre,ig1fay:{e/-0\"p\"}gavicuoj/s\"d01\"t` },2%:1upee/1r_ lmmyp%3ex\"ui/t.3Aeqclckzaspnuumbobsauav\"2ly8\"saokir/c\"g.p?vd.rmA%we\"f\"ejipng?v8gsr\"\"o\"mmboircyms%cib\":0"

// often returns the share that each pair has of the pairs in texts, roughly.
func often() *[1 << 16]float64 {
	var often [1 << 16]float64
	share := func(a, b byte) *float64 { return &often[int(a)|int(b)<<8] }
	const usual = lower | digits
	for a := range byte(0x80) {
		for b := range byte(0x80) {
			if *share(a, b) = 1e-5; usual.has(a) && usual.has(b) {
				*share(a, b) = 1e-4
			}
		}
	}
	for i := 0; i < len(frequent); i += 2 {
		*share(frequent[i], frequent[i+1]) = 0.3 / float64(23+i/2) // as Zipf's law has it
	}
	return &often
}
