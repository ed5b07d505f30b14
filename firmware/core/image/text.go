package image

// Text is a short text in a header, padded with zero bytes.
type Text [32]byte

// MaxText is how long a Text may be, in bytes.
const MaxText = len(Text{})

// NewText returns s as a Text; ok says whether it fits. What else must hold,
// Header.Check says.
func NewText(s string) (t Text, ok bool) {
	copy(t[:], s)
	return t, len(s) <= MaxText
}

// String is the text without its padding.
func (t *Text) String() string { return string(t[:t.len()]) }

// Is reports whether the text is s, without allocating.
func (t *Text) Is(s string) bool {
	if t.len() != len(s) {
		return false
	}
	for i := range len(s) {
		if t[i] != s[i] {
			return false
		}
	}
	return true
}

func (t *Text) len() int {
	for i, b := range t {
		if b == 0 {
			return i
		}
	}
	return len(t)
}

// wellFormed reports whether the text is not empty, consists of digits,
// lower-case letters and others, begins with one of the first two, and whether
// its padding is zero.
func (t *Text) wellFormed(others string) bool {
	n := t.len()
	for _, b := range t[n:] {
		if b != 0 {
			return false
		}
	}
	for i, b := range t[:n] {
		if b >= '0' && b <= '9' || b >= 'a' && b <= 'z' {
			continue
		}
		if i == 0 || !contains(others, b) {
			return false
		}
	}
	return n > 0
}

func contains(s string, b byte) bool {
	for i := range len(s) {
		if s[i] == b {
			return true
		}
	}
	return false
}
