package wire

import "strings"

// kind is what a field name means to the gateway.
type kind uint8

const (
	ordinary          kind = iota
	hostKind               // routing
	lengthKind             // framing
	codingKind             // framing
	connectionKind         // hop-by-hop
	upgradeKind            // hop-by-hop
	expectKind             // answered here
	trailerKind            // hop-by-hop, announces
	teKind                 // hop-by-hop
	hopKind                // hop-by-hop, dropped
	forwardedKind          // only a trusted proxy may say it
	reservedKind           // dropped: it would make an application see another request, or is ours to say
	contentTypeKind        // from here on: may stand once
	authorizationKind      // ...
	cookieKind
	originKind
	userAgentKind
	refererKind
	rangeKind
	ifRangeKind
	ifModifiedSinceKind
	ifUnmodifiedSinceKind
	fromKind
	dateKind
	maxForwardsKind
	contentRangeKind
	contentLocationKind
	contentEncodingKind
	requestMethodKind
	requestHeadersKind
	requestPrivateNetworkKind
	apiKeyKind
	csrfTokenKind
	traceparentKind
	requestIDKind
	idempotencyKeyKind
	dpopKind
	fetchSiteKind
	fetchModeKind
	fetchDestKind
	webSocketKeyKind
	webSocketVersionKind
	locationKind
)

// kindOf classifies a field name, which is in lower case.
func kindOf(name string) kind {
	switch name {
	case "host":
		return hostKind
	case "content-length":
		return lengthKind
	case "transfer-encoding":
		return codingKind
	case "connection":
		return connectionKind
	case "upgrade":
		return upgradeKind
	case "expect":
		return expectKind
	case "trailer":
		return trailerKind
	case "te":
		return teKind
	case "keep-alive", "http2-settings":
		return hopKind
	case "forwarded", "x-forwarded", "x-real-ip", "true-client-ip", "x-client-ip", "x-cluster-client-ip",
		"cf-connecting-ip", "fastly-client-ip", "client-ip":
		return forwardedKind
	case "x-http-method-override", "x-http-method", "x-method-override", "x-rewrite-url",
		"client-cert", "client-cert-chain": // RFC 9440 section 4
		return reservedKind
	}
	if len(name) > 6 {
		switch {
		case name[0] == 'p' && strings.HasPrefix(name, "proxy-"):
			return hopKind
		case name[0] == 'g' && strings.HasPrefix(name, "gatehouse-"), name[0] == 'x' && strings.HasPrefix(name, "x-original-"):
			return reservedKind
		case name[0] == 'x' && strings.HasPrefix(name, "x-forwarded-"):
			return forwardedKind
		}
	}
	return singletonOf(name)
}

// singletonOf returns the kind of a field that RFC 9110 lets stand once.
func singletonOf(name string) kind {
	switch name {
	case "content-type":
		return contentTypeKind
	case "authorization":
		return authorizationKind
	case "cookie":
		return cookieKind
	case "origin":
		return originKind
	case "user-agent":
		return userAgentKind
	case "referer":
		return refererKind
	case "range":
		return rangeKind
	case "if-range":
		return ifRangeKind
	case "if-modified-since":
		return ifModifiedSinceKind
	case "if-unmodified-since":
		return ifUnmodifiedSinceKind
	case "from":
		return fromKind
	case "date":
		return dateKind
	case "max-forwards":
		return maxForwardsKind
	case "content-range":
		return contentRangeKind
	case "content-location":
		return contentLocationKind
	case "content-encoding":
		return contentEncodingKind
	case "location":
		return locationKind
	}
	return decisiveOf(name)
}

// decisiveOf returns the kind of the other fields that may stand once: a
// decision is made on them, and two readers could each take another one.
func decisiveOf(name string) kind {
	switch name {
	case "access-control-request-method":
		return requestMethodKind
	case "access-control-request-headers":
		return requestHeadersKind
	case "access-control-request-private-network":
		return requestPrivateNetworkKind
	case "x-api-key":
		return apiKeyKind
	case "x-csrf-token":
		return csrfTokenKind
	case "traceparent":
		return traceparentKind
	case "x-request-id":
		return requestIDKind
	case "idempotency-key":
		return idempotencyKeyKind
	case "dpop":
		return dpopKind
	case "sec-fetch-site":
		return fetchSiteKind
	case "sec-fetch-mode":
		return fetchModeKind
	case "sec-fetch-dest":
		return fetchDestKind
	case "sec-websocket-key":
		return webSocketKeyKind
	case "sec-websocket-version":
		return webSocketVersionKind
	}
	return ordinary
}

// onceInReply reports whether a reply may hold the field once only: where two
// would be read differently by a cache, a browser and us.
func (k kind) onceInReply() bool {
	return k == contentTypeKind || k == contentEncodingKind || k == contentRangeKind || k == locationKind
}

// foldedKind classifies the twin of a name in lower case and with hyphens for
// underscores.
func foldedKind(name string) kind {
	var twin [64]byte
	if len(name) > len(twin) {
		return ordinary
	}
	n := copy(twin[:], name)
	for i, c := range twin[:n] {
		if twin[i] = lowered[c]; c == '_' {
			twin[i] = '-'
		}
	}
	return kindOf(string(twin[:n]))
}

// endToEnd reports whether a field of that name is one that a Connection option
// must not take away (RFC 9110 section 7.6.1).
func endToEnd(name string) bool {
	switch kindOf(name) {
	case ordinary:
	case upgradeKind, teKind, hopKind:
		return false
	default:
		return true
	}
	for _, prefix := range [...]string{"x-", "content-", "accept", "access-control-", "if-", "sec-", "cache-", "set-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "via", "etag", "age", "allow", "vary", "expires", "last-modified", "pragma", "server", "signature", "signature-input",
		"tracestate", "baggage", "www-authenticate", "strict-transport-security", "retry-after", "digest", "priority":
		return true
	}
	return false
}

// inTrailer reports whether a field may stand in a trailer section: nothing that
// frames, routes, authenticates or describes the content may (RFC 9110 section 6.5.1).
func inTrailer(name string) bool {
	if name == "content-digest" { // RFC 9530 section 2
		return true
	}
	if strings.IndexByte(name, '_') >= 0 || kindOf(name) != ordinary {
		return false
	}
	for _, prefix := range [...]string{"content-", "access-control-", "if-", "sec-", "cache-", "set-", "x-"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	switch name {
	case "www-authenticate", "vary", "age", "expires", "pragma", "retry-after", "allow", "via", "strict-transport-security", "accept":
		return false
	}
	return true
}
