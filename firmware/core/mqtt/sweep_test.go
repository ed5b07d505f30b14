package mqtt

import (
	"fmt"
	"slices"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang/packets"

	"camrelay/firmware/core/haltest"
)

// world is a client and a broker whose connections break at chosen bytes. The
// broker sends what was not acknowledged again, as whoever publishes would.
type world struct {
	*rig
	cuts []cut // of the first connections; the others hold

	p        *peer
	near     *haltest.Stream
	sessions int
	arrived  []string // payloads of QoS 1 at the broker
	commands []string // to be sent to the client, in order
	acked    int      // of them
	sent     int      // of them on this connection
	handled  []string // by the client
	answers  []string // that the client could not take yet
	total    cut      // bytes that arrived on the last connection
}

// cut says after how many bytes a connection breaks, -1: never.
type cut struct{ toBroker, toClient int }

func newWorld(t testing.TB, seed uint64, cuts ...cut) *world {
	w := &world{rig: &rig{t: t, clock: haltest.NewClock(), network: haltest.NewNetwork(), quiet: true}, cuts: cuts}
	for i := range 4 {
		w.commands = append(w.commands, fmt.Sprint("command ", i))
	}
	w.client.Init(w.network, haltest.NewRandom(seed), w)
	w.act = func(_, payload []byte) {
		w.handled = append(w.handled, string(payload))
		w.answers = append(w.answers, string(payload))
		w.reply()
	}
	return w
}

// reply publishes the answers there is room for.
func (w *world) reply() {
	for len(w.answers) > 0 && w.client.Publish("answer", []byte(w.answers[0]), QoS1) == nil {
		w.answers = w.answers[1:]
	}
}

// turn lets everybody act until nothing happens any more.
func (w *world) turn() {
	for moved := true; moved; {
		moved = w.client.Step(w.clock.Now())
		w.reply()
		if call := w.network.Next(); call != nil {
			w.connected(&peer{r: w.rig, s: call.Accept()})
			moved = true
		}
		for w.p != nil {
			packet := w.p.next()
			if packet == nil {
				break
			}
			w.answer(packet)
			moved = true
		}
	}
}

func (w *world) connected(p *peer) {
	w.p, w.near, w.sent = p, w.client.stream.(*haltest.Stream), w.acked
	if w.sessions < len(w.cuts) {
		if c := w.cuts[w.sessions]; c.toBroker >= 0 {
			w.near.CutAfter(c.toBroker)
		} else if c.toClient >= 0 {
			w.p.s.CutAfter(c.toClient)
		}
	}
	w.sessions++
}

// answer is what a broker does. Writing to a broken connection does nothing.
func (w *world) answer(packet paho.ControlPacket) {
	switch p := packet.(type) {
	case *paho.ConnectPacket:
		w.p.s.Write([]byte("\x20\x02\x00\x00"))
	case *paho.SubscribePacket:
		w.p.s.Write([]byte{0x90, 4, byte(p.MessageID >> 8), byte(p.MessageID), 1, 0})
		w.command()
	case *paho.PublishPacket:
		if p.Qos == 1 {
			w.arrived = append(w.arrived, string(p.Payload))
			w.p.s.Write(appendPuback(nil, p.MessageID))
		}
	case *paho.PubackPacket:
		if int(p.MessageID) != w.acked+1 || !slices.Contains(w.handled, w.commands[w.acked]) {
			w.t.Errorf("%d is acknowledged, %q were handled", p.MessageID, w.handled)
		}
		w.acked++
		w.command()
	case *paho.PingreqPacket:
		w.p.s.Write([]byte("\xd0\x00"))
	default:
		w.t.Errorf("the client sends %v", packet)
	}
}

// command sends the next command.
func (w *world) command() {
	if w.sent < len(w.commands) {
		w.sent++
		w.p.s.Write(appendPublish(nil, "cam/door/cmd", []byte(w.commands[w.sent-1]), QoS1, uint16(w.sent)))
	}
}

// live is a whole session: three events, four commands and their answers, and a
// status, with a message of QoS 0 in between.
func (w *world) live() {
	w.t.Helper()
	const events = 3
	o := options()
	w.start(o)
	published := 0
	done := func() bool {
		return published == events && w.acked == len(w.commands) && len(w.answers)+w.client.Pending() == 0 && w.client.State() == Ready
	}
	for range 50 {
		w.turn()
		if published < events && w.client.Pending() < 2 {
			if err := w.client.Publish("event", fmt.Append(nil, "event ", published), QoS1); err != nil {
				w.t.Fatal(err)
			}
			published++
			_ = w.client.Publish("level", []byte("7"), 0)
			continue
		}
		if done() {
			break
		}
		if w.client.State() == Waiting {
			w.clock.Advance(time.Duration(max(0, w.client.Retry()-w.clock.Now())))
		} else {
			w.clock.Advance(5 * time.Second)
		}
	}
	if !done() {
		w.t.Fatalf("cuts %v: the client is %v (%v), %d pending, %d commands acknowledged", w.cuts, w.client.State(), w.client.Err(), w.client.Pending(), w.acked)
	}
	w.total = cut{int(w.near.Delivered()), int(w.p.s.Delivered())}
	w.check("event ", w.arrived, events)
	w.check("command ", w.arrived, len(w.commands))
	w.check("command ", w.handled, len(w.commands))
}

// check looks whether all numbers have come, each for the first time after the
// one before.
func (w *world) check(kind string, got []string, n int) {
	w.t.Helper()
	var first []string
	for _, s := range got {
		if len(s) > len(kind) && s[:len(kind)] == kind && !slices.Contains(first, s) {
			first = append(first, s)
		}
	}
	for i := range n {
		if len(first) != n || first[i] != fmt.Sprint(kind, i) {
			w.t.Errorf("cuts %v: of %q came %q", w.cuts, kind, got)
			return
		}
	}
}

// TestSweep breaks the connection after each byte of a whole session, in each
// direction, once, and again at the same byte of the second connection.
func TestSweep(t *testing.T) {
	w := newWorld(t, 1)
	w.live()
	if w.sessions != 1 || len(w.handled) != 4 || len(w.arrived) != 7 {
		t.Fatalf("%d connections, handled %q, arrived %q", w.sessions, w.handled, w.arrived)
	}
	whole, cases := w.total, 0
	for _, dir := range []int{0, 1} {
		for n := range [2]int{whole.toBroker, whole.toClient}[dir] {
			c := [2]cut{{n, -1}, {-1, n}}[dir]
			for _, cuts := range [][]cut{{c}, {c, c}, {c, c, c}} {
				w := newWorld(t, uint64(n), cuts...)
				w.live()
				if w.sessions != len(cuts)+1 && len(cuts) == 1 {
					t.Errorf("cuts %v: %d connections", cuts, w.sessions)
				}
				cases++
			}
			if t.Failed() {
				return
			}
		}
	}
	t.Logf("%d bytes to the broker, %d to the client: %d cases", whole.toBroker, whole.toClient, cases)
}

// FuzzSweep breaks several connections at unrelated bytes.
func FuzzSweep(f *testing.F) {
	f.Add([]byte{10, 130, 77, 200})
	f.Fuzz(func(t *testing.T, at []byte) {
		var cuts []cut
		for _, b := range at[:min(len(at), 8)] {
			if b&1 == 0 {
				cuts = append(cuts, cut{int(b), -1})
			} else {
				cuts = append(cuts, cut{-1, int(b)})
			}
		}
		newWorld(t, 1, cuts...).live()
	})
}
