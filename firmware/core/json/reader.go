package json

import (
	"unicode/utf8"

	"camrelay/firmware/core/text"
)

// Reader goes through the members of an object:
//
//	r := json.Read(p)
//	for r.Next() {
//		switch {
//		case r.Is("id"):
//			id, ok = r.Int(0, 1<<31)
//		…
//
// A value that is not read is skipped. To read an object within, Enter it, go
// through its members, and Leave it.
type Reader struct {
	p     []byte
	i     int // behind the key's colon, or behind the value before
	key   []byte
	ok    bool // p is an object
	fresh bool // the value has not been passed
	first bool // no member has been read
	depth int
}

// Read returns a Reader of p, which has no members if p is not a valid object.
func Read(p []byte) Reader {
	start := blanks(p, 0)
	ok := start < len(p) && p[start] == '{' && Valid(p)
	return Reader{p: p, i: start + 1, ok: ok, first: true}
}

// OK reports whether there is an object to read.
func (r *Reader) OK() bool { return r.ok }

// Next goes to the next member.
func (r *Reader) Next() bool {
	if !r.ok {
		return false
	}
	if r.fresh {
		r.i, _ = value(r.p, r.i, r.depth)
		r.fresh = false
	}
	r.i = blanks(r.p, r.i)
	if r.p[r.i] == '}' {
		return false
	}
	if !r.first {
		r.i = blanks(r.p, r.i+1) // a comma
	}
	r.first = false
	end, _ := str(r.p, r.i+1)
	r.key = r.p[r.i+1 : end-1]
	r.i = blanks(r.p, blanks(r.p, end)+1) // a colon
	r.fresh = true
	return true
}

// Key is the member's name as it was written: one with escapes is none that a
// camera knows.
func (r *Reader) Key() []byte { return r.key }

// Is reports whether that is the member's name.
func (r *Reader) Is(name string) bool { return text.Equal(r.key, name) }

// Raw returns the value as it was written.
func (r *Reader) Raw() []byte {
	end, _ := value(r.p, r.i, r.depth)
	return r.p[r.i:end]
}

// String returns a string, in buf if it has escapes. ok is false if the value is
// none, or does not fit.
func (r *Reader) String(buf []byte) (s []byte, ok bool) {
	raw := r.Raw()
	if raw[0] != '"' {
		return nil, false
	}
	raw = raw[1 : len(raw)-1]
	plain := true
	for _, c := range raw {
		plain = plain && c != '\\'
	}
	if plain {
		return raw, true
	}
	return unescape(buf[:0], raw)
}

func unescape(buf, raw []byte) (s []byte, ok bool) {
	for i := 0; i < len(raw); {
		c, n := rune(raw[i]), 1
		if raw[i] == '\\' {
			c, n = escape(raw[i:])
		} else if raw[i] >= utf8.RuneSelf {
			c, n = utf8.DecodeRune(raw[i:])
		}
		if len(buf)+utf8.RuneLen(c) > cap(buf) {
			return nil, false
		}
		buf = utf8.AppendRune(buf, c)
		i += n
	}
	return buf, true
}

// Int returns a whole number from low to high, written without fraction and
// exponent.
func (r *Reader) Int(low, high int64) (v int64, ok bool) { return text.ParseInt(r.Raw(), low, high) }

// Milli returns a number in thousandths, the rest cut off: 2.5 is 2500. Numbers
// with an exponent, and those not from low to high (thousandths), are refused.
func (r *Reader) Milli(low, high int64) (v int64, ok bool) {
	raw := r.Raw()
	dot := 0
	for dot < len(raw) && raw[dot] != '.' {
		dot++
	}
	v, ok = text.ParseInt(raw[:dot], -1<<40, 1<<40)
	v *= 1000
	var fraction int64
	for i, scale := dot+1, int64(100); i < len(raw); i, scale = i+1, scale/10 {
		if raw[i] < '0' || raw[i] > '9' {
			return 0, false
		}
		fraction += int64(raw[i]-'0') * scale
	}
	if len(raw) > 0 && raw[0] == '-' {
		fraction = -fraction
	}
	v += fraction
	return v, ok && v >= low && v <= high
}

// Bool returns true or false.
func (r *Reader) Bool() (v, ok bool) {
	raw := r.Raw()
	v = text.Equal(raw, "true")
	return v, v || text.Equal(raw, "false")
}

// Enter goes into the object that is the value; false if it is none.
func (r *Reader) Enter() bool {
	if !r.fresh || r.p[r.i] != '{' {
		return false
	}
	r.i++
	r.depth++
	r.fresh, r.first = false, true
	return true
}

// Leave goes back to the object around, behind the one that was entered.
func (r *Reader) Leave() {
	for r.Next() {
	}
	r.i++
	r.depth--
	r.first = false
}
