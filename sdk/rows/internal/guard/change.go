package guard

import "strings"

// aim reads the table behind a writing verb, and says whether it is guarded.
func (s *sentence) aim(i int) (*Table, error) {
	t := s.at(i)
	if t.kind != word && t.kind != quoted || t.isOne("only", "or") {
		return nil, s.refuse(i, "after "+strings.ToUpper(s.verb)+" comes something else than the plain name of a table", "write "+s.example())
	}
	table := s.guard.table(t)
	if table == nil || s.at(i+1).is(".") { // then it is a schema
		return nil, nil
	}
	s.target = i
	s.replaced[i] = table.full() // whatever is first in the search path
	return table, nil
}

// example is how the statement is written.
func (s *sentence) example() string {
	switch s.verb {
	case "insert":
		return "insert into orders (...) values (...), with ON CONFLICT DO NOTHING where it is wanted"
	case "delete":
		return "delete from orders where ..."
	}
	return "update orders set ... where ..."
}

// alias reads what the table is called in the statement; next is what follows.
func (s *sentence) alias(i int, t *Table, ends ...string) (name string, next int, err error) {
	next = i + 1
	name = Ident(t.Name)
	if a := s.at(next); a.is("as") || a.kind == quoted || a.kind == word && !a.isOne(ends...) {
		if a.is("as") {
			next++
		}
		a = s.at(next)
		if a.kind != word && a.kind != quoted {
			return "", 0, s.refuse(next, "the table is given no plain name", "write "+s.example())
		}
		name = s.src[a.from:a.to]
		next++
	}
	if next < len(s.toks) && !s.at(next).isOne(ends...) {
		return "", 0, s.refuse(next, "something unusual follows the table", "write "+s.example())
	}
	return name, next, nil
}

// update holds UPDATE to the caller's rows, and keeps them the caller's.
func (s *sentence) update() (string, error) {
	t, err := s.aim(s.main + 1)
	if err != nil || t == nil {
		return s.render(s.main, len(s.toks)), err
	}
	name, set, err := s.alias(s.target, t, "set")
	if err != nil {
		return "", err
	}
	if err := s.assignments(t, set+1); err != nil {
		return "", err
	}
	return s.where(t, name, set+1)
}

// assignments refuses to set whose a row is.
func (s *sentence) assignments(t *Table, i int) error {
	end := s.find(i, len(s.toks), "from", "where", "returning")
	for i < end {
		to := i + 1
		if s.at(i).is("(") {
			to = s.closing(i)
			i++
		}
		for ; i < to; i++ {
			switch tok := s.at(i); {
			case s.guard.decides(t, tok):
				return s.refuse(i, "UPDATE sets "+tok.name+", which says whose the row is", "leave it out; moving a row to another tenant takes rows.AsSystem")
			case tok.kind != word && tok.kind != quoted && !tok.isOne(",", ".", "[", "]") && tok.kind != number:
				return s.refuse(i, "SET holds something else than columns before =", "write "+s.example())
			}
		}
		for i < end && !(s.at(i).depth == 0 && s.at(i).is(",")) {
			i++
		}
		i++
	}
	return nil
}

// delete holds DELETE to the caller's rows.
func (s *sentence) delete() (string, error) {
	if !s.at(s.main + 1).is("from") {
		return "", s.refuse(s.main+1, "after DELETE comes no FROM", "write "+s.example())
	}
	t, err := s.aim(s.main + 2)
	if err != nil || t == nil {
		return s.render(s.main, len(s.toks)), err
	}
	name, next, err := s.alias(s.target, t, "using", "where", "returning")
	if err != nil {
		return "", err
	}
	return s.where(t, name, next)
}

// where puts the condition in front of the one that the statement has.
func (s *sentence) where(t *Table, name string, from int) (string, error) {
	end := len(s.toks)
	where := s.find(from, end, "where")
	returning := s.find(from, end, "returning")
	condition := s.condition(t, name+".")
	if where == end || where > returning {
		return s.render(s.main, returning) + " WHERE " + condition + " " + s.render(returning, end), nil
	}
	if again := s.find(where+1, end, "where"); again < end {
		return "", s.refuse(again, "there are two WHERE", "write one")
	}
	if s.at(where + 1).is("current") {
		return "", s.refuse(where+1, "WHERE CURRENT OF names a row by a cursor", "write where id = ...")
	}
	return s.render(s.main, where+1) + " " + condition + " AND (" + s.render(where+1, returning) + ") " + s.render(returning, end), nil
}
