package worldsim

import (
	"fmt"
	"strings"
	"time"

	"camrelay/firmware/core/hal"
)

// people are those at home who look at the camera's own server.
type people struct {
	*World
	here int
	left int64 // when the last one went
}

// visitor is one connection to the camera.
type visitor struct {
	*people
	end   *end
	say   string // as soon as it is open
	reads bool
	heard strings.Builder
	sent  bool
	done  bool
}

// What people do with a connection. Few of them end it in order.
var habits = []struct {
	text  string
	reads bool
}{
	{"", true},
	{"", false},
	{"GET /status HTT", true},
	{"GET /status HTTP/1.1\r\nHost: door.local\r\n\r\n", true},
	{"GET /status HTTP/1.1\r\nHost: door.local\r\nAuthorization: Bearer " + cameraKey + "\r\n\r\n", true},
	{"GET /status HTTP/1.1\r\nHost: door.local\r\nAuthorization: Bearer " + cameraKey + "\r\n\r\n", false},
	{"GET /status HTTP/1.1\r\nHost: door.local\r\nAuthorization: Bearer wrong\r\n\r\n", true},
	{"PUT /settings HTTP/1.1\r\nHost: door.local\r\nAuthorization: Bearer " + cameraKey + "\r\nContent-Length: 27\r\n\r\n{\"quality\":21,\"save\":true}  ", true},
	{"POST /led HTTP/1.1\r\nHost: door.local\r\nAuthorization: Bearer " + cameraKey + "\r\nContent-Length: 400\r\n\r\n{\"flash\":", true},
	{socketRequest, true},
	{socketRequest, false},
	{strings.Repeat("x", 3000), true},
}

const socketRequest = "GET /ws?t=" + cameraKey + " HTTP/1.1\r\nHost: door.local\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

// come lets one come, and go after a while.
func (p *people) come() {
	h := habits[p.rnd.IntN(len(habits))]
	v := &visitor{people: p, say: h.text, reads: h.reads}
	p.Visitors++
	p.here++
	p.net.visit(func(e *end) handler { v.end = e; return v })
	p.after(p.between(time.Second, 3*time.Minute), v.leave)
}

// step does what the visitor does.
func (v *visitor) step() {
	if v.end.state == hal.Closed || v.end.state == hal.Dialing {
		return
	}
	if !v.sent {
		v.sent = true
		v.end.Write([]byte(v.say))
	}
	if !v.reads {
		return
	}
	var piece [1024]byte
	for n := v.end.Read(piece[:]); n > 0; n = v.end.Read(piece[:]) {
		v.secret("answer", piece[:n])
	}
}

// leave ends the connection, or forgets it.
func (v *visitor) leave() {
	if v.done {
		return
	}
	v.done = true
	v.here--
	v.left = v.now
	switch v.rnd.IntN(3) {
	case 0:
		v.end.Close()
	case 1:
		v.end.Abort()
	}
}

// reboot has the camera restarted by somebody.
func (p *people) reboot() {
	text := fmt.Sprintf("POST /reboot HTTP/1.1\r\nHost: door.local\r\nAuthorization: Bearer %s\r\n\r\n", cameraKey)
	v := &visitor{people: p, say: text, reads: true}
	p.Visitors++
	p.here++
	p.disturbed(10 * time.Second)
	p.net.visit(func(e *end) handler { v.end = e; return v })
	p.after(20*time.Second, v.leave)
}
