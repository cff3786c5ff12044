package guard

import (
	"strconv"
	"strings"
)

// sentence is a statement while it is judged.
type sentence struct {
	guard *Guard
	src   string
	toks  []token

	with      int            // index of the first token after WITH [RECURSIVE]; 0 without
	recursive bool           // WITH RECURSIVE
	main      int            // index of the verb, or of the parenthesis that a select begins with
	verb      string         // select, insert, update, delete; savepoint and the like
	replaced  map[int]string // what is written instead of a token
	target    int            // index of the table that is written or locked, when it is guarded; else 0
	slots     []Slot
	mentioned []*Table // in their order, each once
	byName    bool     // placeholders are :name
	highest   int      // number of a placeholder
}

// at returns a token, or one that is nothing when there is none.
func (s *sentence) at(i int) token {
	if i < 0 || i >= len(s.toks) {
		return token{from: len(s.src), to: len(s.src)}
	}
	return s.toks[i]
}

func (s *sentence) refuse(i int, because, instead string) error {
	return refuse(s.src, s.at(i).from, because, instead)
}

// render writes the tokens [from, to), with one space where something stood between.
func (s *sentence) render(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		t := s.toks[i]
		if i > from && !t.glued {
			b.WriteByte(' ')
		}
		if r, ok := s.replaced[i]; ok {
			b.WriteString(r)
		} else {
			b.WriteString(s.src[t.from:t.to])
		}
	}
	return b.String()
}

func (s *sentence) params() int {
	if s.byName {
		return -1
	}
	return s.highest
}

// placeholders numbers the caller's, so that ours can stand in front of them.
func (s *sentence) placeholders() error {
	names := false
	for i, t := range s.toks {
		if t.kind != param {
			continue
		}
		switch {
		case t.name != "" && !isDigit(t.name[0]):
			s.byName = true
			if strings.HasPrefix(t.name[1:], "gatehouse_") {
				return s.refuse(i, "placeholders called gatehouse_ are the guard's", "call it something else")
			}
		case t.name == "": // SQLite's ?
			s.highest++
			s.replaced[i] = "?" + strconv.Itoa(s.highest)
			names = true
		default:
			n, err := strconv.Atoi(t.name)
			if err != nil {
				return s.refuse(i, "a placeholder has no number", "write one")
			}
			s.highest = max(s.highest, n)
			names = true
		}
		if s.byName && names {
			return s.refuse(i, "placeholders by name and by position are mixed", "use one kind")
		}
	}
	return nil
}

// value returns the placeholder of a value of ours.
func (s *sentence) value(want Slot) string {
	i := 0
	for i < len(s.slots) && (s.slots[i].Owner != want.Owner || s.slots[i].Type != want.Type) {
		i++
	}
	if i == len(s.slots) {
		if s.byName {
			want.Name = "gatehouse_" + strconv.Itoa(i)
		}
		s.slots = append(s.slots, want)
	}
	switch {
	case s.byName:
		return ":" + s.slots[i].Name
	case s.guard.dialect == SQLite:
		return "?" + strconv.Itoa(s.highest+1+i)
	}
	return "CAST($" + strconv.Itoa(s.highest+1+i) + " AS " + want.Type.cast() + ")"
}

// cast is the type that PostgreSQL is told, so that it does not guess one.
func (t Type) cast() string {
	switch t {
	case Integer:
		return "bigint"
	case UUID:
		return "uuid"
	default:
		return "text"
	}
}

// condition says that a row of the table is the caller's; prefix is "" or a name
// with a dot behind it.
func (s *sentence) condition(t *Table, prefix string) string {
	var all []string
	for _, c := range t.columns() {
		column, value := prefix+Ident(t.column(c)), s.value(c)
		if s.guard.dialect == SQLite {
			all = append(all, column+" = "+value+" COLLATE BINARY") // whatever the column's own is
			continue
		}
		// An error may tell the row that it is of, and of conditions that cost the same
		// PostgreSQL asks the text's own first. To compare with an array of one costs half
		// of what any function does. Behind IS NOT NULL that is estimated to be so of
		// every row: how many there are is told by the comparison, which indexes know.
		all = append(all, column+" = "+value, "(CASE WHEN "+column+" = ANY (ARRAY["+value+"]) THEN 1 END) IS NOT NULL")
	}
	return strings.Join(all, " AND ")
}

// shadows returns the WITH that takes the place of each guarded table that the text
// reads; the text's own common table expressions follow it.
func (s *sentence) shadows() string {
	var all []string
	for _, t := range s.mentioned {
		if s.reads(t) {
			all = append(all, Ident(t.Name)+" AS NOT MATERIALIZED (SELECT * FROM "+t.full()+" WHERE "+s.condition(t, "")+")")
		}
	}
	if s.with > 0 {
		all = append(all, s.render(s.with, s.main))
	}
	switch {
	case len(all) == 0:
		return ""
	case s.recursive:
		return "WITH RECURSIVE " + strings.Join(all, ", ") + " "
	}
	return "WITH " + strings.Join(all, ", ") + " "
}

// reads reports whether the table is named anywhere but as what is written.
func (s *sentence) reads(t *Table) bool {
	for i, tok := range s.toks {
		if (i != s.target || s.target == 0) && s.guard.table(tok) == t {
			return true
		}
	}
	return false
}

// closing returns the index of the bracket that closes the one at open.
func (s *sentence) closing(open int) int {
	for i := open + 1; i < len(s.toks); i++ {
		if s.toks[i].depth == s.toks[open].depth && s.toks[i].isOne(")", "]") {
			return i
		}
	}
	return len(s.toks) // the lexer has seen that there is one
}

// find returns the index of the first of these keywords in [from, to) that stands in
// no parentheses, or to. After a dot or AS, PostgreSQL takes any word for a name, and
// the from of IS DISTINCT FROM begins nothing.
func (s *sentence) find(from, to int, words ...string) int {
	for i := from; i < to; i++ {
		t := s.toks[i]
		if t.depth != 0 || t.kind != word || !t.isOne(words...) || s.at(i-1).isOne(".", "as") {
			continue
		}
		if t.name == "from" && s.at(i-1).is("distinct") && s.at(i-2).isOne("is", "not") {
			continue
		}
		return i
	}
	return to
}
