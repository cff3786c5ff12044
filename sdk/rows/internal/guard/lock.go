package guard

// read returns SELECT as it stands: what it reads is shadowed. What is shadowed is not
// locked, so a SELECT that locks rows is held by its WHERE instead.
func (s *sentence) read() (string, error) {
	lock := s.lock()
	if lock < 0 {
		return s.render(s.main, len(s.toks)), nil
	}
	from := s.find(s.main, len(s.toks), "from")
	where := s.find(from, len(s.toks), "where")
	free := true // whether only conditions read guarded tables: then others' rows are locked
	for i := range where {
		free = free && s.guard.table(s.at(i)) == nil
	}
	if free && s.at(lock).depth == 0 && s.with == 0 && !s.at(s.main).is("(") {
		return s.render(s.main, len(s.toks)), nil
	}
	return s.locked(from, lock)
}

// lock returns the index of the first FOR UPDATE, FOR SHARE and the like, or -1.
func (s *sentence) lock() int {
	for i := range s.toks {
		if s.at(i).is("for") && !s.at(i-1).isOne(".", "as") && s.at(i+1).isOne("update", "share", "no", "key") {
			return i
		}
	}
	return -1
}

// locked holds a SELECT of one table by its own WHERE, as an UPDATE is held.
func (s *sentence) locked(from, lock int) (string, error) {
	unusual := func(i int) error {
		return s.refuse(i, "a row lock is lost where a guarded table is filtered, unless the SELECT reads that one table and nothing else", "write select ... from orders where ... for update")
	}
	end := len(s.toks)
	if s.guard.dialect != PostgreSQL || s.at(lock).depth != 0 || from > lock || s.at(s.main).is("(") {
		return "", unusual(lock)
	}
	if set := s.find(s.main, end, "union", "intersect", "except", "group", "having", "window"); set < end {
		return "", unusual(set)
	}
	s.verb = "select"
	t := s.guard.table(s.at(from + 1))
	if t == nil || s.at(from+1).kind == text {
		return "", unusual(from + 1)
	}
	s.target = from + 1
	s.replaced[s.target] = t.full()
	ends := []string{"where", "order", "limit", "offset", "fetch", "for"}
	name, next, err := s.alias(s.target, t, ends...)
	if err != nil {
		return "", unusual(s.target + 1)
	}
	rest := s.find(next, end, ends[1:]...)
	condition := s.condition(t, name+".")
	if !s.at(next).is("where") {
		return s.render(s.main, next) + " WHERE " + condition + " " + s.render(next, end), nil
	}
	if again := s.find(next+1, end, "where"); again < end {
		return "", unusual(again)
	}
	return s.render(s.main, next+1) + " " + condition + " AND (" + s.render(next+1, rest) + ") " + s.render(rest, end), nil
}
