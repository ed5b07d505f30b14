package capture

import (
	"sync/atomic"

	"camrelay/firmware/core/jpegscan"
)

// The camera interface of the ESP32 gives each byte in a word of its own, as
// 00 byte 00 00. What has been taken is overwritten by a word that cannot be
// one, so that later one can see how far the DMA has come.
const (
	sample = 0x00ff0000
	poison = 0xffffffff
)

// Feed takes a buffer that the DMA has filled, and poisons it. Before the first
// frame it is called once for each buffer. It may be called in an interrupt.
func (q *Queue) Feed(words []uint32) {
	if n := q.take(words); n < len(words) && q.producer.phase != ignoring {
		q.giveUp(Garbled)
	}
	q.show()
	poisonAll(words)
}

// Write takes bytes of a frame, for cameras that have them as such. EndOfFrame is
// called right before the first of them, not long before: it is the time at which
// the frame was captured.
func (q *Queue) Write(p []byte) {
	q.heed()
	for _, b := range p {
		if q.producer.phase == ignoring {
			return
		}
		q.put(uint32(b))
	}
	q.show()
}

// EndOfFrame takes the rest of a frame and decides about the one that begins
// now. The rest is what lies before the first poisoned word of tail, which is
// the buffer that the DMA was filling; it is poisoned too. It may be called in an
// interrupt; see Glitch.
func (q *Queue) EndOfFrame(now int64, tail []uint32) {
	p := &q.producer
	if n := q.take(tail); n < len(tail) && p.phase != ignoring && tail[n] != poison {
		q.giveUp(Garbled)
	}
	poisonAll(tail)
	q.finish()
	q.counts.seen.add(1)
	p.ended, p.edge = now, true
	q.admit(now)
}

// Glitch reports whether the end of a frame at now comes so soon after the one
// before that it is a fault of the line: nothing is to be stopped then.
func (q *Queue) Glitch(now int64) bool {
	const shortest = 5_000_000
	if q.producer.edge && now-q.producer.ended < shortest {
		q.counts.glitches.add(1)
		return true
	}
	return false
}

// take stores what lies in words until the frame ends or a word is none of the
// sensor's, and returns how many words that were.
func (q *Queue) take(words []uint32) int {
	q.heed()
	p := &q.producer
	word, bits, plain := p.word, p.bits, p.scan.Plain()
	for i, w := range words {
		if w&^sample != 0 || p.phase == ignoring {
			p.word, p.bits = word, bits
			return i
		}
		if plain && w != sample && bits < 24 {
			// What put would do, without a call: most bytes are such.
			word |= w >> 16 << bits
			bits += 8
			continue
		}
		p.word, p.bits = word, bits
		q.put(w >> 16)
		word, bits, plain = p.word, p.bits, p.scan.Plain()
	}
	p.word, p.bits = word, bits
	return len(words)
}

// put takes the next byte of a frame.
func (q *Queue) put(b uint32) {
	p := &q.producer
	p.word |= b << p.bits
	if p.bits += 8; p.bits == 32 {
		q.flush()
	}
	switch p.scan.Next(byte(b)) {
	case jpegscan.Done:
		q.done()
	case jpegscan.Bad:
		q.giveUp(Malformed)
	}
}

// flush stores a cell.
func (q *Queue) flush() {
	p := &q.producer
	if p.phase == storing && p.cell-q.freed.Load() > q.mask {
		q.giveUp(Overrun)
	}
	if p.phase == storing {
		q.cells[p.cell&q.mask] = p.word
		p.cell++
	}
	p.filled++
	p.word, p.bits = 0, 0
}

// length is how many bytes of the frame have come, stored or not.
func (p *producer) length() uint32 { return 4*p.filled + p.bits/8 }

// done is at the end of the picture. What follows until the end of the frame is
// padding.
func (q *Queue) done() {
	p := &q.producer
	length := p.length()
	if p.bits > 0 {
		q.flush()
	}
	q.remember(length)
	if p.phase == storing {
		f := p.frame
		f.cells = p.cell - f.start
		q.measure()
		f.stored.Store(length)
		f.state.Store(complete)
		q.reveal()
		q.counts.complete.add(1)
		q.counts.bytes.add(length)
	}
	q.ignore()
}

// giveUp ends a frame that is not complete. One that nobody has been shown has
// never been.
func (q *Queue) giveUp(why Abort) {
	p := &q.producer
	if p.phase == storing {
		q.counts.aborted[why].add(1)
		if p.shown {
			p.frame.cells = p.cell - p.frame.start
			p.frame.state.Store(uint32(why))
		} else {
			p.cell = p.frame.start
		}
	}
	if why == Overrun && p.phase == storing {
		p.phase = measuring
		return
	}
	q.ignore()
}

// finish is at the end of a frame, complete or not.
func (q *Queue) finish() {
	p := &q.producer
	switch {
	case p.phase == measuring:
		q.remember(p.length())
	case p.phase == storing && p.length() == 0:
		q.giveUp(Empty)
	case p.phase == storing:
		q.giveUp(Truncated)
	}
	q.ignore()
}

func (q *Queue) ignore() {
	q.producer.phase = ignoring
	q.taking.Store(0)
}

// heed gives up a frame that the reading side wants no more of.
func (q *Queue) heed() {
	p := &q.producer
	if p.phase == storing && p.shown && q.unwanted.Load() == p.frame.seq {
		q.giveUp(Unwanted)
	}
}

// show lets the reading side have what is stored.
func (q *Queue) show() {
	p := &q.producer
	if p.phase != storing || p.cell == p.frame.start {
		return
	}
	q.measure()
	p.frame.stored.Store(4 * (p.cell - p.frame.start))
	q.reveal()
}

func (q *Queue) reveal() {
	if !q.producer.shown {
		q.producer.shown = true
		q.begun.Store(q.begun.Load() + 1)
	}
}

func (q *Queue) measure() {
	w, h := q.producer.scan.Size()
	q.producer.frame.size.Store(uint32(w)<<16 | uint32(h))
}

// poisonAll stores words one by one: a compiler must not make a call of memset of
// it, whose loop registers an interrupt would spoil for the code it interrupts.
func poisonAll(words []uint32) {
	for i := range words {
		atomic.StoreUint32(&words[i], poison)
	}
}
