package streamer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"camrelay/firmware/core/capture"
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
	"camrelay/firmware/core/ov2640"
	"camrelay/firmware/core/ws"
	"camrelay/internal/wire"
)

// What a driver of the sensor wants of the frames, and a streamer of a
// connection, is what they are given.
var (
	_ ov2640.Frames = (*capture.Queue)(nil)
	_ Sink          = (*ws.Conn)(nil)
)

// peer takes a WebSocket apart.
type peer struct {
	stream  hal.Stream
	in      []byte
	message []byte
	binary  func([]byte)
	text    func([]byte)
}

// read takes what has arrived.
func (p *peer) read() error {
	var buf [4096]byte
	for n := p.stream.Read(buf[:]); n > 0; n = p.stream.Read(buf[:]) {
		p.in = append(p.in, buf[:n]...)
	}
	for len(p.in) >= 2 {
		size, at := int(p.in[1]&0x7f), 2
		if size == 126 && len(p.in) >= 4 {
			size, at = int(binary.BigEndian.Uint16(p.in[2:])), 4
		}
		if len(p.in) < at+4+size {
			return nil
		}
		payload := p.in[at+4:][:size]
		for i := range payload {
			payload[i] ^= p.in[at+i%4]
		}
		if err := p.frame(p.in[0]&0x80 != 0, p.in[0]&0x0f, payload); err != nil {
			return err
		}
		p.in = p.in[at+4+size:]
	}
	return nil
}

func (p *peer) frame(fin bool, op byte, payload []byte) error {
	switch {
	case op == 1 && fin && len(p.message) == 0:
		p.text(payload)
	case op == 9 || op == 10:
	case op == 2 && len(p.message) == 0, op == 0 && len(p.message) > 0:
		if p.message = append(p.message, payload...); fin {
			p.binary(p.message)
			p.message = p.message[:0]
		}
	default:
		return fmt.Errorf("opcode %d, fin %v within %d bytes of a message", op, fin, len(p.message))
	}
	return nil
}

// Over a real connection, with pings and texts between, and a peer that reads in
// fits and starts, each message is a frame.
func TestWebSocket(t *testing.T) {
	r := newRig(t, 16384)
	near, far := haltest.Pipe(haltest.For(hal.Relay), haltest.Buffers{Send: 1024, Receive: 2048})
	var conn ws.Conn
	options := ws.DefaultOptions()
	options.Fragment = make([]byte, ws.FragmentSize)
	options.PingInterval, options.PongTimeout = second/10, 0
	conn.Open(ws.Client, near, haltest.NewRandom(1), options, nil, r.clock.Now())
	p := picture(t, 1, 160)
	texts := 0
	partner := &peer{stream: far, text: func([]byte) { texts++ }, binary: func(m []byte) {
		c, _ := wire.ParseCapture(m)
		if !bytes.Equal(m, with(p, wire.Capture{Count: c.Count})) {
			t.Errorf("frame %d is not what was sent", c.Count)
		}
		r.got = append(r.got, nil)
	}}
	r.s.Connect(&conn)
	for i := range 500 {
		for at := 0; at < len(p); at += 2000 {
			r.q.Write(p[at:min(at+2000, len(p))])
			for range 3 {
				r.s.Step(r.clock.Now())
				conn.Step(r.clock.Now())
			}
			if i%8 > 1 {
				if err := partner.read(); err != nil {
					t.Fatal(err)
				}
			}
		}
		conn.Text([]byte(`{"t":"stats"}`))
		r.clock.Advance(time.Millisecond)
		r.vsync()
	}
	s := r.s.Stats(r.clock.Now())
	if conn.State() != ws.Open || len(r.got) < 200 || int(s.Sent)-len(r.got) > 2 || s.Aborted != 0 || texts < 50 {
		t.Errorf("%v (%+v), %d frames and %d texts arrived, %+v", conn.State(), conn.End(), len(r.got), texts, s)
	}
}
