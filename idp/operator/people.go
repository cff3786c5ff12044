package operator

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/idp/people"
	"github.com/gatehouse-api/gatehouse/store"
)

// Person is what operators see of a person.
type Person struct {
	ID           string          `json:"id"`
	Name         string          `json:"name"`
	Tenant       string          `json:"tenant,omitempty"`
	Roles        []string        `json:"roles,omitempty"`
	State        store.UserState `json:"state"`
	SecondFactor bool            `json:"second_factor"`
	Made         time.Time       `json:"made"`
}

func personOf(u *store.User) Person {
	return Person{ID: u.ID, Name: u.Name, Tenant: u.Tenant, Roles: u.Roles, State: u.State, SecondFactor: u.HasSecondFactor(), Made: kept(u.Made)}
}

// Version returns the person's version.
func (p *Person) Version() Version { return versionOf(p) }

// PersonWanted is a person to be added.
type PersonWanted struct {
	Name     string
	Tenant   string
	Roles    []string
	Password string // "" for one that is made
}

// PersonChange is what to change of a person; nil stays.
type PersonChange struct {
	Tenant *string
	Roles  *[]string
	State  *store.UserState
}

var errNoPeople = errors.New("operator: there is no authorization server whose people these could be")

// People lists those within reach, of one tenant or of all for "", whose names come
// after the given one. It reports whether there are more.
func (d *Desk) People(ctx context.Context, by By, tenant, after string, most int) (list []Person, more bool, err error) {
	if !by.Reach.all {
		if tenant != "" && tenant != by.Reach.tenant || by.Reach.tenant == "" {
			return nil, false, nil // of another tenant nothing is said, not even that it is not there
		}
		tenant = by.Reach.tenant
	}
	most = min(most, pageMost)
	found, err := d.Store.Directory().List(ctx, store.UserQuery{Tenant: tenant, After: after, Most: most + 1})
	for i := range found[:min(len(found), most)] {
		list = append(list, personOf(&found[i]))
	}
	return list, len(found) > most, err
}

// Person returns one, by id.
func (d *Desk) Person(ctx context.Context, by By, id string) (Person, error) {
	u, err := d.user(ctx, &by, id)
	return personOf(&u), err
}

func (d *Desk) user(ctx context.Context, by *By, id string) (store.User, error) {
	u, err := d.Store.Users().User(ctx, id)
	if err == nil {
		err = by.reached(u.Tenant)
	}
	if err != nil {
		return store.User{}, err
	}
	return u, nil
}

// PersonNamed returns one, by the e-mail address.
func (d *Desk) PersonNamed(ctx context.Context, by By, address string) (Person, error) {
	name, err := people.Canonical(address)
	if err != nil {
		return Person{}, err
	}
	u, err := d.Store.Users().ByName(ctx, name)
	if err == nil {
		err = by.reached(u.Tenant)
	}
	if err != nil {
		return Person{}, err
	}
	return personOf(&u), nil
}

// AddPerson adds one. made is the password where none was given: nobody can be shown
// it again.
func (d *Desk) AddPerson(ctx context.Context, by By, w PersonWanted) (p Person, made string, err error) {
	if d.Accounts == nil {
		return p, "", errNoPeople
	}
	if err := d.mayAdd(ctx, &by, &w); err != nil {
		return p, "", err
	}
	if w.Password == "" {
		made = newPassword()
		w.Password = made
	}
	u, err := d.Accounts.Add(ctx, w.Name, w.Tenant, w.Roles, w.Password)
	if err != nil {
		return p, "", err
	}
	p = personOf(&u)
	d.record(ctx, &by, "users.add", u.ID, nil, p)
	return p, made, nil
}

// mayAdd judges a person before there is one. Administrators of tenants add people
// of their own domains only: they could otherwise learn who has an account
// elsewhere, and take names before their owners come.
func (d *Desk) mayAdd(ctx context.Context, by *By, w *PersonWanted) error {
	if !by.Reach.all {
		if w.Tenant == "" {
			w.Tenant = by.Reach.tenant
		}
		if !by.Reach.holds(w.Tenant) {
			return ErrForbidden
		}
		name, err := people.Canonical(w.Name)
		if err != nil {
			return err
		}
		t, err := d.Store.Tenants().Tenant(ctx, by.Reach.tenant)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if _, domain, _ := strings.Cut(name, "@"); !slices.Contains(t.Domains, domain) {
			return ErrForbidden
		}
	}
	if err := d.checkTenant(ctx, w.Tenant); err != nil {
		return err
	}
	return d.checkRoles(by, w.Roles, nil)
}

// newPassword is 130 random bits.
func newPassword() string { return strings.ToLower(rand.Text()) }

// ChangePerson changes a person who still is as in the version. Sessions and tokens
// end at once.
func (d *Desk) ChangePerson(ctx context.Context, by By, id string, seen Version, c PersonChange) (Person, error) {
	if d.Accounts == nil {
		return Person{}, errNoPeople
	}
	letsIn := c.State != nil && *c.State == store.UserActive && c.Roles == nil && c.Tenant == nil
	if err := by.reasoned(); err != nil {
		if !letsIn {
			return Person{}, err
		}
		by.Because = "let in again"
	}
	if c.Tenant != nil {
		if err := by.everywhere(); err != nil && *c.Tenant != by.Reach.tenant {
			return Person{}, err
		}
		if err := d.checkTenant(ctx, *c.Tenant); err != nil {
			return Person{}, err
		}
	}
	return d.change(ctx, &by, id, seen, "users.change", func(u *store.User) error {
		if c.Roles != nil {
			if err := d.checkRoles(&by, *c.Roles, u.Roles); err != nil {
				return err
			}
			u.Roles = *c.Roles
		}
		if c.Tenant != nil {
			u.Tenant = *c.Tenant
		}
		if c.State != nil {
			u.State = *c.State
		}
		return nil
	})
}

// change judges and changes a person in one step of the store.
func (d *Desk) change(ctx context.Context, by *By, id string, seen Version, action string, do func(*store.User) error) (Person, error) {
	var before Person
	u, err := d.Accounts.Change(ctx, id, by.Because, by.Name, func(u *store.User) error {
		before = personOf(u)
		if err := d.mayTouch(by, u); err != nil {
			return err
		}
		if err := seen.still(before.Version()); err != nil {
			return err
		}
		return do(u)
	})
	if err != nil {
		return Person{}, err
	}
	after := personOf(&u)
	d.record(ctx, by, action, id, before, after)
	return after, nil
}

// mayTouch refuses people out of reach, and lets nobody become an operator by taking
// over one who is of the own tenant.
func (d *Desk) mayTouch(by *By, u *store.User) error {
	if err := by.reached(u.Tenant); err != nil {
		return err
	}
	if !by.Reach.all && slices.Contains(u.Roles, RoleOperator) {
		return ErrForbidden
	}
	return nil
}

// SetPassword replaces a person's password, by one that is made where none is
// given. Sessions and tokens end at once.
func (d *Desk) SetPassword(ctx context.Context, by By, id, secret string) (made string, err error) {
	if d.Accounts == nil {
		return "", errNoPeople
	}
	u, err := d.touched(ctx, &by, id)
	if err != nil {
		return "", err
	}
	if secret == "" {
		made = newPassword()
		secret = made
	}
	if err := d.Accounts.SetPassword(ctx, id, secret, nil, store.Hash{}, by.Name); err != nil {
		return "", err
	}
	d.record(ctx, &by, "users.set-password", u.ID, nil, nil)
	return made, nil
}

// touched returns a person to whom something may be done that is no change of what
// decides on it: tenant and roles.
func (d *Desk) touched(ctx context.Context, by *By, id string) (store.User, error) {
	u, err := d.Store.Users().User(ctx, id)
	if err == nil {
		err = d.mayTouch(by, &u)
	}
	return u, err
}

// Factor is what operators see of a second factor.
type Factor struct {
	ID     string    `json:"id"`
	Kind   string    `json:"kind"` // "app" or "passkey"
	Name   string    `json:"name,omitempty"`
	Synced bool      `json:"synced,omitempty"` // a passkey that may be on several devices
	Made   time.Time `json:"made,omitzero"`
	Used   time.Time `json:"used,omitzero"`
}

// SecondFactors returns a person's second factors, and how many recovery codes are
// left.
func (d *Desk) SecondFactors(ctx context.Context, by By, id string) (list []Factor, recovery int, err error) {
	if d.Accounts == nil {
		return nil, 0, errNoPeople
	}
	u, err := d.user(ctx, &by, id)
	if err != nil {
		return nil, 0, err
	}
	f, err := d.Accounts.Factors(ctx, &u)
	list = []Factor{}
	if f.App {
		list = append(list, Factor{ID: people.App, Kind: people.App})
	}
	for _, k := range f.Passkeys {
		list = append(list, Factor{ID: people.FactorID(&k), Kind: "passkey", Name: k.Name, Synced: k.Synced, Made: k.Made, Used: k.Used})
	}
	return list, f.Recovery, err
}

// RemoveOneFactor takes one second factor away. Sessions and tokens end at once. It
// returns [store.ErrNotFound] for one that the person does not have.
func (d *Desk) RemoveOneFactor(ctx context.Context, by By, id, factor string) (Person, error) {
	return d.removeFactors(ctx, &by, id, func() error {
		_, err := d.Accounts.RemoveFactor(ctx, id, factor, store.Hash{}, by.Name)
		return err
	})
}

// RemoveSecondFactor takes all second factors and recovery codes away, for somebody
// who lost them. Sessions and tokens end at once.
func (d *Desk) RemoveSecondFactor(ctx context.Context, by By, id string) (Person, error) {
	return d.removeFactors(ctx, &by, id, func() error { return d.Accounts.RemoveFactors(ctx, id, by.Name) })
}

func (d *Desk) removeFactors(ctx context.Context, by *By, id string, remove func() error) (Person, error) {
	if d.Accounts == nil {
		return Person{}, errNoPeople
	}
	before, err := d.touched(ctx, by, id)
	if err != nil {
		return Person{}, err
	}
	if err := remove(); err != nil {
		return Person{}, err
	}
	after, err := d.Person(ctx, *by, id)
	d.record(ctx, by, "users.remove-second-factor", id, personOf(&before), after)
	return after, err
}

// RemovePerson forgets a person who still is as in the version.
func (d *Desk) RemovePerson(ctx context.Context, by By, id string, seen Version) error {
	if d.Accounts == nil {
		return errNoPeople
	}
	if err := by.reasoned(); err != nil {
		return err
	}
	u, err := d.touched(ctx, &by, id)
	if err != nil {
		return err
	}
	before := personOf(&u)
	if err := seen.still(before.Version()); err != nil {
		return err
	}
	if err := d.Accounts.Remove(ctx, id, by.Because, by.Name); err != nil {
		return err
	}
	d.record(ctx, &by, "users.remove", id, before, nil)
	return nil
}
