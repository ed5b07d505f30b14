package egress

import (
	"encoding/binary"
	"testing"
	"time"

	"camrelay/internal/pusher/rawws"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

// prober is a viewer of camrelay.view.v1 that decides what it answers.
type prober struct {
	*studio
	send func(op byte, payload []byte)
	read func(ops ...byte) rawws.Frame
}

func newProber(t *testing.T) *prober {
	s := newStudio(t, Options{PingInterval: 2 * time.Millisecond})
	conn, r := s.raw("/ws/view", wire.ViewProtocol)
	p := &prober{studio: s}
	p.send = func(op byte, payload []byte) {
		conn.Write(rawws.Frame{Fin: true, Opcode: op, Payload: payload}.Append(nil))
	}
	p.read = func(ops ...byte) rawws.Frame { return frameWith(t, r, ops...) }
	p.send(opText, []byte(`{"t":"watch","cameras":[{"id":"door"}]}`))
	testkit.Eventually(t, 5*time.Second, func() bool { return s.hub.Viewers() == 1 }, "joined")
	p.send(opPong, p.read(opPing).Payload)
	return p
}

// ack acknowledges the frame in a message.
func (p *prober) ack(f rawws.Frame) {
	h, _, err := wire.ParseFrame(f.Payload)
	if err != nil {
		p.Fatal(err)
	}
	p.send(opBinary, wire.FrameAck{Stream: h.Stream, Seq: h.Seq}.Append(nil))
}

// A viewer that misses frames gets a ping from time to time when nothing is on
// the way to it, and the next frame after it answered.
func TestProbe(t *testing.T) {
	p := newProber(t)
	p.publish(picture(0, 100))
	probes := 0
	for i := range 100 {
		f := p.read(opBinary)
		p.publish(picture(i, 100)) // misses one
		p.publish(picture(i, 100))
		time.Sleep(2 * time.Millisecond) // so that a ping is due
		p.ack(f)
		next := p.read(opBinary, opPing)
		if next.Opcode == opPing {
			p.send(opText, []byte(`{"t":"clock","client":1}`))
			if held := p.read(opBinary, opText); held.Opcode == opText {
				probes++ // the answer to the clock overtook the frame
			} else {
				p.publish(picture(i, 100))
				p.ack(held)
			}
			p.send(opPong, next.Payload)
		} else {
			p.publish(picture(i, 100))
			p.ack(next)
		}
	}
	if probes < 5 {
		t.Errorf("%d probes", probes)
	}
}

// One that answers no ping is not waited for long, and then no more.
func TestProbeWithoutAnswer(t *testing.T) {
	p := newProber(t)
	p.publish(picture(0, 100))
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				p.sweep(time.Now())
				p.publish(picture(0, 100))
				p.publish(picture(0, 100))
			}
		}
	}()
	waited := 0
	for range 200 {
		begin := time.Now()
		f := p.read(opBinary)
		if time.Since(begin) > probePatience/2 {
			waited++
		}
		p.ack(f)
	}
	close(stop)
	<-done
	if waited > 1 {
		t.Errorf("frames were held back %d times for a viewer that answers no ping", waited)
	}
}

// A round trip that the viewer makes up is not believed.
func TestMadeUpPongs(t *testing.T) {
	p := newProber(t)
	for _, sent := range []uint64{0, 1, 1 << 63, 1<<64 - 1, uint64(time.Hour)} {
		p.send(opPong, binary.BigEndian.AppendUint64(nil, sent))
	}
	p.send(opPong, []byte("unasked"))
	p.publish(picture(0, 100))
	p.publish(picture(1, 100))
	p.ack(p.read(opBinary))
	p.ack(p.read(opBinary))
}
