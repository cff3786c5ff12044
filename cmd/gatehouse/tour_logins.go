package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// besiege plays the attacks on the authorization server.
func (t *tour) besiege(ctx context.Context) error {
	t.show.siege()
	for i, a := range sieges() {
		t.attacks++
		s, err := t.scene(ctx, a.who, i+1)
		if err != nil {
			return fmt.Errorf("tour: %s: %w", a.name, err)
		}
		r, err := a.play(s)
		s.client.http.CloseIdleConnections()
		fault := ""
		switch {
		case err != nil:
			fault = err.Error()
		case r.status != a.status || !strings.Contains(r.body, a.says):
			fault = fmt.Sprintf("got %d %.80s, want %d %s", r.status, r.body, a.status, a.says)
		}
		if fault == "" {
			t.stopped++
		} else {
			t.faults = append(t.faults, fmt.Sprintf("attack %d, %s: %s", t.attacks, a.name, fault))
		}
		t.show.besieged(t.attacks, &a, r.status, fault == "")
	}
	return nil
}

// loginVisit is a legitimate use of the authorization server: it must work.
type loginVisit struct {
	name string
	who  string
	play func(*scene) error
}

func loginVisits() []loginVisit {
	return []loginVisit{
		{"a person signs in by the pages, consents, and the API answers", "bob", func(s *scene) error { _, err := s.signedIn(); return err }},
		{"the second time nobody is asked anything", "mallory", func(s *scene) error {
			if _, _, err := s.code(); err != nil {
				return err
			}
			l, request := s.client.begin(append([]string{"openid", "offline_access"}, s.person.scopes...), url.Values{"prompt": {"none"}})
			away, err := s.browser.Open(s, request)
			if err != nil || away == nil {
				return fmt.Errorf("a page: status %d, %w", s.browser.Status, err)
			}
			_, err = s.client.redeem(s, away.Query(), l)
			return err
		}},
		{"a client refreshes, and repeats itself after a lost answer", "alice", func(s *scene) error {
			t, err := s.signedIn()
			if err != nil {
				return err
			}
			if _, err = s.client.refresh(s, t.Refresh); err != nil {
				return err
			}
			again, err := s.client.refresh(s, t.Refresh)
			if err != nil {
				return err
			}
			return s.opens(again.Access)
		}},
	}
}

// welcomeLogins plays the legitimate uses of the authorization server.
func (t *tour) welcomeLogins(ctx context.Context) error {
	for i, e := range loginVisits() {
		t.visits++
		s, err := t.scene(ctx, e.who, 100+i)
		if err != nil {
			return fmt.Errorf("tour: %s: %w", e.name, err)
		}
		err = e.play(s)
		s.client.http.CloseIdleConnections()
		status := http.StatusOK
		if err != nil {
			t.refused++
			status = 0
			t.faults = append(t.faults, fmt.Sprintf("request %d, %s: %v", t.visits, e.name, err))
		}
		t.show.visit(t.visits, &visit{name: e.name}, status, problem(err))
	}
	return nil
}
