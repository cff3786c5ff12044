package ratelimit

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/gatehouse-api/gatehouse"
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
	words := wordsOf(op.ID())
	for s := range strings.SplitSeq(op.Template(), "/") {
		if !strings.HasPrefix(s, "{") {
			words = append(words, wordsOf(s)...)
		}
	}
	has := func(list []string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(list, w) })
	}
	// "sign in" and "log in" may be two words.
	pair := func(a, b string) bool {
		i := slices.Index(words, a)
		return i >= 0 && i+1 < len(words) && words[i+1] == b
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

// wordsOf splits a name at everything that is no letter or digit and at the
// humps of camel case, and returns its words in lower case.
func wordsOf(name string) []string {
	var words []string
	var word []rune
	flush := func() {
		if len(word) > 0 {
			words = append(words, strings.ToLower(string(word)))
		}
		word = word[:0]
	}
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
			continue
		case unicode.IsUpper(r) && i > 0 && (!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])):
			flush()
		}
		word = append(word, r)
	}
	flush()
	return words
}
