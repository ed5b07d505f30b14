package mpjpeg

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"camrelay/internal/jpeg"
	"camrelay/internal/stream"
)

// Limits of a part's header.
const (
	maxLine    = 2048 // bytes
	maxHeaders = 32   // lines
)

const typeJPEG = "image/jpeg"

var (
	errHeaderLine  = fmt.Errorf("a header line is longer than %d bytes", maxLine)
	errHeaderCount = fmt.Errorf("its header has more than %d lines", maxHeaders)
	errNoBody      = errors.New("a header without a picture")
)

// header is what is of use in the header of a part.
type header struct {
	contentType string
	length      int       // Content-Length; 0: none, or none that makes sense
	time        time.Time // X-Timestamp; zero if none
}

// isJPEG reports whether the part may be a picture.
func (h *header) isJPEG() bool {
	return h.contentType == "" || strings.HasPrefix(h.contentType, "image/") || h.contentType == "application/octet-stream"
}

// set takes one line.
func (h *header) set(line []byte) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	name, value = bytes.TrimSpace(name), bytes.TrimSpace(value)
	switch {
	case bytes.EqualFold(name, []byte("Content-Length")):
		if n, err := strconv.Atoi(string(value)); err == nil && n > 0 {
			h.length = n
		}
	case bytes.EqualFold(name, []byte("Content-Type")):
		if h.contentType = typeJPEG; !bytes.EqualFold(value, []byte(typeJPEG)) {
			kind, _, _ := strings.Cut(string(value), ";")
			h.contentType = strings.ToLower(strings.TrimSpace(kind))
		}
	case bytes.EqualFold(name, []byte("X-Timestamp")):
		h.time = parseTimestamp(string(value))
	}
}

// parseTimestamp reads seconds with an optional fraction, as ustreamer,
// mjpg-streamer and CameraWebServer write them.
func parseTimestamp(text string) time.Time {
	whole, fraction, _ := strings.Cut(text, ".")
	seconds, err := strconv.ParseInt(whole, 10, 62)
	if err != nil || seconds < 0 {
		return time.Time{}
	}
	const digits = 9
	fraction = fraction[:min(len(fraction), digits)]
	nanos, err := strconv.ParseUint(fraction+strings.Repeat("0", digits-len(fraction)), 10, 32)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, int64(nanos))
}

// isHeaderLine reports whether a line looks like "Name: value" (RFC 9110
// section 5.1).
func isHeaderLine(line []byte) bool {
	i := bytes.IndexByte(line, ':')
	if i <= 0 {
		return false
	}
	for _, c := range bytes.TrimRight(line[:i], " ") {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// nextHeader goes to the next part and reads its header. It passes over
// boundaries, empty lines, and what can be neither.
func (r *Reader) nextHeader() (header, error) {
	for {
		if r.atJPEG() {
			r.part++
			return header{}, nil // no header at all
		}
		line, size, ok, err := r.src.line(maxLine)
		if err != nil {
			return header{}, r.end(err)
		}
		switch {
		case len(bytes.TrimSpace(line)) == 0 && ok, r.boundary.match(line), ok && r.boundary.learn(line):
			if err := r.pass(size); err != nil {
				return header{}, err
			}
		case isHeaderLine(line):
			r.part++
			h, again, err := r.readHeader()
			if err != nil || !again {
				return h, err
			}
		default:
			if err := r.resync(); err != nil {
				return header{}, err
			}
		}
	}
}

// atJPEG reports whether the next bytes begin a JPEG.
func (r *Reader) atJPEG() bool {
	w := r.src.window()
	if len(w) == 0 && r.src.need(1) == nil {
		w = r.src.window()
	}
	if len(w) == 0 || w[0] != 0xFF {
		return false
	}
	_ = r.src.need(3) // an end of the stream comes up again
	return bytes.HasPrefix(r.src.window(), []byte{0xFF, mSOI, 0xFF})
}

// readHeader reads lines up to an empty one. again is true when there was a
// boundary instead of a body.
func (r *Reader) readHeader() (h header, again bool, err error) {
	for range maxHeaders {
		if r.atJPEG() { // the empty line is missing
			return h, false, nil
		}
		line, size, ok, err := r.src.line(maxLine)
		if err != nil {
			return h, false, unexpected(err)
		}
		if !ok {
			fault := r.fault(stream.FaultFraming, fmt.Errorf("%w: %q", errHeaderLine, line[:maxShown]))
			if err := r.resync(); err != nil {
				return h, false, err
			}
			return h, false, fault
		}
		if r.boundary.match(line) {
			return h, true, r.fault(stream.FaultPartial, errNoBody)
		}
		empty := len(bytes.TrimSpace(line)) == 0
		if !empty {
			h.set(line)
		}
		r.src.take(size)
		if empty {
			return h, false, nil
		}
	}
	return h, false, r.fault(stream.FaultFraming, errHeaderCount)
}

// notJPEG describes what begins a part that is no picture.
func notJPEG(err error, b []byte) error {
	if errors.Is(err, jpeg.ErrNoSOI) {
		return fmt.Errorf("%w: %q", err, b[:min(len(b), maxShown)])
	}
	return fmt.Errorf("%w (%d bytes)", err, len(b))
}
