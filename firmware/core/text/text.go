// Package text turns numbers and bytes into text and back, appending to what the
// caller has: what of strconv, strings and encoding a camera needs, without
// their tables.
package text

import "math/bits"

// AppendUint appends v in decimal.
func AppendUint(b []byte, v uint64) []byte {
	for scale := Scale(v); scale > 0; scale /= 10 {
		b = append(b, byte('0'+v/scale%10))
	}
	return b
}

// Scale is the power of ten that belongs to the first digit of v.
func Scale(v uint64) uint64 {
	scale := uint64(1)
	for v/scale >= 10 {
		scale *= 10
	}
	return scale
}

// AppendInt appends v in decimal.
func AppendInt(b []byte, v int64) []byte {
	if v < 0 {
		return AppendUint(append(b, '-'), -uint64(v))
	}
	return AppendUint(b, uint64(v))
}

// ParseUint reads a number of decimal digits, at most limit.
func ParseUint(p []byte, limit uint64) (v uint64, ok bool) {
	for _, c := range p {
		if c < '0' || c > '9' {
			return 0, false
		}
		high, low := bits.Mul64(v, 10)
		if high != 0 || low > limit || uint64(c-'0') > limit-low {
			return 0, false
		}
		v = low + uint64(c-'0')
	}
	return v, len(p) > 0
}

// ParseInt reads a decimal number from low to high.
func ParseInt(p []byte, low, high int64) (v int64, ok bool) {
	negative := len(p) > 0 && p[0] == '-'
	if negative {
		p = p[1:]
	}
	u, ok := ParseUint(p, 1<<63-1)
	v = int64(u)
	if negative {
		v = -v
	}
	return v, ok && v >= low && v <= high
}

// Equal reports whether a is b.
func Equal(a []byte, b string) bool { return string(a) == b }

// EqualFold reports whether a is b but for the case of ASCII letters.
func EqualFold(a []byte, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i, c := range a {
		if lower(c) != lower(b[i]) {
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

// EqualSecret is Equal in a time that depends on the length of b alone.
func EqualSecret(a []byte, b string) bool {
	differ := len(a) ^ len(b)
	for i := range len(b) {
		c := byte(0)
		if i < len(a) {
			c = a[i]
		}
		differ |= int(c ^ b[i])
	}
	return differ == 0
}

// Trim cuts spaces and tabs off both ends.
func Trim(p []byte) []byte {
	for len(p) > 0 && blank(p[0]) {
		p = p[1:]
	}
	for len(p) > 0 && blank(p[len(p)-1]) {
		p = p[:len(p)-1]
	}
	return p
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

// HasToken reports whether a list whose members are separated by commas (RFC
// 9110 section 5.6.1) has the token, but for the case of ASCII letters.
func HasToken(list []byte, token string) bool {
	for len(list) > 0 {
		end := 0
		for end < len(list) && list[end] != ',' {
			end++
		}
		if EqualFold(Trim(list[:end]), token) {
			return true
		}
		list = list[min(end+1, len(list)):]
	}
	return false
}
