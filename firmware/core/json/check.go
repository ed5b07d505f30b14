package json

import "unicode/utf8"

// maxDepth bounds nesting, and so the stack.
const maxDepth = 8

// Valid reports whether p is one JSON value (RFC 8259), in UTF-8, nested at most
// eight deep.
func Valid(p []byte) bool {
	end, ok := value(p, blanks(p, 0), 0)
	return ok && blanks(p, end) == len(p) && utf8.Valid(p)
}

func blanks(p []byte, i int) int {
	for i < len(p) && (p[i] == ' ' || p[i] == '\t' || p[i] == '\n' || p[i] == '\r') {
		i++
	}
	return i
}

// value returns where the value that begins at i ends.
func value(p []byte, i, depth int) (end int, ok bool) {
	if i == len(p) || depth > maxDepth {
		return i, false
	}
	switch p[i] {
	case '{':
		return members(p, i+1, depth, '}')
	case '[':
		return members(p, i+1, depth, ']')
	case '"':
		return str(p, i+1)
	case 't':
		return word(p, i, "true")
	case 'f':
		return word(p, i, "false")
	case 'n':
		return word(p, i, "null")
	}
	return number(p, i)
}

// members checks what is in an object or an array.
func members(p []byte, i, depth int, closing byte) (end int, ok bool) {
	if i = blanks(p, i); i < len(p) && p[i] == closing {
		return i + 1, true
	}
	for {
		if closing == '}' {
			if i = blanks(p, i); i == len(p) || p[i] != '"' {
				return i, false
			}
			if i, ok = str(p, i+1); !ok {
				return i, false
			}
			if i = blanks(p, i); i == len(p) || p[i] != ':' {
				return i, false
			}
			i++
		}
		if i, ok = value(p, blanks(p, i), depth+1); !ok {
			return i, false
		}
		i = blanks(p, i)
		switch {
		case i == len(p):
			return i, false
		case p[i] == closing:
			return i + 1, true
		case p[i] != ',':
			return i, false
		}
		i++
	}
}

// str checks a string from behind its first quote.
func str(p []byte, i int) (end int, ok bool) {
	for ; i < len(p); i++ {
		switch c := p[i]; {
		case c == '"':
			return i + 1, true
		case c < ' ':
			return i, false
		case c == '\\':
			_, n := escape(p[i:])
			if n == 0 {
				return i, false
			}
			i += n - 1
		}
	}
	return i, false
}

// escape reads the escape sequence at the start of p: what it stands for, and
// its length; 0 if it is none. Half of a surrogate pair stands for U+FFFD.
func escape(p []byte) (r rune, n int) {
	if len(p) < 2 {
		return 0, 0
	}
	switch p[1] {
	case '"', '\\', '/':
		return rune(p[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	high, ok := unit(p)
	switch {
	case !ok:
		return 0, 0
	case high < 0xd800 || high > 0xdfff:
		return high, 6
	case high > 0xdbff:
		return utf8.RuneError, 6
	}
	if low, ok := unit(p[6:]); ok && low >= 0xdc00 && low <= 0xdfff {
		return (high-0xd800)<<10 + (low - 0xdc00) + 0x10000, 12
	}
	return utf8.RuneError, 6
}

// unit reads \uXXXX.
func unit(p []byte) (r rune, ok bool) {
	if len(p) < 6 || p[0] != '\\' || p[1] != 'u' {
		return 0, false
	}
	for _, c := range p[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

func word(p []byte, i int, w string) (end int, ok bool) {
	if len(p)-i < len(w) || string(p[i:i+len(w)]) != w {
		return i, false
	}
	return i + len(w), true
}

func number(p []byte, i int) (end int, ok bool) {
	if i < len(p) && p[i] == '-' {
		i++
	}
	if i < len(p) && p[i] == '0' {
		i++
	} else if i, ok = digits(p, i); !ok {
		return i, false
	}
	if i < len(p) && p[i] == '.' {
		if i, ok = digits(p, i+1); !ok {
			return i, false
		}
	}
	if i < len(p) && (p[i] == 'e' || p[i] == 'E') {
		i++
		if i < len(p) && (p[i] == '+' || p[i] == '-') {
			i++
		}
		return digits(p, i)
	}
	return i, true
}

func digits(p []byte, i int) (end int, ok bool) {
	begin := i
	for i < len(p) && p[i] >= '0' && p[i] <= '9' {
		i++
	}
	return i, i > begin
}
