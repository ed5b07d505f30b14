package wsclient

import "camrelay/firmware/core/ws"

// Close codes of the relay (docs/protocol.md section 1).
const (
	closeUpdate     uint16 = 4001
	closeSuperseded uint16 = 4002
	closeForbidden  uint16 = 4003
)

// Pauses before coming back.
const (
	refusedPause    = 5 * minute  // the key is wrong, or no longer right
	supersededPause = 30 * second // another connection has this camera's place
	longestRetry    = 10 * minute // that Retry-After is followed
	restartBase     = 2 * second  // the server restarts
	stableAfter     = 60 * second // a connection was no failure
)

// ending is why an attempt or a connection is over.
type ending struct {
	status     int    // of the answer to the handshake; 0: not known
	retryAfter int64  // that it asked for, at most longestRetry; -1: none
	code       uint16 // of the server's CLOSE frame, 0: none
	meant      bool   // we were told to close
}

// next decides what comes after an end: a pause in nanoseconds, or another state
// than Waiting.
func (c *Client) next(why ending) (pause int64, state State) {
	switch {
	case why.meant || !c.cfg.Reconnect || why.code != 0 && !c.cfg.ReconnectOnClose:
		return -1, Stopped
	case why.code == closeUpdate:
		return -1, Away
	case why.code == closeSuperseded:
		return supersededPause, Waiting
	case why.code == closeForbidden, why.status == 401, why.status == 403:
		return refusedPause, Waiting
	}
	c.cfg.backoff(&c.backoff)
	switch why.code {
	case ws.GoingAway, ws.Restart, ws.TryLater:
		c.backoff.Base = max(c.backoff.Base, restartBase)
	}
	pause = c.backoff.Next(c.random)
	if why.retryAfter >= 0 && (why.status == 429 || why.status == 503) {
		pause = max(pause, why.retryAfter)
	}
	return pause, Waiting
}
