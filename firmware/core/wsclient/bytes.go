package wsclient

// all reports whether each byte of s is ok.
func all(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func has(s string, c byte) bool {
	for i := range len(s) {
		if s[i] == c {
			return true
		}
	}
	return false
}

func visible(c byte) bool { return c > ' ' && c < 0x7f }

func printable(c byte) bool { return c >= ' ' && c < 0x7f }

func headerByte(c byte) bool { return c >= ' ' && c != 0x7f || c == '\t' }

// token is for names (RFC 9110 section 5.6.2).
func token(c byte) bool {
	switch {
	case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		return true
	}
	return has("!#$%&'*+-.^_`|~", c)
}

func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
