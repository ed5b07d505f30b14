package engine

import (
	"camrelay/firmware/core/ws"
	"camrelay/firmware/core/wsclient"
)

// closeUpdate is the code a camera leaves with for an update (docs/protocol.md).
const closeUpdate = 4001

// stream is the connection to the relay.
type stream struct {
	held       bool  // not to be opened: an update, or a restart
	closing    bool  // to be closed as soon as no message is open
	closeBy    int64 // at the latest
	open       bool
	sentBefore uint32 // frames, on connections before
	ping       uint32 // sent after the first frame of a trial
	statsAt    int64
	awaySince  int64 // since the relay said to stay away
}

// awayTime is how long the camera stays away when the relay said so for an
// update that does not come, in nanoseconds.
const awayTime = 5 * minute

// stepStream keeps the connection, and sends what is to be said over it.
func (e *Engine) stepStream() bool {
	s := &e.stream
	wanted := !s.held && e.link.up && e.trial.MayStream()
	switch e.client.State() {
	case wsclient.Stopped:
		if wanted {
			e.client.Start()
		}
		s.awaySince = e.now
	case wsclient.Away:
		if wanted && e.now-s.awaySince >= awayTime && !e.updater.Active() {
			e.client.Start()
		}
	default:
		s.awaySince = e.now
	}
	if s.closing && e.mayClose() {
		s.closing = false
		e.client.Close(closeUpdate, "update") // where there is no connection, it begins none
	}
	progress := e.client.Step(e.now)
	if s.open {
		e.say()
	}
	return progress
}

// streamEvents hears of the connection.
type streamEvents struct{ *Engine }

// OnEvent implements wsclient.Handler.
func (e streamEvents) OnEvent(ev *wsclient.Event) {
	s := &e.stream
	switch ev.Kind {
	case wsclient.EventOpen:
		s.open, s.ping = true, 0
		s.sentBefore = e.streamer.Stats(e.now).Sent
		s.statsAt = e.now
		e.out.reset()
		e.out.hello = true
		e.streamer.Connect(e.client.Conn())
	case wsclient.EventMessage:
		if ev.Op == ws.Text {
			e.obey(ev.Data)
		}
	case wsclient.EventDisconnected:
		if s.open {
			e.streamer.Disconnect()
		}
		s.open = false
	}
}

// closeStream ends the connection for an update, after the message that is open
// and what is to be said.
func (e *Engine) closeStream() {
	e.saveChanges()
	e.stream.held = true
	e.streamer.Quiesce(e.now, finishTime)
	if !e.stream.open {
		e.client.Stop()
		return
	}
	e.stream.closing, e.stream.closeBy = true, e.now+2*finishTime
}

// mayClose reports whether all has been said on a connection that is to be
// closed, or cannot be.
func (e *Engine) mayClose() bool {
	return !e.stream.open || e.now >= e.stream.closeBy || e.streamer.Idle() && !e.out.waits()
}

// streamOver reports whether there is no connection, and none is begun.
func (e *Engine) streamOver() bool {
	return e.stream.held && !e.stream.closing && e.client.State() <= wsclient.Away
}

// forceStream ends the connection at once.
func (e *Engine) forceStream() {
	e.stream.closing = false
	e.client.Stop()
}
