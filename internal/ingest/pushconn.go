package ingest

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/gorilla/websocket"

	"camrelay/internal/stream"
	"camrelay/internal/wire"
)

// Errors of commands to a camera.
var (
	// ErrNoAnswer says that a camera did not acknowledge a command in time.
	ErrNoAnswer = errors.New("the camera did not answer in time")
	// ErrTooMany says that too many commands wait for a camera already.
	ErrTooMany = errors.New("too many commands wait for this camera: try again in a few seconds")
)

// RefusedError is what a camera said when it refused a command.
type RefusedError struct{ Text string }

func (e *RefusedError) Error() string { return "the camera refuses: " + e.Text }

// write sends what is in the outbox, and pings.
func (c *pushConn) write() {
	ping := time.NewTicker(c.opt.PingInterval)
	defer ping.Stop()
	for {
		var err error
		closed := false
		select {
		case <-c.done:
			_, _ = c.send(c.out.take()) // the answer to the camera's CLOSE
			return
		case <-ping.C:
			err = c.ws.WriteControl(websocket.PingMessage, nil, c.writeBy())
		case <-c.out.wake:
			closed, err = c.send(c.out.take())
		}
		switch {
		case err != nil:
			if isTimeout(err) {
				c.end("the camera does not read what it is sent")
			}
			c.conn.abort()
			return
		case closed:
			c.awaitClose()
			return
		}
	}
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// writeBy is when a write that begins now has to be done.
func (c *pushConn) writeBy() time.Time { return time.Now().Add(c.opt.WriteTimeout) }

// send writes what was due; closed says that a CLOSE frame ended it.
func (c *pushConn) send(due letter) (closed bool, err error) {
	if due.pong != nil {
		if err := c.ws.WriteControl(websocket.PongMessage, due.pong, c.writeBy()); err != nil {
			return false, err
		}
	}
	for _, text := range due.texts {
		_ = c.ws.SetWriteDeadline(c.writeBy())
		if err := c.ws.WriteMessage(websocket.TextMessage, text); err != nil {
			return false, err
		}
	}
	if due.closing == nil {
		return false, nil
	}
	c.conn.mayClose.Store(true)
	return true, c.ws.WriteControl(websocket.CloseMessage, due.closing, time.Now().Add(closeWait))
}

// awaitClose gives the camera time to answer a CLOSE frame, and closes TCP
// after that: the server goes first (RFC 6455 section 7.1.1), and esp-idf waits
// for it.
func (c *pushConn) awaitClose() {
	timer := time.NewTimer(closeWait)
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
		c.conn.abort()
	}
}

// end notes why the connection ends.
func (c *pushConn) end(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why == "" {
		c.why = why
	}
	c.leaving = true
}

func (c *pushConn) isLeaving() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leaving
}

// Detach implements stream.Source. A camera that is wanted back has its
// connection dropped without a CLOSE frame.
func (c *pushConn) Detach(why stream.Reason) {
	switch why {
	case stream.Shutdown:
		c.end("the relay stops")
		c.conn.abort()
	case stream.Superseded:
		c.goAway("a newer connection of this camera took over", wire.CloseSuperseded)
	case stream.Update:
		c.goAway("an update begins", wire.CloseUpdate)
	case stream.Forbidden:
		c.goAway("its key is no longer valid, or it was removed", wire.CloseForbidden)
	}
}

func (c *pushConn) goAway(why string, code int) {
	c.end(why)
	c.out.putClose(websocket.FormatCloseMessage(code, why))
}

// Pace implements stream.Source.
func (c *pushConn) Pace(p wire.Pace) {
	if !c.commands {
		return
	}
	if text, err := (wire.Command{T: wire.KindPace, Pace: &p}).Encode(); err == nil {
		c.out.putPace(text)
	}
}

// CanSet implements stream.Source.
func (c *pushConn) CanSet() bool { return c.commands }

// Set implements stream.Source. Its errors are ErrNoAnswer, ErrTooMany,
// *RefusedError, stream.ErrOffline and that of ctx.
func (c *pushConn) Set(ctx context.Context, settings wire.Settings) (wire.Settings, error) {
	ack, err := c.command(ctx, wire.Command{T: wire.KindSet, Settings: settings})
	if err != nil {
		return nil, err
	}
	if ack.Settings == nil { // it only says that all is well
		return settings, nil
	}
	return ack.Settings, nil
}

// Pause implements stream.Source, with the errors of Set.
func (c *pushConn) Pause(ctx context.Context, on bool) error {
	kind := wire.KindResume
	if on {
		kind = wire.KindPause
	}
	_, err := c.command(ctx, wire.Command{T: kind})
	return err
}

// command sends a command and waits for its acknowledgement.
func (c *pushConn) command(ctx context.Context, command wire.Command) (wire.Ack, error) {
	if !c.commands {
		return wire.Ack{}, stream.ErrNoControl
	}
	answer, id, err := c.ask(command)
	if err != nil {
		return wire.Ack{}, err
	}
	defer func() {
		c.mu.Lock()
		delete(c.waiting, id)
		c.mu.Unlock()
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, c.opt.AckTimeout, ErrNoAnswer)
	defer cancel()
	select {
	case ack := <-answer:
		if !ack.OK {
			return ack, &RefusedError{ack.Error}
		}
		return ack, nil
	case <-c.done:
		return wire.Ack{}, stream.ErrOffline
	case <-ctx.Done():
		return wire.Ack{}, context.Cause(ctx)
	}
}

// ask sends a command with the next id and returns where its answer will come.
func (c *pushConn) ask(command wire.Command) (<-chan wire.Ack, uint32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaving {
		return nil, 0, stream.ErrOffline
	}
	command.ID = c.lastID + 1
	text, err := command.Encode()
	if err != nil {
		return nil, 0, err
	}
	if len(c.waiting) == maxCommands || !c.out.putCommand(text) {
		return nil, 0, ErrTooMany
	}
	answer := make(chan wire.Ack, 1)
	c.lastID = command.ID
	c.waiting[command.ID] = answer
	return answer, command.ID, nil
}

// acknowledge hands an answer to the command that waits for it. One that comes
// too late still tells what is in force.
func (c *pushConn) acknowledge(ack wire.Ack) {
	c.mu.Lock()
	answer := c.waiting[ack.ID]
	delete(c.waiting, ack.ID)
	c.mu.Unlock()
	if answer != nil {
		answer <- ack
	} else if ack.OK {
		c.feed.Settings(ack.Settings)
	}
}
