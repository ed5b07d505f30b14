package text

const (
	hexDigits    = "0123456789abcdef"
	base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
)

// AppendHex appends p in lower-case hexadecimal.
func AppendHex(b, p []byte) []byte {
	for _, c := range p {
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	return b
}

// DecodeHex fills dst from twice as many hexadecimal digits.
func DecodeHex(dst, p []byte) bool {
	if len(p) != 2*len(dst) {
		return false
	}
	for i := range dst {
		high, low := unhex(p[2*i]), unhex(p[2*i+1])
		if high|low > 15 {
			return false
		}
		dst[i] = high<<4 | low
	}
	return true
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

// AppendBase64 appends p in base64 with padding (RFC 4648 section 4).
func AppendBase64(b, p []byte) []byte {
	for len(p) >= 3 {
		v := uint(p[0])<<16 | uint(p[1])<<8 | uint(p[2])
		b = append(b, base64Digits[v>>18], base64Digits[v>>12&63], base64Digits[v>>6&63], base64Digits[v&63])
		p = p[3:]
	}
	switch len(p) {
	case 1:
		b = append(b, base64Digits[p[0]>>2], base64Digits[p[0]&3<<4], '=', '=')
	case 2:
		b = append(b, base64Digits[p[0]>>2], base64Digits[p[0]&3<<4|p[1]>>4], base64Digits[p[1]&15<<2], '=')
	}
	return b
}

// DecodeBase64 appends what p, base64 with padding, stands for. ok is false if p
// is not exactly that (RFC 4648 sections 3.3 and 3.5).
func DecodeBase64(b, p []byte) (out []byte, ok bool) {
	if len(p)%4 != 0 {
		return b, false
	}
	for ; len(p) > 0; p = p[4:] {
		var v uint32
		pad := 0
		for i, c := range p[:4] {
			digit := unbase64(c)
			switch {
			case c == '=' && len(p) == 4 && i >= 2:
				pad++
				digit = 0
			case digit > 63 || pad > 0:
				return b, false
			}
			v = v<<6 | uint32(digit)
		}
		if v&(1<<(8*pad)-1) != 0 {
			return b, false
		}
		b = append(b, byte(v>>16), byte(v>>8), byte(v))
		b = b[:len(b)-pad]
	}
	return b, true
}

func unbase64(c byte) byte {
	switch {
	case c >= 'A' && c <= 'Z':
		return c - 'A'
	case c >= 'a' && c <= 'z':
		return c - 'a' + 26
	case c >= '0' && c <= '9':
		return c - '0' + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return 0xff
}
