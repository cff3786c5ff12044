package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/idp/people"
	"github.com/gatehouse-api/gatehouse/internal/password"
	"github.com/gatehouse-api/gatehouse/store"
)

// peopleKeyName is the file of the state folder with the key that seals second
// factors and links.
const peopleKeyName = "people.key"

// openPeople makes the pages that the configuration describes.
func openPeople(f *config.File, facts facts, kept *gatehouse.Kept, blocked func() (*password.List, error), log *slog.Logger) (*people.People, error) {
	c := f.IDP.People
	key, err := people.OpenKey(filepath.Join(f.State, peopleKeyName))
	if err != nil {
		return nil, err
	}
	counters, err := gatehouse.Require[store.Counters](kept)
	if err != nil {
		return nil, err
	}
	connections, err := openSSO(f, facts.Once(), log)
	if err != nil {
		return nil, err
	}
	o := people.Options{
		Origin: f.IDP.Issuer, Product: c.Product, Store: facts, Key: key, Counters: counters,
		Register: c.Register, Blocked: blocked, ScopeTexts: c.Scopes, Connections: connections, Log: log,
		RPID: c.RPID, RequireSecondFactor: c.RequireSecondFactor,
		// The gateway's own ratelimit, preset for authentication, is in front of whatever
		// takes a password or a passkey, and as strict: a second count by address would
		// only be a second place to waive it at.
		Address: clientAddress, LimitedByAddress: true,
	}
	if m := c.Mail; m != nil && m.Folder != "" {
		o.Mail = people.Folder{Path: m.Folder, From: m.From}
	} else if m != nil {
		o.Mail = people.SMTP{Address: m.Server, From: m.From, User: m.User, Password: m.Password.Reveal()}
	}
	return people.New(o)
}

// blockedPasswords returns what reads the file of blocked passwords: once, and not
// before a password is checked. It may have millions of lines.
func blockedPasswords(f *config.File) func() (*password.List, error) {
	p := f.IDP.People
	if p == nil || p.Blocked == "" {
		return nil
	}
	return sync.OnceValues(func() (*password.List, error) {
		file, err := os.Open(p.Blocked)
		if err != nil {
			return nil, fmt.Errorf("blocked passwords: %w", err)
		}
		defer file.Close()
		return password.ReadList(file)
	})
}

// accountsOf changes the people of a configuration's authorization server.
func accountsOf(f *config.File, s people.Store, blocked func() (*password.List, error)) *people.Accounts {
	a := &people.Accounts{Store: s, Issuer: f.IDP.Issuer, Now: time.Now, Hasher: password.NewHasher()}
	if p := f.IDP.People; p != nil {
		a.Policy = password.Policy{Product: p.Product, Blocked: blocked, SecondFactor: p.RequireSecondFactor.Everybody()}
	}
	return a
}
