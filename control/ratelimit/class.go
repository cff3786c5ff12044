package ratelimit

import (
	"slices"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/words"
)

// class is what an operation does, as far as its limit is concerned.
type class struct {
	name   string
	preset Rate
	silent bool // nobody is told that there is a limit
	auth   bool // secrets can be guessed here
}

var (
	authentication = class{name: "auth", preset: Rate{5, time.Minute}, auth: true}
	reset          = class{name: "reset", preset: Rate{3, time.Hour}, auth: true, silent: true}
	search         = class{name: "search", preset: Rate{60, time.Minute}}
	write          = class{name: "write", preset: Rate{50, time.Minute}}
	read           = class{name: "read", preset: Rate{1000, time.Minute}}
)

var (
	authWords   = []string{"login", "signin", "logon", "token", "otp", "totp", "mfa", "2fa", "authenticate", "password", "passwd"}
	resetWords  = []string{"reset", "forgot", "forgotten", "recover", "recovery"}
	searchWords = []string{"search", "query", "find", "lookup", "autocomplete", "suggest"}
)

// classify tells what an operation does from its method and from the words of
// its id and its path. Where in doubt the tighter class wins.
func classify(op gatehouse.Operation) class {
	said := append(words.Of(op.ID()), words.OfPath(op.Template())...)
	has := func(list []string) bool {
		return slices.ContainsFunc(said, func(w string) bool { return slices.Contains(list, w) })
	}
	// "sign in" and "log in" may be two words.
	pair := func(a, b string) bool {
		i := slices.Index(said, a)
		return i >= 0 && i+1 < len(said) && said[i+1] == b
	}
	safe := op.Method() == "GET" || op.Method() == "HEAD" || op.Method() == "OPTIONS"
	switch {
	case !safe && has(resetWords) && (has(authWords) || has([]string{"account", "credentials"}) || has([]string{"forgot", "forgotten"})):
		return reset
	case !safe && (has(authWords) || pair("sign", "in") || pair("log", "in")):
		return authentication
	case has(searchWords):
		return search
	case safe:
		return read
	}
	return write
}
