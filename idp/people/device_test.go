package people

import (
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/idp"
)

const devicePrefilled = "/device?user_code=BCDF-GHJK"

func TestAPersonConnectsADevice(t *testing.T) {
	h := newHouse(t, nil)
	u := h.add(alice)
	secret, _ := h.withFactor(u)
	b := h.browser()
	b.get("/device").want(200, "Sign in").post("/device", "name", alice, "password", secretWord).want(200, "One more step")
	b.post("/device", "code", h.code(secret)).want(303, "")
	b.get("/device").want(200, "Only write a code that a device of yours shows")
	b.post("/device", "user_code", "bcdf ghjk").want(303, "")
	if to := b.header.Get("Location"); to != authorize {
		t.Fatalf("sent to %q", to)
	}
	b.get(authorize).want(200, "<code>BCDF-GHJK</code>").want(200, "The App").want(200, "know that it is you").want(200, "If somebody sent you the code")
	b.post(authorize, "decision", "allow").want(200, "PROVEN "+u.ID+" aal2")
}

func TestACodeInTheAddressIsShownAndNeverEntered(t *testing.T) {
	h := newHouse(t, nil)
	h.add(alice)
	b := h.browser()
	b.get(devicePrefilled).want(200, "Sign in").post(devicePrefilled, "name", alice, "password", secretWord).want(303, "")
	if to := b.header.Get("Location"); to != devicePrefilled {
		t.Errorf("sent to %q", to)
	}
	b.get(devicePrefilled).want(200, `value="BCDF-GHJK"`)
	if h.entered != 0 {
		t.Fatal("a link entered a code")
	}
	b.get("/device?user_code=%22%3E%3Cscript%3E").want(200, `maxlength="16" aria-describedby="warning" value=""`)
	b.get(devicePrefilled).post(devicePrefilled, "user_code", "BCDF-GHJK").want(303, "")
	if h.entered != 1 {
		t.Errorf("entered %d times", h.entered)
	}
}

func TestADeviceIsAlwaysAskedAboutAndCanBeDenied(t *testing.T) {
	h := newHouse(t, nil)
	h.add(alice)
	b := h.browser()
	b.signIn(alice, secretWord).want(200, "PROVEN")
	for range 2 { // the operator's own client, and what was allowed before
		b.get("/device").post("/device", "user_code", "BCDF-GHJK").want(303, "")
		b.get(authorize).want(200, "Do you connect this device?").post(authorize, "decision", "allow").want(200, "PROVEN")
	}
	b.get("/device").post("/device", "user_code", "BCDF-GHJK").want(303, "")
	b.get(authorize).post(authorize, "decision", "deny").want(200, "REFUSED access_denied")
}

func TestAPersonWritesFiveCodesInTenMinutes(t *testing.T) {
	h := newHouse(t, nil)
	h.add(alice)
	b := h.browser()
	b.signIn(alice, secretWord)
	for range idp.DeviceTries {
		b.get("/device").post("/device", "user_code", "ZZZZ-ZZZZ").want(200, "This code is not known")
	}
	b.get("/device").post("/device", "user_code", "BCDF-GHJK").want(429, "too many tries")
	other := h.browser() // another browser of hers counts with it
	other.signIn(alice, secretWord).get("/device").post("/device", "user_code", "BCDF-GHJK").want(429, "too many tries")
	if h.entered != 0 {
		t.Error("the sixth code was entered")
	}
	h.later(2*idp.DeviceLife + time.Second)
	b.get("/device").post("/device", "user_code", "BCDF-GHJK").want(303, "")
}

func TestAForeignFormEntersNoCode(t *testing.T) {
	h := newHouse(t, nil)
	h.add(alice)
	b := h.browser()
	b.signIn(alice, secretWord)
	f := b.get("/device").fields()
	f.Set("user_code", "BCDF-GHJK")
	b.send("/device", f, "https://evil.example").want(403, "")
	f.Set("csrf", "x")
	b.send("/device", f, h.server.URL).want(403, "")
	h.browser().get("/device").post("/device", "step", "device", "user_code", "BCDF-GHJK").want(200, "Sign in")
	if h.entered != 0 {
		t.Error("a foreign form entered a code")
	}
}

func TestADeviceThatAsksForTwoFactorsGetsThem(t *testing.T) {
	h := newHouse(t, nil)
	u := h.add(alice)
	secret, _ := h.withFactor(u)
	b := h.browser()
	b.signIn(alice, secretWord).post(authorize, "code", h.code(secret)).want(200, "PROVEN "+u.ID+" aal2")
	h.ask(idp.Pending{UserCode: "BCDF-GHJK", ACR: []string{idp.AAL2}, Prompt: []string{"consent"}})
	b.get(authorize).want(200, "Do you connect this device?").post(authorize, "decision", "allow").want(200, "PROVEN "+u.ID+" aal2")
	c := h.browser()
	c.get("/device") // nobody is signed in: an authorization of a device asks all the same
	c.get(authorize).want(200, "Sign in")
}
