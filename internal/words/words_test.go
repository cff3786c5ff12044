package words

import (
	"strings"
	"testing"
)

func TestNamesAreTakenApart(t *testing.T) {
	for name, want := range map[string]string{
		"verifyMFACode": "verify mfa code", "verify-mfa_code": "verify mfa code", "listOrders": "list orders", "HTTPServer": "http server",
		"getOTP": "get otp", "POST /oauth/token": "post oauth token", "": "", "--": "", "v1": "v1", "ÜberAdmin": "über admin", "2fa": "2fa",
	} {
		if got := strings.Join(Of(name), " "); got != want {
			t.Errorf("%q: %q; want %q", name, got, want)
		}
	}
	if got := strings.Join(OfPath("/v1/admin-users/{token}/resetPassword"), " "); got != "v1 admin users reset password" {
		t.Errorf("a path: %q", got)
	}
}
