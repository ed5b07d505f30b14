// Package mpjpeg reads motion JPEG from a byte stream: multipart/x-mixed-replace
// in all the dialects that cameras speak, or bare JPEGs one after another.
//
// It takes boundaries with or without leading dashes, before or after the part,
// missing or doubled; parts with a Content-Length that is right, wrong, padded
// or missing, and without any header; lines that end with CRLF or LF. What it
// returns is a whole JPEG by jpeg.Scan.
package mpjpeg

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"camrelay/internal/jpeg"
	"camrelay/internal/stream"
)

// Part is what is known about a JPEG that was read.
type Part struct {
	jpeg.Info
	// Time is what the part's X-Timestamp says, zero if it has none. Cameras
	// without a set clock count from their start.
	Time time.Time
}

// maxJunk is how much may be passed over in search of the next JPEG, in
// multiples of the longest JPEG allowed.
const maxJunk = 8

// Reader reads one stream. The caller bounds the time it takes.
type Reader struct {
	src      *source
	sized    io.LimitedReader
	boundary boundary
	max      int // bytes of a JPEG

	part  int   // parts begun
	good  int   // JPEGs returned
	junk  int   // bytes passed over since the last one
	first error // about the first thing that made no sense
}

// NewReader returns a reader of r. contentType is that of the stream, and may be
// empty: a boundary is then learnt from the stream. No JPEG may be longer than
// maxFrame bytes.
func NewReader(r io.Reader, contentType string, maxFrame int) *Reader {
	src := newSource(r)
	return &Reader{src: src, sized: io.LimitedReader{R: src}, boundary: boundaryOf(contentType), max: maxFrame}
}

// Sniff reads ahead and reports whether the stream begins like motion JPEG;
// head is how it begins, at most 32 bytes.
func (r *Reader) Sniff() (ok bool, head []byte, err error) {
	if err := r.src.need(maxShown); err != nil && err != io.EOF {
		return false, nil, err
	}
	w := bytes.TrimLeft(r.src.window(), "\r\n")
	ok = bytes.HasPrefix(w, []byte{0xFF, mSOI, 0xFF}) || bytes.HasPrefix(w, []byte("--")) ||
		bytes.HasPrefix(bytes.ToLower(w), []byte("content-"))
	return ok, bytes.Clone(w[:min(len(w), maxShown)]), nil
}

// Next reads the next JPEG into d, which must be empty. d may hold more than
// the Part.Len bytes that count. A *PartError is about that part only: the
// caller discards d and calls Next again. io.EOF is the end of the stream
// between two parts.
func (r *Reader) Next(d *stream.Draft) (Part, error) {
	h, err := r.nextHeader()
	if err != nil {
		return Part{}, err
	}
	switch {
	case !h.isJPEG():
		return Part{}, r.skipOther(&h)
	case h.length > 0 && h.length <= r.max:
		return r.readSized(d, &h)
	}
	return r.readUnsized(d, &h)
}

// readSized reads a part that says how long it is.
func (r *Reader) readSized(d *stream.Draft, h *header) (Part, error) {
	r.sized.N = int64(h.length)
	if err := d.ReadAll(&r.sized, r.max); err != nil {
		return Part{}, err
	}
	b := d.Bytes()
	info, err := jpeg.Scan(b)
	switch {
	case err == nil:
		// Padding; or the length was too long, and it is more than that.
		if info.Len < len(b) {
			r.src.unread(b[info.Len:])
		}
		return r.done(info, h), nil
	case len(b) < h.length:
		return Part{}, io.ErrUnexpectedEOF
	}
	if end, line := r.boundary.find(b, true); line >= 0 { // the length is too long
		r.src.unread(b[line:])
		_, err := jpeg.Scan(b[:end])
		return Part{}, r.fault(stream.FaultPartial, notJPEG(err, b[:end]))
	}
	if errors.Is(err, jpeg.ErrTruncated) && !r.atBreak() { // the length is too short
		return r.readUnsized(d, h)
	}
	return Part{}, r.fault(stream.FaultPartial, notJPEG(err, b))
}

// atBreak reports whether what follows looks like the end of a part.
func (r *Reader) atBreak() bool {
	_ = r.src.need(2)
	w := r.src.window()
	return len(w) < 2 || string(w[:2]) == "\r\n" || string(w[:2]) == "\n-" || string(w[:2]) == "--"
}

// readUnsized reads a part up to the end of its JPEG, or the boundary if that
// comes first. It goes on with what d holds already.
func (r *Reader) readUnsized(d *stream.Draft, h *header) (Part, error) {
	var find endFinder
	find.feed(d.Bytes())
	for fed := 0; ; {
		w := r.src.window()
		atStart := len(d.Bytes()) == 0
		n := fed + find.feed(w[fed:])
		end, line := r.boundary.find(w, atStart)
		switch {
		case line >= 0 && (line < n || line == n && find.state == findBad):
			d.Append(w[:end])
			r.src.take(line)
			return r.check(d, h)
		case find.state == findDone:
			d.Append(w[:n])
			r.src.take(n)
			return r.check(d, h)
		case find.state == findBad:
			return Part{}, r.notHere(d, n)
		}
		keep := min(r.boundary.hold(), len(w))
		d.Append(w[:len(w)-keep])
		r.src.take(len(w) - keep)
		if len(d.Bytes()) > r.max {
			return Part{}, r.tooBig()
		}
		fed = keep
		if err := r.src.more(); err != nil {
			return Part{}, unexpected(err)
		}
	}
}

// notHere ends a part at bytes that cannot belong to a JPEG; n is where in the
// window they begin.
func (r *Reader) notHere(d *stream.Draft, n int) error {
	if n < 0 {
		r.src.unread([]byte{0xFF})
		n = 0
	}
	d.Append(r.src.window()[:n])
	r.src.take(n)
	if _, err := jpeg.Scan(d.Bytes()); errors.Is(err, jpeg.ErrTruncated) {
		return r.fault(stream.FaultPartial, notJPEG(err, d.Bytes()))
	}
	begin := append(bytes.Clone(d.Bytes()[:min(len(d.Bytes()), maxShown)]), r.src.window()...)
	return r.fault(stream.FaultPartial, notJPEG(jpeg.ErrNoSOI, begin))
}

// check ends a part whose JPEG d should hold.
func (r *Reader) check(d *stream.Draft, h *header) (Part, error) {
	if len(d.Bytes()) > r.max {
		return Part{}, r.tooBig()
	}
	info, err := jpeg.Scan(d.Bytes())
	if err != nil {
		return Part{}, r.fault(stream.FaultPartial, notJPEG(err, d.Bytes()))
	}
	return r.done(info, h), nil
}

// skipOther passes over a part that is no picture, and says what it is.
func (r *Reader) skipOther(h *header) error {
	var text []byte
	for left := h.length; ; {
		w := r.src.window()
		_, line := r.boundary.find(w, len(text) == 0)
		n := max(0, len(w)-r.boundary.hold())
		switch {
		case h.length > 0:
			n = min(left, len(w))
		case line >= 0:
			n = line
		}
		text = append(text, w[:min(n, max(0, 4*maxShown-len(text)))]...)
		if err := r.pass(n); err != nil {
			return err
		}
		if left -= n; line >= 0 && h.length == 0 || h.length > 0 && left == 0 {
			return r.fault(stream.FaultText, fmt.Errorf("it is %s, no picture: %q", h.contentType, bytes.TrimSpace(text)))
		}
		if err := r.src.more(); err != nil {
			return unexpected(err)
		}
	}
}

// resync goes to the next boundary line or, as long as none was seen, the next
// JPEG.
func (r *Reader) resync() error {
	r.confused()
	for {
		w := r.src.window()
		_, at := r.boundary.find(w, false)
		if !r.boundary.seen && len(w) > 0 {
			if i := bytes.Index(w[1:], []byte{0xFF, mSOI, 0xFF}); i >= 0 && (at < 0 || i+1 < at) {
				at = i + 1
			}
		}
		if at >= 0 {
			return r.pass(at)
		}
		if err := r.pass(max(0, len(w)-max(r.boundary.hold(), 3))); err != nil {
			return err
		}
		if err := r.src.more(); err != nil {
			r.src.take(len(r.src.window()))
			return r.end(err)
		}
	}
}

// pass takes n bytes that are no JPEG.
func (r *Reader) pass(n int) error {
	r.src.take(n)
	if r.junk += n; r.junk > maxJunk*r.max {
		r.confused()
		return r.first
	}
	return nil
}

// confused keeps the first bytes that make no sense.
func (r *Reader) confused() {
	if r.first == nil {
		w := r.src.window()
		r.first = &SyntaxError{Offset: r.src.offset, Got: bytes.Clone(w[:min(len(w), maxShown)])}
	}
}

// end is how a stream ends between two parts. One that never made sense has an
// error.
func (r *Reader) end(err error) error {
	if err == io.EOF && r.good == 0 && r.first != nil {
		return r.first
	}
	return err
}

func (r *Reader) done(info jpeg.Info, h *header) Part {
	r.good++
	r.junk, r.first = 0, nil
	return Part{Info: info, Time: h.time}
}

func (r *Reader) fault(fault stream.Fault, err error) error {
	return &PartError{Part: r.part, Fault: fault, Err: err}
}

func (r *Reader) tooBig() error {
	return r.fault(stream.FaultTooBig, fmt.Errorf("%w: more than the allowed %d bytes", stream.ErrFrameTooBig, r.max))
}
