package mqtt

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang/packets"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
)

// rig is a client with a clock and a network that the test plays.
type rig struct {
	t       testing.TB
	clock   *haltest.Clock
	network *haltest.Network
	client  Client
	log     []string // what the handler was told
	quiet   bool     // log nothing
	act     func(topic, payload []byte)
	changed func(State)
}

func newRig(t testing.TB) *rig {
	r := &rig{t: t, clock: haltest.NewClock(), network: haltest.NewNetwork()}
	r.client.Init(r.network, haltest.NewRandom(1), r)
	return r
}

func (r *rig) OnMessage(topic, payload []byte, retained, dup bool) {
	if !r.quiet {
		r.log = append(r.log, fmt.Sprintf("%s=%s retained=%v dup=%v", topic, payload, retained, dup))
	}
	if r.act != nil {
		r.act(topic, payload)
	}
}

func (r *rig) OnState(s State, err error) {
	line := s.String()
	if err != nil {
		line += ": " + err.Error()
	}
	r.log = append(r.log, line)
	if r.changed != nil {
		r.changed(s)
	}
}

func (r *rig) OnTrouble(err error, n int) {
	r.log = append(r.log, fmt.Sprintf("%v %d", err, n))
}

// options are those of most tests.
func options() *Options {
	return &Options{
		Address: Address{Host: "relay", Port: 1883, User: "door", Password: "secret"}, ClientID: "door",
		Will:    Will{"cam/door/status", "offline", QoS1 | Retain},
		Filters: []Filter{{"cam/door/cmd", 1}, {"all", 0}},
	}
}

func (r *rig) start(o *Options) {
	r.t.Helper()
	if err := r.client.Start(o); err != nil {
		r.t.Fatal(err)
	}
}

// run steps until nothing happens any more.
func (r *rig) run() {
	r.t.Helper()
	for range 10_000 {
		if !r.client.Step(r.clock.Now()) {
			return
		}
	}
	r.t.Fatal("the client does not come to rest")
}

func (r *rig) pass(d time.Duration) {
	r.t.Helper()
	r.clock.Advance(d)
	r.run()
}

// logged returns what was logged since, and forgets it.
func (r *rig) logged() []string {
	log := r.log
	r.log = nil
	return log
}

func (r *rig) wantLog(lines ...string) {
	r.t.Helper()
	if got := r.logged(); !slices.Equal(got, lines) {
		r.t.Errorf("the handler was told %q, want %q", got, lines)
	}
}

// accept takes the connection that the client makes, and what it says first.
func (r *rig) accept() *peer {
	r.t.Helper()
	r.run()
	call := r.network.Next()
	if call == nil {
		r.t.Fatalf("the client does not connect; it is %v: %v", r.client.State(), r.client.Err())
	}
	if call.Use != hal.Broker || call.Host != "relay" || call.Port != 1883 {
		r.t.Errorf("the client connects to %+v", call)
	}
	p := &peer{r: r, s: call.Accept()}
	r.run()
	return p
}

// ready connects and subscribes.
func (r *rig) ready() *peer {
	r.t.Helper()
	p := r.accept()
	p.want("CONNECT")
	p.say("\x20\x02\x00\x00")
	p.grant()
	if r.client.State() != Ready {
		r.t.Fatalf("the client is %v: %v", r.client.State(), r.client.Err())
	}
	return p
}

// reset breaks a connection.
func (r *rig) reset(p *peer) {
	r.t.Helper()
	p.s.Break(hal.ErrReset)
	r.run()
}

// peer is the far end of a connection, played by the test.
type peer struct {
	r   *rig
	s   *haltest.Stream
	buf bytes.Buffer
}

// say sends bytes, and lets the client act.
func (p *peer) say(b string) {
	p.r.t.Helper()
	if n := p.s.Write([]byte(b)); n != len(b) {
		p.r.t.Fatalf("%d of %d bytes were taken", n, len(b))
	}
	p.r.run()
}

// next returns the next packet from the client, nil if there is none.
func (p *peer) next() paho.ControlPacket {
	p.r.t.Helper()
	p.buf.Write(p.s.ReadAll())
	if p.buf.Len() == 0 {
		return nil
	}
	before := bytes.Clone(p.buf.Bytes())
	packet, err := paho.ReadPacket(&p.buf)
	if err == io.ErrUnexpectedEOF || err == io.EOF { // the rest is still to come
		p.buf.Reset()
		p.buf.Write(before)
		return nil
	}
	if err != nil {
		p.r.t.Fatalf("the client sent %q: %v", before, err)
	}
	return packet
}

// want reads packets and compares what they are.
func (p *peer) want(packets ...string) {
	p.r.t.Helper()
	for _, want := range packets {
		if got := name(p.next()); got != want {
			p.r.t.Errorf("the client sent %q, want %q", got, want)
		}
	}
	if extra := p.next(); extra != nil {
		p.r.t.Errorf("the client also sent %q", name(extra))
	}
}

// grant answers SUBSCRIBE.
func (p *peer) grant() {
	p.r.t.Helper()
	s, ok := p.next().(*paho.SubscribePacket)
	if !ok {
		p.r.t.Fatal("the client does not subscribe")
	}
	p.say(string(append([]byte{0x90, byte(2 + len(s.Qoss)), byte(s.MessageID >> 8), byte(s.MessageID)}, s.Qoss...)))
}

// ack acknowledges a message.
func (p *peer) ack(id uint16) {
	p.r.t.Helper()
	p.say(string(appendPuback(nil, id)))
}

// full lets nothing of the client arrive, and leaves it room for so many bytes;
// the function it returns ends that.
func (p *peer) full(room int) (end func()) {
	near := p.r.client.stream.(*haltest.Stream)
	near.Hold(true)
	filler := make([]byte, near.Space()-room)
	near.Write(filler)
	return func() {
		near.Hold(false)
		p.s.Read(filler)
		p.r.run()
	}
}

// name is short for what tests look at.
func name(packet paho.ControlPacket) string {
	switch p := packet.(type) {
	case nil:
		return "nothing"
	case *paho.PublishPacket:
		s := fmt.Sprintf("%s=%s", p.TopicName, p.Payload)
		if p.Qos > 0 {
			s += fmt.Sprintf(" id=%d", p.MessageID)
		}
		if p.Retain {
			s += " retain"
		}
		if p.Dup {
			s += " dup"
		}
		return s
	case *paho.PubackPacket:
		return fmt.Sprintf("PUBACK %d", p.MessageID)
	case *paho.ConnectPacket:
		return "CONNECT"
	case *paho.SubscribePacket:
		return "SUBSCRIBE"
	case *paho.PingreqPacket:
		return "PINGREQ"
	case *paho.DisconnectPacket:
		return "DISCONNECT"
	}
	return packet.String()
}
