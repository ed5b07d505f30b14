package capture

// admit decides about the frame that begins now.
func (q *Queue) admit(now int64) {
	q.taking.Store(1) // before held is looked at: see Taking
	if why := q.judge(now); why != accepted {
		q.taking.Store(0)
		q.counts.rejected[why].add(1)
		return
	}
	q.counts.accepted.add(1)
	p := &q.producer
	p.seq++
	f := &q.frames[q.begun.Load()%ring]
	f.seq, f.start, f.cells, f.captured = p.seq, p.cell, 0, now
	f.stored.Store(0)
	f.size.Store(0)
	f.state.Store(open)
	p.frame, p.phase, p.shown = f, storing, false
	p.scan.Reset()
	p.word, p.bits, p.filled = 0, 0, 0
}

// judge returns why a frame is not taken. Frames are refused whole and early, so
// that none has to be cut and none waits for long.
func (q *Queue) judge(now int64) Rejection {
	p := &q.producer
	switch {
	case p.skip > 0:
		p.skip--
		return Settling
	case q.held.Load() != 0:
		return Held
	case q.enabled.Load() == 0:
		return Disabled
	case !q.due(now):
		return Early
	case q.begun.Load()-q.dropped.Load() >= MaxQueued:
		return Behind
	case !q.fits():
		return NoRoom
	}
	q.schedule(now)
	return accepted
}

func (q *Queue) intervalNS() int64 { return int64(q.interval.Load()) * 1000 }

func (q *Queue) due(now int64) bool {
	return !q.producer.paced || now-q.producer.last >= q.intervalNS()
}

// schedule keeps the average: from 25 frames a second with a limit of 15 it
// takes 15, not every other.
func (q *Queue) schedule(now int64) {
	p := &q.producer
	interval := q.intervalNS()
	if p.paced && now-p.last < 2*interval {
		p.last += interval
	} else {
		p.last = now
	}
	p.paced = true
}

// fits reports whether there is room for the next frame, as far as one can know.
// One that may not fit at all is taken when nothing else is there: it has to be
// sent on while it comes.
func (q *Queue) fits() bool {
	used := 4 * (q.producer.cell - q.freed.Load())
	need := q.predicted()
	if need > q.Size()-q.Size()/16 {
		return used == 0
	}
	return q.Size()-used >= need
}

// predicted is how long the next frame may be: 1.3 times the longest of the
// last.
func (q *Queue) predicted() uint32 {
	longest := uint32(0)
	for _, n := range q.producer.sizes {
		longest = max(longest, n)
	}
	if longest == 0 {
		return q.producer.guess
	}
	return longest + longest/10*3
}

func (q *Queue) remember(length uint32) {
	p := &q.producer
	p.sizes[p.at%uint32(len(p.sizes))] = length
	p.at++
}

// Stop gives up the frame that is being received. Reception must have been
// stopped; when it starts again, the rest of a frame that has begun is ignored.
func (q *Queue) Stop() {
	if q.producer.phase == storing {
		q.giveUp(Stopped)
	}
	q.ignore()
	q.producer.edge = false
}

// Expect forgets how long frames were, for pictures of another size, and takes
// none of the next skip frames: a sensor needs some to settle. Reception must
// have been stopped.
func (q *Queue) Expect(width, height int, skip uint32) {
	p := &q.producer
	p.sizes = [len(p.sizes)]uint32{}
	p.guess = uint32(width * height / 8)
	p.skip = skip
}
