package update

import (
	"camrelay/firmware/core/image"
	"camrelay/firmware/core/json"
	"camrelay/firmware/core/text"
)

// Limits of an order. Budgets are in seconds.
const (
	maxJob        = 32
	maxImage      = 128
	maxToken      = 64
	minBudget     = 60
	maxBudget     = 3600
	defaultBudget = 480
)

// order is what an update is to do. Its texts are padded with zero bytes.
type order struct {
	job        [maxJob]byte
	image      [maxImage]byte // path on the relay
	token      [maxToken]byte // none: the camera's key
	size       uint32
	minHeap    uint32
	minLargest uint32
	budget     uint16
	clean      bool
	otherHost  bool // it is for another relay
}

// command is what a message wants.
type command uint8

const (
	none command = iota
	start
	abort
	status
)

// parse reads a message, with scratch for texts. ok is false if it is none that makes sense; of an order
// that does not, the job is there if that much could be read.
func (o *order) parse(p, host, scratch []byte) (c command, ok bool) {
	*o = order{budget: defaultBudget}
	var ours, bad, hosted bool
	r := json.Read(p)
	for r.Next() {
		good := true
		switch {
		case r.Is("t"):
			ours = is(&r, "ota", scratch)
		case r.Is("cmd"):
			c = commandOf(&r, scratch)
		case r.Is("job"):
			good = set(&r, o.job[:], isJob, scratch)
		case r.Is("image"):
			good = set(&r, o.image[:], isPath, scratch) && o.image[0] == '/'
		case r.Is("token"):
			good = set(&r, o.token[:], isPath, scratch)
		case r.Is("host"):
			value, isText := r.String(scratch)
			good, hosted = isText, true
			o.otherHost = !sameHost(value, host)
		case r.Is("mode"):
			o.clean = is(&r, "clean", scratch)
			good = o.clean || is(&r, "inline", scratch)
		case r.Is("budget"):
			v, in := r.Int(minBudget, maxBudget)
			o.budget, good = uint16(v), in
		case r.Is("size"):
			good = number(&r, &o.size)
		case r.Is("min_heap"):
			good = number(&r, &o.minHeap)
		case r.Is("min_largest"):
			good = number(&r, &o.minLargest)
		}
		bad = bad || !good
	}
	if !r.OK() || !ours {
		return none, false
	}
	if c == start {
		bad = bad || o.job[0] == 0 || o.image[0] == 0 || !hosted || o.size <= image.HeaderSize || o.size%4 != 0
	}
	return c, !bad && c != none
}

func commandOf(r *json.Reader, scratch []byte) command {
	switch {
	case is(r, "start", scratch):
		return start
	case is(r, "abort", scratch):
		return abort
	case is(r, "status", scratch):
		return status
	}
	return none
}

// is reports whether the value is the string s.
func is(r *json.Reader, s string, scratch []byte) bool {
	value, ok := r.String(scratch)
	return ok && text.Equal(value, s)
}

// set copies a string of allowed bytes; not an empty one.
func set(r *json.Reader, to []byte, allowed func(byte) bool, scratch []byte) bool {
	clear(to)
	value, ok := r.String(scratch)
	if !ok || len(value) == 0 || len(value) > len(to) {
		return false
	}
	for _, c := range value {
		if !allowed(c) {
			return false
		}
	}
	copy(to, value)
	return true
}

func number(r *json.Reader, to *uint32) bool {
	v, ok := r.Int(0, 1<<32-1)
	*to = uint32(v)
	return ok
}

func isJob(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '_' || c == '-'
}

// isPath reports whether c is visible: what may stand in a request.
func isPath(c byte) bool { return c > ' ' && c < 0x7f }

// sameHost compares addresses of the form host:port; a port that is left out is
// 80.
func sameHost(given, ours []byte) bool {
	const standard = ":80"
	if len(given)+len(standard) == len(ours) && text.Equal(ours[len(given):], standard) {
		ours = ours[:len(given)]
	}
	if len(given) != len(ours) {
		return false
	}
	for i := range given {
		if fold(given[i]) != fold(ours[i]) {
			return false
		}
	}
	return true
}

func fold(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// trim cuts off the padding.
func trim(p []byte) []byte {
	for i, c := range p {
		if c == 0 {
			return p[:i]
		}
	}
	return p
}
