// Package host holds what every door has in common: the limits where no control
// says otherwise, and the answers to what a door alone can see. Callers must not
// be able to tell by an answer which door they came through.
package host

import "github.com/gatehouse-api/gatehouse"

// DefaultReplyLimit is the most bytes of a reply's body that are held whole.
const DefaultReplyLimit = 4 << 20

// defaultItemLimit is the most bytes of one item of a sequence.
const defaultItemLimit = 1 << 20

// defaultBodyLimit is the most bytes of a request's body, where no control says
// otherwise.
const defaultBodyLimit = 1 << 20

// Forfeited is why an exchange was aborted that had outlived its caller's proof.
const Forfeited = "the caller's proof holds no more"

// The answers that doors share.
var (
	BodyTooLarge  = gatehouse.Answer{Status: 413, Reason: "proxy.body_too_large", Public: "The request body is too large"}
	ClientGone    = gatehouse.Answer{Status: 400, Reason: "proxy.client_gone", Public: "The request body is incomplete"}
	ReplyTooLarge = gatehouse.Answer{Status: 502, Reason: "proxy.reply_too_large", Public: "The service is unavailable"}
	ItemTooLarge  = gatehouse.Answer{Status: 502, Reason: "proxy.item_too_large", Public: "The service is unavailable"}
	ItemMalformed = gatehouse.Answer{Status: 502, Reason: "proxy.item_malformed", Public: "The service is unavailable"}
	NoUpgrade     = gatehouse.Answer{Status: 400, Reason: "proxy.upgrade", Public: "This endpoint does not take upgrades"}
)

// ReplyLimit returns the most bytes of x's reply that are held whole.
func ReplyLimit(x *gatehouse.Exchange) int64 {
	if x.Response.BodyLimit > 0 {
		return x.Response.BodyLimit
	}
	return DefaultReplyLimit
}

// Partial reports whether the steps decide on a reply by its beginning. Of an error
// no part leaves that nobody has looked at.
func Partial(x *gatehouse.Exchange) bool { return x.Response.Partial && x.Response.Status < 300 }

// OfTheWrite reports whether a request's field speaks of the write that it carries,
// and not of the look-up of the object before it.
func OfTheWrite(name string) bool {
	switch name {
	case "content-type", "content-encoding", "content-language", "if-match", "if-none-match", "if-modified-since",
		"if-unmodified-since", "range", "if-range", "idempotency-key", "digest", "content-digest":
		return true
	}
	return false
}

// BodyLimit returns the most bytes of x's request body that are read.
func BodyLimit(x *gatehouse.Exchange) int64 {
	if x.Request.BodyLimit > 0 {
		return x.Request.BodyLimit
	}
	return defaultBodyLimit
}
