package adminapi

import (
	"net/http"
	"strconv"

	"github.com/gatehouse-api/gatehouse/idp/operator"
	"github.com/gatehouse-api/gatehouse/store"
)

// pageUsual is how many things are shown where nobody says; pageMost the most.
const (
	pageUsual = 50
	pageMost  = 100
)

// limit is how many things the request asks for.
func (c *call) limit() (int, error) {
	text := c.r.URL.Query().Get("limit")
	if text == "" {
		return pageUsual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > pageMost {
		return 0, errMalformed
	}
	return n, nil
}

// page is how a list is asked for.
func (c *call) page(list, filter string) (after string, most int, err error) {
	if most, err = c.limit(); err == nil {
		after, err = c.after(list, filter)
	}
	return after, most, err
}

func (c *call) because() { c.by.Because = c.r.URL.Query().Get("because") }

func (c *call) user() string { return c.r.PathValue("userId") }

// filled is a list that is there when it is empty.
func filled[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (c *call) listUsers() error {
	tenant := c.r.URL.Query().Get("tenant")
	after, most, err := c.page("users", tenant)
	if err != nil {
		return err
	}
	list, more, err := c.options.Desk.People(c.r.Context(), c.by, tenant, after, most)
	if err != nil {
		return err
	}
	out := struct {
		Users []operator.Person `json:"users"`
		Next  string            `json:"next,omitempty"`
	}{Users: filled(list)}
	if more {
		out.Next = c.next("users", tenant, list[len(list)-1].Name)
	}
	return answer(c, http.StatusOK, out)
}

func (c *call) getUser() error {
	p, err := c.options.Desk.Person(c.r.Context(), c.by, c.user())
	return c.showUser(p, err)
}

func (c *call) showUser(p operator.Person, err error) error {
	if err != nil {
		return err
	}
	c.tag(p.Version())
	return answer(c, http.StatusOK, p)
}

func (c *call) addUser() error {
	in, err := read[struct {
		Name     string   `json:"name"`
		Tenant   string   `json:"tenant"`
		Roles    []string `json:"roles"`
		Password string   `json:"password"`
	}](c)
	if err != nil {
		return err
	}
	p, made, err := c.options.Desk.AddPerson(c.r.Context(), c.by, operator.PersonWanted{Name: in.Name, Tenant: in.Tenant, Roles: in.Roles, Password: in.Password})
	if err != nil {
		return err
	}
	c.tag(p.Version())
	return answer(c, http.StatusCreated, struct {
		User     operator.Person `json:"user"`
		Password string          `json:"password,omitempty"`
	}{p, made})
}

func (c *call) changeUser() error {
	seen, err := c.seen(true)
	if err != nil {
		return err
	}
	in, err := read[struct {
		Because string           `json:"because"`
		Tenant  *string          `json:"tenant"`
		Roles   *[]string        `json:"roles"`
		State   *store.UserState `json:"state"`
	}](c)
	if err != nil {
		return err
	}
	c.by.Because = in.Because
	p, err := c.options.Desk.ChangePerson(c.r.Context(), c.by, c.user(), seen, operator.PersonChange{Tenant: in.Tenant, Roles: in.Roles, State: in.State})
	return c.showUser(p, err)
}

func (c *call) removeUser() error {
	seen, err := c.seen(false)
	if err != nil {
		return err
	}
	c.because()
	return c.done(c.options.Desk.RemovePerson(c.r.Context(), c.by, c.user(), seen))
}

// made is a password that nobody can be shown again.
type made struct {
	Password string `json:"password,omitempty"`
}

func (c *call) replacePassword() error {
	in, err := read[made](c)
	if err != nil {
		return err
	}
	secret, err := c.options.Desk.SetPassword(c.r.Context(), c.by, c.user(), in.Password)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, made{secret})
}

func (c *call) removeSecondFactor() error {
	_, err := c.options.Desk.RemoveSecondFactor(c.r.Context(), c.by, c.user())
	return c.done(err)
}

// listSessions lists those of one person, where the path names one, or of everybody
// within reach.
func (c *call) listSessions() error {
	most, err := c.limit()
	if err != nil {
		return err
	}
	list, more, err := c.options.Desk.Sessions(c.r.Context(), c.by, c.user(), most)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, struct {
		Sessions []operator.Session `json:"sessions"`
		More     bool               `json:"more"`
	}{filled(list), more})
}

func (c *call) endUserSessions() error {
	c.because()
	n, err := c.options.Desk.SignOut(c.r.Context(), c.by, c.user())
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, struct {
		Ended int `json:"ended"`
	}{n})
}

func (c *call) endUserSession() error {
	return c.done(c.options.Desk.EndSession(c.r.Context(), c.by, c.user(), c.r.PathValue("browserId")))
}
