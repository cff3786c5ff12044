package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

const tokensUsage = `usage: gatehouse tokens revoke --jti ID [--issuer URL] --because WHY --author WHO                            one token
       gatehouse tokens revoke --grant ID [--issuer URL] --because WHY --author WHO                          every token with that grant_id
       gatehouse tokens revoke --subject SUB --issuer URL [--not-before WHEN] --because WHY --author WHO     every token of a subject that was issued until now
       gatehouse tokens list                                                                                 what is revoked and not yet expired
Revoked tokens are refused at once, on every gateway of this store. An entry lives until the last such token has expired.
`

// runTokens revokes tokens and lists what was revoked.
func runTokens(args []string, stdout, stderr io.Writer) int {
	return runVerb("tokens", tokensUsage, args, stdout, stderr, map[string]func(*entry, []string) error{
		"revoke": (*entry).revoke, "list": (*entry).listRevocations,
	})
}

func (e *entry) revoke(args []string) error {
	e.reasons()
	r := store.Revocation{At: time.Now()}
	var jti, grant, subject, before string
	e.flags.StringVar(&jti, "jti", "", "the token's jti")
	e.flags.StringVar(&grant, "grant", "", "the tokens' grant_id")
	e.flags.StringVar(&subject, "subject", "", "the tokens' sub")
	e.flags.StringVar(&r.Issuer, "issuer", "", "the tokens' iss, exactly; default is any issuer")
	e.flags.StringVar(&before, "not-before", "", "for a subject: tokens issued up to this second are revoked, such as 2027-06-30T12:00:00Z; default is now. Later than now where the issuer's clock is ahead")
	if err := e.none(args); err != nil {
		return err
	}
	n := 0
	for kind, s := range map[store.RevocationKind]string{store.RevokeToken: jti, store.RevokeGrant: grant, store.RevokeSubject: subject} {
		if s != "" {
			n++
			r.Kind, r.Subject = kind, s
		}
	}
	if n != 1 {
		return errors.New("one of --jti, --grant and --subject says what is revoked; write: gatehouse tokens revoke --jti ID --because WHY --author WHO")
	}
	r.Because, r.Author = strings.TrimSpace(e.because), strings.TrimSpace(e.author)
	if err := errors.Join(e.answered(), span(&r, before)); err != nil {
		return err
	}
	return e.with(func(ctx context.Context, f facts) error {
		e.unknownIssuer(r.Issuer)
		if err := f.Revocations().Revoke(ctx, r); err != nil {
			return err
		}
		if e.json {
			return e.print(revocationOf(&r))
		}
		what := fmt.Sprintf("%s %s is revoked", r.Kind, printable(r.Subject))
		if r.Kind == store.RevokeSubject {
			what = fmt.Sprintf("the tokens of %s issued until %s are revoked", printable(r.Subject), shown(r.Before, ""))
		}
		_, err := fmt.Fprintf(e.stdout, "%s; the last of them expires by %s\n", what, shown(r.Until, ""))
		return err
	})
}

// span sets the times of a revocation.
func span(r *store.Revocation, before string) error {
	r.Until = r.At.Add(store.TokenLife)
	if r.Kind != store.RevokeSubject {
		if before != "" {
			return fmt.Errorf("a %s is revoked whenever it was issued; leave --not-before out", r.Kind)
		}
		return nil
	}
	if r.Issuer == "" {
		return errors.New("a subject is one issuer's; write: --issuer https://login.example.com")
	}
	now := (&store.Ending{Issuer: r.Issuer, At: r.At}).Subject(r.Subject)
	r.Before, r.Until = now.Before, now.Until
	if before != "" {
		var err error
		if r.Before, err = moment(before, r.At); err != nil {
			return err
		}
		if r.Before.After(r.At.AddDate(0, 0, 1)) {
			return fmt.Errorf("%s is more than a day ahead: until then nobody of that name could log in; write: gatehouse block add principal SUBJECT", shown(r.Before, ""))
		}
	}
	if last := r.Before.Add(store.TokenLife); last.After(r.Until) {
		r.Until = last
	}
	return nil
}

// unknownIssuer warns of an issuer that the configuration does not name: such an
// entry may revoke nothing.
func (e *entry) unknownIssuer(issuer string) {
	if issuer == "" || e.file == nil {
		return
	}
	known := []string{}
	for _, a := range e.file.APIs {
		if len(a.Issuers) == 0 {
			return // written in the control's own block
		}
		known = append(known, a.Issuers...)
	}
	if !slices.Contains(known, issuer) {
		slices.Sort(known)
		fmt.Fprintf(e.stderr, "gatehouse %s: warning: no API takes tokens of %s, only of %s\n", e.name, printable(issuer), strings.Join(slices.Compact(known), ", "))
	}
}

func (e *entry) listRevocations(args []string) error {
	if err := e.none(args); err != nil {
		return err
	}
	return e.with(func(ctx context.Context, f facts) error {
		list, err := f.Revocations().List(ctx, time.Now())
		if err != nil {
			return err
		}
		if e.json {
			out := []revocationJSON{}
			for i := range list {
				out = append(out, revocationOf(&list[i]))
			}
			return e.print(out)
		}
		rows := [][]string{{"KIND", "SUBJECT", "ISSUER", "ISSUED UNTIL", "REVOKED", "FORGOTTEN", "AUTHOR", "BECAUSE"}}
		for _, r := range list {
			rows = append(rows, []string{string(r.Kind), r.Subject, dash(r.Issuer), shown(r.Before, "-"), shown(r.At, "-"), shown(r.Until, "-"), r.Author, r.Because})
		}
		return e.table(rows)
	})
}

// revocationJSON is a revocation as it is printed for programs. Times are RFC 3339.
type revocationJSON struct {
	Kind      string `json:"kind"`
	Subject   string `json:"subject"`
	Issuer    string `json:"issuer,omitempty"`
	NotBefore string `json:"not_before,omitempty"`
	Because   string `json:"because"`
	Author    string `json:"author"`
	At        string `json:"at"`
	Until     string `json:"until"`
}

func revocationOf(r *store.Revocation) revocationJSON {
	return revocationJSON{string(r.Kind), r.Subject, r.Issuer, shown(r.Before, ""), r.Because, r.Author, shown(r.At, ""), shown(r.Until, "")}
}
