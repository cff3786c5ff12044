package guard

import "strings"

// insert has INSERT write whose the row is, which it must not say itself.
func (s *sentence) insert() (string, error) {
	if !s.at(s.main + 1).is("into") {
		return "", s.refuse(s.main+1, "after INSERT comes no INTO", "write "+s.example())
	}
	t, err := s.aim(s.main + 2)
	if err != nil || t == nil {
		return s.render(s.main, len(s.toks)), err
	}
	open := s.target + 1
	if s.at(open).is("as") && s.at(open+1).kind != text {
		open += 2
	}
	if !s.at(open).is("(") {
		return "", s.refuse(open, "INSERT has no list of columns", "write "+s.example())
	}
	closing := s.closing(open)
	if err := s.columns(t, open+1, closing); err != nil {
		return "", err
	}
	if !s.at(closing + 1).is("values") {
		return "", s.refuse(closing+1, "INSERT writes something else than VALUES", "write "+s.example()+"; copying from a query takes rows.AsSystem")
	}
	var b strings.Builder
	b.WriteString(s.render(s.main, closing))
	for _, c := range t.columns() {
		b.WriteString(", " + Ident(t.column(c)))
	}
	b.WriteString(") VALUES ")
	next, err := s.values(&b, t, closing+2)
	if err != nil {
		return "", err
	}
	if err := s.conflict(next); err != nil {
		return "", err
	}
	return b.String() + " " + s.render(next, len(s.toks)), nil
}

// columns judges the list of an INSERT.
func (s *sentence) columns(t *Table, from, to int) error {
	if from == to {
		return s.refuse(from, "the list of columns is empty", "name one")
	}
	for i := from; i < to; i++ {
		switch tok := s.at(i); {
		case s.guard.decides(t, tok):
			return s.refuse(i, "INSERT names "+tok.name+", which the guard writes", "leave the column out")
		case tok.kind != word && tok.kind != quoted && !tok.is(","):
			return s.refuse(i, "the list of columns holds something else than names", "write "+s.example())
		}
	}
	return nil
}

// values writes the rows, each with whose it is, and returns what follows them.
func (s *sentence) values(b *strings.Builder, t *Table, i int) (next int, err error) {
	for {
		if !s.at(i).is("(") {
			return 0, s.refuse(i, "VALUES holds something else than rows in parentheses", "write "+s.example())
		}
		closing := s.closing(i)
		b.WriteString(s.render(i, closing))
		for _, c := range t.columns() {
			b.WriteString(", " + s.value(c))
		}
		b.WriteByte(')')
		if i = closing + 1; !s.at(i).is(",") {
			return i, nil
		}
		b.WriteString(", ")
		i++
	}
}

// conflict judges what follows the rows: to change the row that is in the way could
// be to change another tenant's.
func (s *sentence) conflict(i int) error {
	end := len(s.toks)
	returning := s.find(i, end, "returning")
	if i == returning {
		return nil
	}
	if !s.at(i).is("on") || !s.at(i+1).is("conflict") {
		return s.refuse(i, "something unusual follows VALUES", "write "+s.example())
	}
	if !s.at(returning-1).is("nothing") || !s.at(returning-2).is("do") {
		return s.refuse(i, "ON CONFLICT DO UPDATE could change another tenant's row", "write ON CONFLICT DO NOTHING, and UPDATE where no row was written")
	}
	for j := i; j < returning; j++ {
		if s.at(j).is("update") {
			return s.refuse(j, "ON CONFLICT DO UPDATE could change another tenant's row", "write ON CONFLICT DO NOTHING, and UPDATE where no row was written")
		}
	}
	return nil
}
