package mpjpeg

import (
	"bytes"
	"mime"
	"strings"
)

// maxBoundary is the longest boundary taken; RFC 2046 section 5.1.1 allows 70.
const maxBoundary = 128

// boundary knows the line between parts. Cameras do not agree on whether the
// parameter of the Content-Type includes the two leading dashes, so leading
// dashes do not count at all.
type boundary struct {
	core string // without leading dashes; empty: not known
	seen bool   // it was in the stream
	bare bool   // and without dashes before it
}

// boundaryOf reads the parameter of a Content-Type. mime.ParseMediaType is too
// strict for what cameras write, such as boundary=--x;y or a lone quote.
func boundaryOf(contentType string) boundary {
	if _, params, err := mime.ParseMediaType(contentType); err == nil && params["boundary"] != "" {
		return newBoundary(unquote(params["boundary"]))
	}
	for part := range strings.SplitSeq(contentType, ";") {
		name, value, _ := strings.Cut(part, "=")
		if strings.EqualFold(strings.TrimSpace(name), "boundary") {
			return newBoundary(unquote(value))
		}
	}
	return boundary{}
}

func unquote(value string) string { return strings.Trim(strings.TrimSpace(value), `"'`) }

func newBoundary(value string) boundary {
	core := strings.TrimLeft(strings.TrimSpace(value), "-")
	if len(core) > maxBoundary {
		core = ""
	}
	return boundary{core: core}
}

func (b *boundary) known() bool { return b.core != "" }

// learn takes a line that begins with two dashes as the boundary, unless the
// one from the Content-Type has been seen already: some cameras announce
// another one than they use.
func (b *boundary) learn(line []byte) bool {
	if b.seen || !bytes.HasPrefix(line, []byte("--")) {
		return false
	}
	*b = newBoundary(string(line))
	b.seen = true
	return true
}

// match reports whether a line is the boundary, or the one that ends it all.
func (b *boundary) match(line []byte) bool {
	if !b.known() {
		return false
	}
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(bytes.TrimRight(line, " \t\r"), "-"), []byte(b.core))
	if !ok || len(rest) > 0 && string(rest) != "--" {
		return false
	}
	b.seen = true
	b.bare = b.bare || !bytes.HasPrefix(line, []byte("--"))
	return true
}

// hold is how many bytes at the end of a window may be the beginning of a
// boundary line, with the line break before it.
func (b *boundary) hold() int {
	if !b.known() {
		return 0
	}
	return len(b.core) + 16
}

// find returns where the first boundary line in w begins, and where what comes
// before it ends; -1 if there is none. The line must follow a line feed, or, if
// atStart, be at the beginning. It must begin with two dashes, as others did in
// this stream: a short boundary without them could be within a JPEG.
func (b *boundary) find(w []byte, atStart bool) (end, line int) {
	if !b.known() {
		return -1, -1
	}
	for from := 0; ; {
		i := bytes.Index(w[from:], []byte(b.core))
		if i < 0 {
			return -1, -1
		}
		line := from + i
		from = line + len(b.core)
		for line > 0 && w[line-1] == '-' {
			line--
		}
		switch {
		case !b.bare && !bytes.HasPrefix(w[line:], []byte("--")):
			continue
		case from < len(w) && !bytes.ContainsRune([]byte("\r\n- \t"), rune(w[from])):
			continue
		case line == 0:
			if atStart {
				return 0, 0
			}
			continue
		case w[line-1] != '\n':
			continue
		}
		end := line - 1
		if end > 0 && w[end-1] == '\r' {
			end--
		}
		return end, line
	}
}
