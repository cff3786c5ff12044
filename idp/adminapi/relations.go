package adminapi

import (
	"errors"
	"net/http"

	"github.com/gatehouse-api/gatehouse/internal/relations"
	"github.com/gatehouse-api/gatehouse/store"
)

// tuple is a tuple as the API has it: the texts of OpenFGA's own API.
type tuple struct {
	Object   string `json:"object"`
	Relation string `json:"relation"`
	User     string `json:"user"`
}

func shownTuple(t store.Tuple) tuple {
	r := relations.Tuple(t)
	return tuple{r.Object().String(), r.Relation, r.Subject().String()}
}

func (t tuple) read() (store.Tuple, error) {
	r, err := relations.ParseTuple(t.Object + "#" + t.Relation + "@" + t.User)
	if err != nil {
		return store.Tuple{}, errors.Join(errMalformed, err)
	}
	return store.Tuple(r), nil
}

func readTuples(list []tuple) (out []store.Tuple, err error) {
	for _, t := range list {
		one, err := t.read()
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// filter reads what a list of tuples is narrowed to, and its name for cursors.
func (c *call) filter() (like store.Tuple, name string, err error) {
	q := c.r.URL.Query()
	like.Relation = q.Get("relation")
	if text := q.Get("object"); text != "" {
		o, err := relations.ParseObject(text)
		if err != nil {
			return like, "", errors.Join(errMalformed, err)
		}
		like.Type, like.ID = o.Type, o.ID
	}
	if text := q.Get("user"); text != "" {
		s, err := relations.ParseSubject(text)
		if err != nil {
			return like, "", errors.Join(errMalformed, err)
		}
		like.SubjectType, like.SubjectID, like.SubjectRelation = s.Type, s.ID, s.Relation
	}
	return like, relations.Tuple(like).String(), nil
}

func (c *call) listRelations() error {
	like, name, err := c.filter()
	if err != nil {
		return err
	}
	position, most, err := c.page("relations", name)
	if err != nil {
		return err
	}
	var after store.Tuple
	if position != "" {
		t, err := relations.ParseTuple(position)
		if err != nil {
			return errMalformed
		}
		after = store.Tuple(t)
	}
	list, more, err := c.options.Desk.Relations(c.r.Context(), c.by, like, after, most)
	if err != nil {
		return err
	}
	out := struct {
		Tuples []tuple `json:"tuples"`
		Next   string  `json:"next,omitempty"`
	}{Tuples: []tuple{}}
	for _, t := range list {
		out.Tuples = append(out.Tuples, shownTuple(t))
	}
	if more {
		out.Next = c.next("relations", name, relations.Tuple(list[len(list)-1]).String())
	}
	return answer(c, http.StatusOK, out)
}

func (c *call) writeRelations() error {
	in, err := read[struct {
		Because string  `json:"because"`
		Add     []tuple `json:"add"`
		Remove  []tuple `json:"remove"`
	}](c)
	if err != nil {
		return err
	}
	add, err := readTuples(in.Add)
	if err != nil {
		return err
	}
	remove, err := readTuples(in.Remove)
	if err != nil {
		return err
	}
	c.by.Because = in.Because
	revision, err := c.options.Desk.WriteRelations(c.r.Context(), c.by, add, remove)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, struct {
		Revision int64 `json:"revision"`
	}{revision})
}
