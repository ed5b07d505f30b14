package control

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"camrelay/firmware/core/haltest"
)

// FuzzRequest sends anything, in pieces, and then nothing more: there is at most
// one answer, well-formed, and the connection ends within its limits.
func FuzzRequest(f *testing.F) {
	for _, request := range []string{
		get("/", ""), get("/status", bearer), get("/status?t="+key, ""), get("/status", basic("a", key)), post("POST /led", bearer, `{"flash":1,"red":true}`),
		post("PUT /settings", bearer, `{"settings":{"a":[1]},"save":true}`), post("PUT /settings", bearer, `{"id":1,"a":"\"","b":{}}`), post("POST /reboot", bearer, ""),
		handshake, handshake + string(masked(`{"t":"status"}`)), "\r\n\r\n", strings.Repeat("x", 2000),
		"POST /led HTTP/1.1\r\n" + host + bearer + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", get("/", "Origin: http://192.168.1.20\r\n"),
		"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET / HTTP/1.0\r\nHost: door.local\r\n\r\n",
		post("POST /led", bearer+"Expect: 100-continue\r\n", `{"flash":1}`),
	} {
		f.Add([]byte(request), uint16(7), false)
		f.Add([]byte(request), uint16(3000), true)
	}
	f.Fuzz(func(t *testing.T, request []byte, piece uint16, end bool) {
		if len(request) > 1<<14 {
			return
		}
		r := newRig(t)
		far := r.connect(ample)
		for rest := request; len(rest) > 0; {
			n := min(len(rest), int(piece%4096)+1)
			far.Write(rest[:n])
			rest = rest[n:]
			if len(request)/(int(piece%4096)+1) < 200 {
				r.step()
			}
		}
		if end {
			far.Close()
		}
		r.settle()
		took := r.lasts(func() {})
		got := bytes.TrimPrefix(far.ReadAll(), []byte("HTTP/1.1 100 Continue\r\n\r\n"))
		switch {
		case bytes.HasPrefix(got, []byte("HTTP/1.1 101 ")): // until it has not answered a ping
			if took > 33*time.Second {
				t.Errorf("a WebSocket that says nothing lasts %v", took)
			}
		case took > (headTime+bodyTime+endTime)+200*time.Millisecond:
			t.Errorf("over after %v", took)
		case len(got) > 0:
			parse(t, string(request), got)
		}
		if r.s.Open() != 0 {
			t.Error("the place is still taken")
		}
	})
}

// FuzzClients lets several clients do anything at any time, and stops and starts
// the server in between: it never panics or runs in circles, and Stop is in time.
func FuzzClients(f *testing.F) {
	f.Add([]byte("\x00\x11\x11\x20\x32\x42\x50\x60\x77\x80\xff"))
	f.Add([]byte("\x01\x01\x01\x01\x01\x03\x13\x23\x33\xf0\xf0\x02\x12\x22\x32\xf1\x04\x00\x10"))
	f.Add([]byte("\x05\x06\x05\x06\xf1\x04\x01\xf1\x00\x03\xf0\xf0\xf0\xf0\xf0"))
	says := [][]byte{
		[]byte(get("/status", bearer)), []byte("GET /"), []byte(handshake), []byte(post("POST /led", bearer, `{"flash":1}`)), masked(`{"t":"status"}`),
		masked(`{"t":"reboot","id":1}`), {0x88, 0x80, 0, 0, 0, 0}, {0x8a, 0x80, 0, 0, 0, 0}, {0xff}, bytes.Repeat([]byte("a"), 3000),
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 300 {
			return
		}
		r := newRig(t)
		r.dev.pad = 850
		var clients [6]*haltest.Stream
		for i := range clients {
			clients[i], _ = haltest.Pipe(haltest.Ample, haltest.Ample)
		}
		for _, b := range script {
			c := &clients[int(b>>4)%len(clients)]
			switch op := int(b & 15); {
			case b == 0xf0:
				r.clock.Advance(3 * time.Second)
			case b == 0xf1 && r.s.Stopped():
				r.start()
			case b == 0xf1:
				r.stopped = r.clock.Now()
				r.s.Stop(r.stopped)
			case b >= 0xe0:
				r.clock.Advance(time.Duration(op) * 50 * time.Millisecond)
			case op < len(says):
				(*c).Write(says[op])
			case op == 10:
				(*c).ReadAll()
			case op == 11:
				(*c).Close()
			case op == 12:
				(*c).Abort()
			default:
				if far := r.lan.connect([]int{0, 300, ample}[op%3]); far != nil {
					*c = far
				}
			}
			r.settle()
		}
		if r.stopped == 0 {
			r.stopped = r.clock.Now()
			r.s.Stop(r.stopped)
		}
		r.pass(time.Second)
		r.gone()
	})
}
