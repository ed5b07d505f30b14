package engine

import "camrelay/firmware/core/update"

// link is the supervision of the network.
type link struct {
	up    bool
	since int64 // of up, or of its loss
}

// stepLink restarts a camera whose network does not come back: what is wrong may
// be below us. While an update writes, its own limit does that.
func (e *Engine) stepLink() {
	if up := e.board.Network.Up(); up != e.link.up {
		e.link.up, e.link.since = up, e.now
	}
	if !e.stayed && e.now-e.started >= stayTime {
		e.stayed = true
		e.board.System.Stayed()
	}
	if !e.link.up && e.now-e.link.since >= linkPatience && !e.updater.Active() {
		e.reboot()
	}
}

// stepTrial lets a new image prove itself. One that has is none that crashes: the
// starts that count as such were those of the image before.
func (e *Engine) stepTrial() {
	if !e.trial.Active() {
		return
	}
	e.prove()
	e.trial.Step(e.now, e.proof)
	if e.updater.Mode() == update.Normal {
		e.board.System.Stayed()
	}
}

// brokerPatience is how long a new image waits for the broker, in nanoseconds.
const brokerPatience = minute

// prove collects what a new image has to show.
func (e *Engine) prove() {
	if e.link.up {
		e.proof |= update.Linked
	}
	// Orders come by the WebSocket too: a broker that is away is not the image's
	// fault.
	if e.brokerReady() || e.now-e.started >= brokerPatience {
		e.proof |= update.BrokerReady
	}
	if e.stream.open {
		e.proof |= update.StreamOpen
	}
	if e.stream.open && e.streamer.Stats(e.now).Sent > e.stream.sentBefore {
		e.proof |= update.FrameSent
		if e.stream.ping == 0 {
			e.stream.ping = e.client.Conn().Ping()
		}
	}
	if p := e.stream.ping; p != 0 && e.client.Conn().Answered() >= p {
		e.proof |= update.PingAnswered
	}
}
