package worldsim

import (
	"encoding/json"
	"time"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/http"
	"camrelay/internal/wire"
)

// Where things are.
const (
	relayHost  = "relay.sim"
	relayPort  = 8080
	brokerHost = "broker.sim"
	cameraID   = "door"
	cameraKey  = "crk_aaaabbbbccccddddeeeeffffgggghhhh"
)

// relay is the relay: one port for the stream, downloads and reports.
type relay struct {
	*World
	state   presence
	guests  []*guest
	socket  *socket // the newest stream
	command uint32  // number of the last one
	busyAt  int64   // until then it answers 503
}

func newRelay(w *World) *relay { return &relay{World: w} }

func (r *relay) listens() presence { return r.state }

// guest is a connection to the relay, until it is known what it is about.
type guest struct {
	*relay
	end   *end
	began int64
	head  http.Head
	buf   [2048]byte
	role  handler // what it is then
	piece [4096]byte
}

// headTime is how long the relay waits for a request.
const headTime = 10 * time.Second

func (r *relay) accept(e *end) handler {
	g := &guest{relay: r, end: e, began: r.now}
	g.head.Reset(g.buf[:0:1024])
	open := r.guests[:0]
	for _, old := range r.guests {
		if old.end.state != hal.Closed {
			open = append(open, old)
		}
	}
	r.guests = append(open, g)
	r.after(headTime, func() {
		if g.role == nil {
			e.Abort()
		}
	})
	return g
}

// step reads the head of the request.
func (g *guest) step() {
	if g.role != nil {
		g.role.step()
		return
	}
	for {
		n := g.end.Read(g.piece[:])
		if n == 0 {
			break
		}
		used, done, err := g.head.Take(g.piece[:n])
		if err != nil {
			g.fail(honest, "a request's head: %v", err)
			return
		}
		if done {
			g.serve(g.piece[used:n])
			return
		}
	}
	if g.end.state >= hal.PeerClosed {
		g.end.Close()
	}
}

// serve decides what the connection is about.
func (g *guest) serve(rest []byte) {
	var req http.Request
	if err := http.ParseRequest(g.head.Bytes(), &req); err != nil {
		g.fail(honest, "a request: %v", err)
		return
	}
	if host, _ := req.Get("Host"); string(host) != "relay.sim:8080" {
		g.fail(honest, "a request for %q", host)
	}
	if string(req.Path) == "/ws/push/"+cameraID {
		g.upgrade(&req)
		return
	}
	g.Requests++
	g.answer(&req, rest)
}

// restart ends the relay and begins it again after a while: by the way it goes,
// the camera hears of it, or of nothing.
func (r *relay) restart(as presence, d time.Duration) {
	r.RelayRestarts++
	if r.thinks() {
		r.brain.Killed()
	}
	r.state = as
	r.note("the relay is gone for %v", d)
	for _, g := range r.guests {
		if as == nobody {
			g.end.Abort()
		} else {
			g.end.end(nil) // its host is off: nobody is told
		}
	}
	r.guests, r.socket = nil, nil
	r.disturbed(d + 90*time.Second)
	r.after(d, func() {
		r.state = listening
		r.note("the relay is back")
		if r.brain != nil {
			r.brain.Started()
		}
	})
}

// say sends a command to the camera.
func (r *relay) say(v any) {
	if r.socket == nil {
		return
	}
	text, err := json.Marshal(v)
	if err != nil || len(text) > wire.MaxCommand {
		panic("worldsim: a command cannot be sent")
	}
	r.Commands++
	r.socket.send(1, text)
}

// audience lets viewers come and go: the pace changes.
func (r *relay) audience() {
	pace, d := wire.Pace{Still: 5}, r.between(30*time.Second, 8*time.Minute)
	switch {
	case r.chance(12):
		pace, d = wire.Pace{}, r.between(2*time.Second, 20*time.Second)
	case r.chance(4):
		pace, d = wire.Pace{FPS: float64(1 + r.rnd.IntN(20))}, r.between(2*time.Second, 20*time.Second)
	case r.chance(3):
		pace = wire.Pace{Still: 2}
	}
	r.pace(pace)
	if r.chance(8) {
		r.command++
		r.say(wire.Command{T: wire.KindPause, ID: r.command})
		r.after(time.Duration(1+r.rnd.IntN(20))*time.Second, func() {
			r.command++
			r.say(wire.Command{T: wire.KindResume, ID: r.command})
		})
	}
	if r.chance(6) {
		r.command++
		settings := wire.Settings{"quality": 10 + r.rnd.IntN(30), "hmirror": r.rnd.IntN(2), "brightness": r.rnd.IntN(5) - 2}
		if r.chance(3) {
			settings.SetFrameSize([]string{"VGA", "SVGA", "CIF", "QVGA"}[r.rnd.IntN(4)])
		}
		if r.chance(4) {
			settings["led_intensity"] = r.rnd.IntN(256)
		}
		r.say(wire.Command{T: wire.KindSet, ID: r.command, Settings: settings})
	}
	r.after(d, r.audience)
}

func (r *relay) pace(p wire.Pace) { r.say(wire.Command{T: wire.KindPace, Pace: &p}) }
