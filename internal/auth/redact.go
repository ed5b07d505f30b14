package auth

import (
	"net/url"
	"strings"
)

// redacted stands in logs for what must not be there.
const redacted = "REDACTED"

// RedactURL makes a URL, or the path and query of a request, fit for a log: the
// values of token=, key= and what cameras use for passwords, and the password
// of user:password@host, are replaced. It takes any text.
func RedactURL(s string) string {
	s = redactUser(s)
	base, query, found := strings.Cut(s, "?")
	if !found {
		return s
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		pairs[i] = redactPair(pair)
	}
	return base + "?" + strings.Join(pairs, "&")
}

// redactPair hides the value of a secret parameter up to its end. Some servers
// take ";" and "#" for separators too.
func redactPair(pair string) string {
	start := 0
	for {
		end := strings.IndexAny(pair[start:], ";#")
		part := pair[start:]
		if end >= 0 {
			part = part[:end]
		}
		if name, _, ok := strings.Cut(part, "="); ok && isSecretName(name) {
			return pair[:start] + name + "=" + redacted
		}
		if end < 0 {
			return pair
		}
		start += end + 1
	}
}

// isSecretName knows a query parameter also when its name is percent-encoded.
func isSecretName(name string) bool {
	if plain, err := url.QueryUnescape(name); err == nil {
		name = plain
	}
	switch strings.ToLower(name) {
	case "token", "key", "password", "passwd", "pass", "pwd", "loginpas", "secret", "auth", "access_token":
		return true
	}
	return false
}

func redactUser(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || strings.ContainsAny(scheme, "/?#") {
		return s
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	at := strings.LastIndexByte(rest[:end], '@')
	if at < 0 {
		return s
	}
	user, _, hasPassword := strings.Cut(rest[:at], ":")
	if !hasPassword {
		return s
	}
	return scheme + "://" + user + ":" + redacted + rest[at:]
}
