package mqtt

// Address says where a broker is and who logs in there.
type Address struct {
	Host string // name, or IP address without brackets
	Port uint16
	// User and Password may be empty. A password without a user name is sent
	// with an empty one.
	User, Password string
}

const defaultPort = 1883

// ParseURL reads mqtt://[user:password@]host[:port]. What means something in a
// URL is written with a percent sign in user and password, as %40 for @.
func ParseURL(url string) (Address, error) {
	const plain, tls = "mqtt://", "mqtts://"
	switch {
	case hasPrefix(url, tls):
		return Address{}, ErrTLS
	case !hasPrefix(url, plain):
		return Address{}, ErrURL
	}
	rest := url[len(plain):]
	if n := len(rest); n > 0 && rest[n-1] == '/' {
		rest = rest[:n-1]
	}
	a := Address{Port: defaultPort}
	ok := true
	if at := lastIndex(rest, '@'); at >= 0 {
		ok = a.login(rest[:at])
		rest = rest[at+1:]
	}
	if !ok || !a.place(rest) {
		return Address{}, ErrURL
	}
	return a, nil
}

// login reads user:password.
func (a *Address) login(s string) bool {
	user, password := s, ""
	for i := range len(s) {
		if s[i] == ':' {
			user, password = s[:i], s[i+1:]
			break
		}
	}
	var ok, too bool
	a.User, ok = unescape(user)
	a.Password, too = unescape(password)
	return ok && too
}

// place reads host:port.
func (a *Address) place(s string) bool {
	host, port := s, ""
	colon := lastIndex(s, ':')
	if len(s) > 0 && s[0] == '[' {
		end := lastIndex(s, ']')
		if end < 0 || end+1 < len(s) && s[end+1] != ':' {
			return false
		}
		host, colon = s[1:end], end+1
	} else if colon >= 0 {
		host = s[:colon]
	}
	if colon >= 0 && colon < len(s) {
		port = s[colon+1:]
		if !a.port(port) {
			return false
		}
	}
	a.Host = host
	for i := range len(host) {
		if !hostByte(host[i], s[0] == '[') {
			return false
		}
	}
	return len(host) > 0 && len(host) <= 253
}

func (a *Address) port(s string) bool {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' || n > 6553 {
			return false
		}
		n = n*10 + int(s[i]-'0')
	}
	a.Port = uint16(n)
	return n > 0 && n <= 65535
}

// hostByte reports whether b may be in a name or, in brackets, an IPv6 address.
func hostByte(b byte, brackets bool) bool {
	switch {
	case b >= '0' && b <= '9', b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b == '.':
		return true
	case brackets:
		return b == ':' || b == '%'
	}
	return b == '-' || b == '_'
}

// unescape decodes %XX. What is not escaped is taken as it is, but for what
// ends this part of a URL.
func unescape(s string) (string, bool) {
	escapes := 0
	for i := range len(s) {
		switch s[i] {
		case '%':
			escapes++
		case '/', '?', '#':
			return "", false
		}
	}
	if escapes == 0 {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) || hexDigit(s[i+1]) < 0 || hexDigit(s[i+2]) < 0 {
			return "", false
		}
		b = append(b, byte(hexDigit(s[i+1])<<4|hexDigit(s[i+2])))
		i += 2
	}
	return string(b), true
}

// hexDigit is the value of a digit, negative if it is none.
func hexDigit(b byte) int {
	switch {
	case b >= '0' && b <= '9':
		return int(b - '0')
	case b >= 'a' && b <= 'f':
		return int(b-'a') + 10
	case b >= 'A' && b <= 'F':
		return int(b-'A') + 10
	}
	return -1
}

func hasPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && s[:len(prefix)] == prefix
}

func lastIndex(s string, b byte) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == b {
			return i
		}
	}
	return -1
}
