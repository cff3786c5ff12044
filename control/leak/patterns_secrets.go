package leak

import (
	"bytes"
	"slices"
)

// key returns what stands around a key: neither a word nor the beginning of a token before
// it, and at least so many bytes of the class behind its prefix.
func key(of class, least int) rest { return rest{alone: true, of: of, least: least, but: inToken} }

// secrets are keys, tokens, hashes of passwords and connection strings, by the
// prefixes that issuers gave them.
var secrets = slices.Concat(
	everywhere(secretKey, always, "PRIVATE KEY-----", "PRIVATE KEY BLOCK-----", "PuTTY-User-Key-File-", "AGE-SECRET-KEY-1"),
	// Amazon. The key's id stands in every pre-signed URL, and is no secret there.
	everywhere(secretKey, rest{alone: true, of: digits | upper, least: 16, exact: true, but: presigned}, "AKIA", "ASIA"),
	everywhere(secretKey, key(more, 1), "aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"),
	// Google, Azure
	everywhere(secretKey, key(word, 35), "AIza"),
	everywhere(secretKey, key(word, 20), "ya29.", "GOCSPX-"),
	everywhere(secretKey, rest{of: base64, least: 40}, "AccountKey=", "SharedAccessKey="),
	// Code hosts and registries
	everywhere(secretKey, key(alnum, 36), "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "npm_"),
	everywhere(secretKey, key(word, 40), "github_pat_"),
	everywhere(secretKey, key(word, 20), "glpat-", "glrt-", "glptt-", "pypi-AgE"),
	// Chat and mail
	everywhere(secretKey, key(word, 16), "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xapp-1-"),
	everywhere(secretKey, rest{of: digits | upper, least: 8}, "hooks.slack.com/services/", `hooks.slack.com\/services\/`),
	everywhere(secretKey, rest{of: digits, least: 8}, "discord.com/api/webhooks/", `discord.com\/api\/webhooks\/`),
	everywhere(secretKey, rest{of: alnum, least: 8}, "webhook.office.com/webhookb2/", `webhook.office.com\/webhookb2\/`),
	// Payment and commerce
	everywhere(secretKey, key(alnum, 16), "sk_live_", "rk_live_"),
	everywhere(secretKey, key(alnum, 32), "shpat_", "shpca_", "shpss_"),
	everywhere(secretKey, key(word, 22), "sq0atp-", "sq0csp-"),
	everywhere(secretKey, key(lower|digits, 8), "access_token$production$"),
	// Clouds and services
	everywhere(secretKey, key(lower|digits, 64), "dop_v1_", "doo_v1_"),
	everywhere(secretKey, key(word, 24), "hvs.", "sk-ant-", "sk-proj-", "ATATT3xFf", "glsa_", "PMAK-", "NRAK-", "sntrys_"),
	// Tokens. In a success they are what somebody asked for.
	inErrors(secretKey, rest{alone: true, read: compact}, "eyJhbGci", "eyJ0eXAi", "eyJraWQi", "eyJjdHki", "eyJlbmMi", "eyJ4NXQ"),
	inErrors(secretKey, rest{of: word, least: 20}, "Bearer "),
	inErrors(secretKey, rest{of: base64, least: 8}, "Authorization: Basic "),

	everywhere(passwordHash, rest{read: bcrypt}, "$2a$", "$2b$", "$2x$", "$2y$"),
	everywhere(passwordHash, always, "$argon2i$", "$argon2d$", "$argon2id$", "$scrypt$", "$pbkdf2-", "$6$rounds=", "$5$rounds=", "$y$j9T$"),
	everywhere(passwordHash, aNumber, "pbkdf2_sha256$", "pbkdf2_sha1$", "pbkdf2:sha256:", "pbkdf2:sha512:", "scrypt:32768:"),
	everywhere(passwordHash, rest{of: base64, least: 22}, "$apr1$", "{SSHA}", "{SSHA512}", "$P$B"),

	everywhere(connection, rest{alone: true, read: userinfo}, "postgres:", "postgresql:", "mysql:", "mariadb:", "mongodb:", "mongodb+srv:", "redis:", "rediss:", "amqp:", "amqps:",
		"mssql:", "sqlserver:", "oracle:", "ldap:", "ldaps:", "smtp:", "smtps:", "ftp:", "sftp:", "clickhouse:"),
	everywhere(connection, rest{read: given}, ";Password=", "; Password=", ";password=", ";PWD=", ";Pwd="),
	inErrors(connection, rest{read: given}, " password=", "&password=", "?password=", "PASSWORD=", "DATABASE_URL="),
)

// presigned reports whether what ends here is the part of a signed URL before
// the id of the key.
func presigned(b []byte) bool {
	for _, name := range [...]string{"X-Amz-Credential=", "X-Amz-Credential%3D", "AWSAccessKeyId=", "Credential="} {
		if bytes.HasSuffix(b, []byte(name)) {
			return true
		}
	}
	return false
}

// inToken reports whether what begins behind b is a part, but not the first, of a JWS or
// JWE in compact form (RFC 7515 section 7.1, RFC 7516 section 7.1). Such a part is as good
// as random: of five million signatures one begins like a key.
func inToken(b []byte) bool {
	const mostDots = 4 // before the last part of a JWE; and no body is walked through for every dot in it
	at, dots := len(b), 0
	for at > 0 && dots <= mostDots && (word.has(b[at-1]) || b[at-1] == '.') {
		if at--; b[at] == '.' {
			dots++
		}
	}
	return dots > 0 && dots <= mostDots && bytes.HasPrefix(b[at:], []byte("eyJ"))
}

// compact reports whether b goes on like a JWS or JWE in compact form (RFC 7515
// section 7.1): base64url, a dot, more base64url.
func compact(b []byte) bool {
	n := word.run(b)
	return n+1 < len(b) && b[n] == '.' && word.run(b[n+1:]) >= 8
}

// bcrypt reports whether b begins with two digits of cost, a dollar sign and the
// 22 bytes of a salt.
func bcrypt(b []byte) bool {
	const salt = 22
	return len(b) >= 3+salt && digits.has(b[0]) && digits.has(b[1]) && b[2] == '$' && base64.run(b[3:]) >= salt
}

// userinfo reports whether b goes on like a URL that holds a password (RFC 3986
// section 3.2.1). A password of asterisks has been masked before, and one in
// angle brackets or braces stands for another.
func userinfo(b []byte) bool {
	const longest = 256
	switch {
	case bytes.HasPrefix(b, []byte("//")):
		b = b[2:]
	case bytes.HasPrefix(b, []byte(`\/\/`)):
		b = b[4:]
	default:
		return false
	}
	colon, told := -1, false
	for i, c := range b[:min(len(b), longest)] {
		switch {
		case c == '@':
			return told
		case c <= ' ' || c == '"' || c == '/' || c == '\\' || c == '<' || c == '{' || c == '[':
			return false
		case c == ':' && colon < 0:
			colon = i
		case colon >= 0 && c != '*':
			told = true
		}
	}
	return false
}

// given reports whether a value follows that is not masked.
func given(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	switch b[0] {
	case ' ', ';', '*', '"', '\'', '\\', '<', '{', '[', '&', '.':
		return false
	}
	return true
}
