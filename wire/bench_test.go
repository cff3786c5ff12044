package wire

import (
	"testing"

	"github.com/gatehouse-api/gatehouse"
)

func BenchmarkAppendResponseHead(b *testing.B) {
	p := &gatehouse.Response{Status: 200, Fields: gatehouse.Fields{{Name: "server", Value: "nginx"}, {Name: "date", Value: "Sat, 21 Nov 2026 20:00:00 GMT"}, {Name: "content-type", Value: "application/json"},
		{Name: "vary", Value: "Origin"}, {Name: "access-control-allow-origin", Value: "https://app.example.com"}, {Name: "access-control-expose-headers", Value: "X-Request-Id, Retry-After, RateLimit, RateLimit-Policy"},
		{Name: "x-content-type-options", Value: "nosniff"}, {Name: "x-frame-options", Value: "DENY"}, {Name: "referrer-policy", Value: "no-referrer"}, {Name: "permissions-policy", Value: "geolocation=(), camera=(), microphone=()"},
		{Name: "content-security-policy", Value: "default-src 'none'; frame-ancestors 'none'"}, {Name: "strict-transport-security", Value: "max-age=63072000; includeSubDomains"}, {Name: "x-request-id", Value: "01KAQZ8D8X8Q8V3S1T1WQ6ZJ8K"},
		{Name: "cache-control", Value: "no-store"}, {Name: "x-ratelimit-limit", Value: "1000000"}, {Name: "x-ratelimit-remaining", Value: "999999"}, {Name: "x-ratelimit-reset", Value: "1795334551"},
		{Name: "ratelimit-policy", Value: `"user";q=1000000;w=1`}, {Name: "ratelimit", Value: `"user";r=999999;t=1`}}}
	var out []byte
	for b.Loop() {
		out, _ = AppendResponseHead(out[:0], p, Length, 1017, false)
	}
}
