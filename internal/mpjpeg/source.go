package mpjpeg

import (
	"bytes"
	"io"
)

// windowSize is how many bytes a source reads ahead. It is more than the
// longest line and the longest boundary.
const windowSize = 8 << 10

// maxIdleReads is how many reads in a row may give neither bytes nor an error.
const maxIdleReads = 100

// source is a reader with a window of bytes to look at before they are taken,
// and a way to put bytes back.
type source struct {
	r          io.Reader
	buf        []byte
	start, end int
	offset     int64 // of buf[start] in the stream
	err        error
}

func newSource(r io.Reader) *source { return &source{r: r, buf: make([]byte, windowSize)} }

// window is what has been read and not taken. It is valid until the next call.
func (s *source) window() []byte { return s.buf[s.start:s.end] }

// take removes the first n bytes of the window.
func (s *source) take(n int) {
	s.start += n
	s.offset += int64(n)
	if s.start == s.end {
		s.start, s.end = 0, 0
		if len(s.buf) > windowSize { // grown by unread
			s.buf = make([]byte, windowSize)
		}
	}
}

// more makes the window longer by at least one byte.
func (s *source) more() error {
	if s.end == len(s.buf) {
		if s.start == 0 {
			return io.ErrShortBuffer
		}
		s.end = copy(s.buf, s.window())
		s.start = 0
	}
	n, err := s.read(s.buf[s.end:])
	s.end += n
	if n > 0 {
		return nil
	}
	return err
}

// need makes the window at least n bytes long, if the stream is.
func (s *source) need(n int) error {
	for s.end-s.start < n {
		if err := s.more(); err != nil {
			return err
		}
	}
	return nil
}

// read reads from underneath. An error that comes with bytes is kept for later.
func (s *source) read(p []byte) (int, error) {
	for range maxIdleReads {
		if s.err != nil {
			return 0, s.err
		}
		n, err := s.r.Read(p)
		s.err = err
		if n > 0 {
			return n, nil
		}
	}
	if s.err == nil {
		s.err = io.ErrNoProgress
	}
	return 0, s.err
}

// Read takes from the window, and when that is empty, straight from
// underneath.
func (s *source) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if s.start == s.end {
		if len(p) >= len(s.buf) {
			n, err := s.read(p)
			s.offset += int64(n)
			return n, err
		}
		if err := s.more(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.window())
	s.take(n)
	return n, nil
}

// unread puts b in front of the window.
func (s *source) unread(b []byte) {
	s.offset -= int64(len(b))
	if s.start >= len(b) {
		s.start -= len(b)
		copy(s.buf[s.start:], b)
		return
	}
	w := s.window()
	grown := make([]byte, max(len(b)+len(w)+windowSize, windowSize))
	s.end = copy(grown, b)
	s.end += copy(grown[s.end:], w)
	s.buf, s.start = grown, 0
}

// line returns the bytes up to a line feed, without it and a carriage return
// before it, and how many bytes that is with them. The line is not taken. At
// the end of the stream, the rest counts as a line. ok is false when there is
// no line feed within max bytes.
func (s *source) line(max int) (line []byte, size int, ok bool, err error) {
	for seen := 0; ; {
		w := s.window()
		w = w[:min(len(w), max)]
		if i := bytes.IndexByte(w[seen:], '\n'); i >= 0 {
			size = seen + i + 1
			return bytes.TrimSuffix(w[:size-1], []byte{'\r'}), size, true, nil
		}
		if seen = len(w); seen == max {
			return w, seen, false, nil
		}
		if err := s.more(); err != nil {
			if err == io.EOF && seen > 0 {
				return s.window(), seen, true, nil
			}
			return nil, 0, false, err
		}
	}
}
