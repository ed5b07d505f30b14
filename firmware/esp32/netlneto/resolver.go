package netlneto

import "camrelay/firmware/core/hal"

// Times, in nanoseconds.
const (
	askAgain    = second
	askPatience = 6 * second
	answerLasts = 60 * second
)

// resolver asks for one name at a time: lneto can no more. It remembers the last
// answer of each.
type resolver struct {
	network *Network
	asking  string // empty: nothing
	asked   int64
	again   int64
	cache   [3]answer
	next    int
}

type answer struct {
	name  string
	addr  [4]byte
	until int64
}

// step gives streams that wait for an address theirs.
func (r *resolver) step() {
	n := r.network
	if r.asking != "" {
		r.poll()
	}
	for _, s := range n.streams {
		if s.host == "" || s.state != hal.Dialing {
			continue
		}
		if addr, ok := r.lookup(s.host); ok {
			s.connect(addr)
		}
	}
}

// lookup returns the address of a host, and begins to ask for it.
func (r *resolver) lookup(host string) (addr [4]byte, ok bool) {
	if addr, ok = parseAddr(host); ok {
		return addr, true
	}
	if addr, ok = r.known(host); !ok && r.asking == "" {
		r.ask(host)
	}
	return addr, ok
}

func (r *resolver) known(name string) ([4]byte, bool) {
	for i := range r.cache {
		if a := &r.cache[i]; a.name == name && r.network.now < a.until {
			return a.addr, true
		}
	}
	return [4]byte{}, false
}

func (r *resolver) ask(name string) {
	n := r.network
	r.asking, r.asked, r.again = name, n.now, n.now+askAgain
	if n.stack.StartLookupIP(name) != nil {
		r.failed()
	}
}

func (r *resolver) poll() {
	n := r.network
	addrs, done, err := n.stack.ResultLookupIP(r.asking)
	switch {
	case done && err == nil:
		for _, a := range addrs {
			if a.Is4() {
				r.cache[r.next] = answer{r.asking, a.As4(), n.now + answerLasts}
				r.next = (r.next + 1) % len(r.cache)
				r.asking = ""
				return
			}
		}
		r.failed()
	case done, n.now-r.asked > askPatience:
		r.failed()
	case n.now >= r.again:
		r.again = n.now + askAgain
		if n.stack.StartLookupIP(r.asking) != nil {
			r.failed()
		}
	}
}

// failed tells who waits for the name.
func (r *resolver) failed() {
	for _, s := range r.network.streams {
		if s.host == r.asking && s.state == hal.Dialing {
			s.fail(hal.ErrName)
		}
	}
	r.asking = ""
}

// parseAddr reads an IPv4 address in its usual form.
func parseAddr(s string) (addr [4]byte, ok bool) {
	part, digits, at := 0, 0, 0
	for i := 0; i <= len(s); i++ {
		switch {
		case i < len(s) && s[i] >= '0' && s[i] <= '9':
			part = part*10 + int(s[i]-'0')
			if digits++; digits > 3 || part > 255 || digits > 1 && part < 10 {
				return addr, false
			}
		case (i == len(s) || s[i] == '.') && digits > 0 && at < 4:
			addr[at] = byte(part)
			at++
			part, digits = 0, 0
		default:
			return addr, false
		}
	}
	return addr, at == 4
}
