package streamer

// pace is how many frames are wanted.
type pace struct {
	limit    int   // frames a second that the camera's user allows; 0: no limit
	fps      int64 // thousandths of a frame a second that the relay wants; 0: no limit
	still    int64 // nanoseconds between frames when nobody watches; 0: somebody does
	paused   bool
	quiet    bool  // no message may begin
	deadline int64 // quiet: when the one that is open is given up
}

// reset forgets what the relay wanted.
func (p *pace) reset() { p.fps, p.still, p.paused = 0, 0, false }

func (p *pace) stopped() bool { return p.paused || p.quiet }

func (p *pace) overdue(now int64) bool { return p.quiet && now >= p.deadline }

// interval is the least time between frames, in nanoseconds.
func (p *pace) interval() int64 {
	if p.still > 0 {
		return p.still
	}
	interval := int64(0)
	if p.fps > 0 {
		interval = 1000 * second / p.fps
	}
	if p.limit > 0 {
		interval = max(interval, second/int64(p.limit))
	}
	return interval
}

// admit tells the queue which frames to take.
func (s *Streamer) admit() {
	s.queue.SetInterval(s.pace.interval())
	s.queue.Enable(s.sink != nil && !s.pace.stopped())
}

// SetLimit is the setting fps: at most so many frames a second, 0 for no limit.
func (s *Streamer) SetLimit(fps int) {
	s.pace.limit = fps
	s.admit()
}

// Pace is what the relay wants: at most milliHertz thousandths of a frame a
// second, 0 for as many as there are; or, if still is not 0, one frame every still
// nanoseconds.
func (s *Streamer) Pace(milliHertz, still int64) {
	s.pace.fps, s.pace.still = max(milliHertz, 0), max(still, 0)
	s.admit()
}

// Pause begins no message until Resume or the next connection. One that has begun
// is sent to its end.
func (s *Streamer) Pause() { s.setPaused(true) }

// Resume ends a Pause.
func (s *Streamer) Resume() { s.setPaused(false) }

func (s *Streamer) setPaused(paused bool) {
	s.pace.paused = paused
	s.admit()
}

// Quiesce begins no message until Wake, over connections too. One that has begun
// has limit nanoseconds to come to its end; then it is given up. See Idle.
func (s *Streamer) Quiesce(now, limit int64) {
	s.pace.quiet, s.pace.deadline = true, now+limit
	s.admit()
}

// Wake ends Quiesce.
func (s *Streamer) Wake() {
	s.pace.quiet = false
	s.admit()
}

// Idle reports whether no message is open. While the connection takes nothing a
// message cannot even be given up: who waits for Idle needs a limit of their own.
func (s *Streamer) Idle() bool { return s.phase == waiting }
