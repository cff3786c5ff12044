package people

import (
	"errors"
	"net/http"

	"github.com/gatehouse-api/gatehouse/idp/sso"
	"github.com/gatehouse-api/gatehouse/store"
)

// purposeFarewell is what the end of a way to the provider and back is sealed for.
const purposeFarewell = "sso farewell"

// farewell returns where the browser goes so that the session of the provider ends,
// too, or "". Our own has ended already, whatever becomes of this. then is where the
// browser goes in the end: an address that is registered, or "" for a page of ours.
func (v *visit) farewell(was *store.BrowserSession, then string) string {
	c := v.p.connections.ByName(was.Connection)
	if c == nil || !c.SignOut || len(was.Upstream) == 0 {
		return ""
	}
	ender, ok := c.Protocol.(sso.Ender)
	if !ok {
		return ""
	}
	away, err := v.end(ender, was, then)
	if err != nil {
		v.p.log.Warn("a provider was not told of a sign-out", "connection", c.Name, "subject", was.User, "error", err)
		return ""
	}
	return away
}

func (v *visit) end(ender sso.Ender, was *store.BrowserSession, then string) (string, error) {
	upstream, err := v.p.options.Key.unlock(purposeUpstream, was.User, was.Upstream)
	if err != nil {
		return "", err
	}
	h := handle()
	away, err := ender.End(v.r.Context(), upstream, h)
	if err != nil || away == "" {
		return "", err
	}
	return away, v.keep(purposeFarewell, h, []byte(then), v.at.Add(sso.JourneyLife))
}

// gone is what follows when somebody signs out on a page of ours.
func (v *visit) gone(was store.BrowserSession) error {
	away := v.farewell(&was, "")
	if away == "" {
		return v.goTo(pathSignIn)
	}
	v.show(http.StatusOK, "away", page{Title: "You are signed out here", Away: away})
	return nil
}

// backFromFarewell serves who comes back from signing out at a provider. Where they
// go on is what was kept; who brings nothing that was kept is told that they are out.
func (p *People) backFromFarewell(w http.ResponseWriter, r *http.Request) {
	v := &visit{p: p, w: w, r: r, at: p.now(), action: r.URL.Path}
	then, err := v.takeFarewell(r.URL.Query().Get("state"))
	switch {
	case err != nil:
		v.fail(err)
	case then != "":
		http.Redirect(w, r, then, http.StatusSeeOther)
	default:
		v.show(http.StatusOK, "message", page{Title: "You are signed out", Next: pathSignIn})
	}
}

func (v *visit) takeFarewell(h string) (then string, err error) {
	text, err := v.taken(purposeFarewell, h)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return string(text), err
}
