// Package json writes and reads the small objects a camera talks in, in memory
// of the caller's: no reflection, no allocation.
package json

import (
	"unicode/utf8"

	"camrelay/firmware/core/text"
)

// Writer writes into the capacity of a buffer and never beyond.
type Writer struct {
	buf  []byte
	next bool // something of the same object or array comes before
	full bool
}

// Begin returns a Writer that appends to buf.
func Begin(buf []byte) Writer { return Writer{buf: buf} }

// Bytes is what was written; ok is false if it did not fit.
func (w *Writer) Bytes() (p []byte, ok bool) { return w.buf, !w.full }

// Object begins an object, End ends it.
func (w *Writer) Object() { w.begin('{') }

// End ends an object.
func (w *Writer) End() { w.end('}') }

// Array begins an array, EndArray ends it.
func (w *Writer) Array() { w.begin('[') }

// EndArray ends an array.
func (w *Writer) EndArray() { w.end(']') }

func (w *Writer) begin(c byte) {
	w.comma()
	w.byte(c)
	w.next = false
}

func (w *Writer) end(c byte) {
	w.byte(c)
	w.next = true
}

// Key begins a member; its value has to follow.
func (w *Writer) Key(name string) {
	w.String(name)
	w.byte(':')
	w.next = false
}

// String writes a value.
func (w *Writer) String(s string) {
	w.comma()
	w.byte('"')
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		w.char(r, s[i], size)
		i += size
	}
	w.byte('"')
}

// Text writes a string. Bytes that are not UTF-8 become question marks.
func (w *Writer) Text(s []byte) {
	w.comma()
	w.byte('"')
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRune(s[i:])
		w.char(r, s[i], size)
		i += size
	}
	w.byte('"')
}

func (w *Writer) char(r rune, first byte, size int) {
	switch {
	case r == utf8.RuneError && size == 1:
		w.byte('?')
	case r == '"' || r == '\\':
		w.byte('\\')
		w.byte(first)
	case r < ' ':
		w.append(`\u00`)
		w.byte("0123456789abcdef"[r>>4])
		w.byte("0123456789abcdef"[r&15])
	case size == 1:
		w.byte(first)
	case len(w.buf)+size > cap(w.buf):
		w.full = true
	default:
		w.buf = utf8.AppendRune(w.buf, r)
	}
}

// Int writes a value.
func (w *Writer) Int(v int64) {
	w.comma()
	u := uint64(v)
	if v < 0 {
		w.byte('-')
		u = -u
	}
	for scale := text.Scale(u); scale > 0; scale /= 10 {
		w.byte(byte('0' + u/scale%10))
	}
}

// Milli writes a number that is given in thousandths: 2500 is 2.5.
func (w *Writer) Milli(v int64) {
	if v < 0 {
		w.comma()
		w.byte('-')
		w.next = false
		v = -v
	}
	w.Int(v / 1000)
	rest := v % 1000
	if rest == 0 {
		return
	}
	w.byte('.')
	for scale := int64(100); rest > 0; scale /= 10 {
		w.byte(byte('0' + rest/scale))
		rest %= scale
	}
}

// Bool writes a value.
func (w *Writer) Bool(v bool) {
	w.comma()
	if v {
		w.append("true")
	} else {
		w.append("false")
	}
}

// KeyString writes a member.
func (w *Writer) KeyString(name, v string) { w.Key(name); w.String(v) }

// KeyText writes a member.
func (w *Writer) KeyText(name string, v []byte) { w.Key(name); w.Text(v) }

// KeyInt writes a member.
func (w *Writer) KeyInt(name string, v int64) { w.Key(name); w.Int(v) }

// KeyBool writes a member.
func (w *Writer) KeyBool(name string, v bool) { w.Key(name); w.Bool(v) }

func (w *Writer) comma() {
	if w.next {
		w.byte(',')
	}
	w.next = true
}

func (w *Writer) append(s string) {
	for i := range len(s) {
		w.byte(s[i])
	}
}

func (w *Writer) byte(c byte) {
	if len(w.buf) == cap(w.buf) {
		w.full = true
		return
	}
	w.buf = append(w.buf, c)
}
