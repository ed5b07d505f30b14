package engine

// Sizes in bytes, and counts.
const (
	textSize = 1024 // of what is said to the relay at once
	waiting  = 4    // texts that may wait
)

// outbox keeps what is to be said to the relay until there is room: answers to
// commands first come first served, and the hello before them.
type outbox struct {
	hello bool // to be said
	texts [waiting][textSize]byte
	sizes [waiting]int
	first int
	count int
}

func (o *outbox) reset() { o.first, o.count = 0, 0 }

// put takes a text. It reports whether there was room.
func (o *outbox) put(p []byte) bool {
	if o.count == waiting || len(p) > textSize {
		return false
	}
	i := (o.first + o.count) % waiting
	o.sizes[i] = copy(o.texts[i][:], p)
	o.count++
	return true
}

// next is the text that is to be said now; nil if there is none.
func (o *outbox) next() []byte {
	if o.count == 0 {
		return nil
	}
	return o.texts[o.first][:o.sizes[o.first]]
}

// said is done with it.
func (o *outbox) said() { o.first, o.count = (o.first+1)%waiting, o.count-1 }

func (o *outbox) waits() bool { return o.hello || o.count > 0 }

// say hands to the connection what it takes.
func (e *Engine) say() {
	for e.client.Conn().TextRoom() {
		switch {
		case e.out.hello:
			if p, ok := e.helloText(); ok {
				e.client.Conn().Text(p)
			}
			e.out.hello = false
		case e.out.next() != nil:
			e.client.Conn().Text(e.out.next())
			e.out.said()
		case e.now >= e.stream.statsAt:
			if p, ok := e.statsText(); ok {
				e.client.Conn().Text(p)
			}
			e.stream.statsAt = e.now + statsTime
		default:
			return
		}
	}
}
