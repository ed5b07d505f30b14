package control

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/ws"
)

func mustConnect(t *testing.T, r *rig) *client {
	t.Helper()
	c, err := r.connectSocket()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSocketPushesStatus(t *testing.T) {
	r := newRig(t)
	c := mustConnect(t, r)
	c.pass(50 * time.Millisecond)
	if len(c.got) != 1 || c.got[0]["t"] != "status" || c.got[0]["heap"] == nil || c.got[0]["settings"] == nil {
		t.Fatalf("%v", c.got)
	}
	c.pass(20 * time.Second)
	if len(c.got) != 11 {
		t.Errorf("%d statuses in 20 s", len(c.got))
	}
	if c.ws.RTT() == 0 && c.ws.Answered() == 0 {
		t.Error("the server does not answer pings")
	}
	// It stays for as long as the client does.
	c.pass(10 * time.Minute)
	if c.ws.State() != ws.Open {
		t.Errorf("%v", c.ws.End())
	}
}

func TestSocketCommands(t *testing.T) {
	r := newRig(t)
	c := mustConnect(t, r)
	c.pass(50 * time.Millisecond)
	for _, test := range []struct{ command, ack string }{
		{`{"t":"led","id":7,"flash":128,"red":true}`, `{"id":7,"ok":true,"t":"ack"}`},
		{`{"t":"led","red":false}`, `{"ok":true,"t":"ack"}`},
		{`{"t":"led","id":0}`, `{"error":"neither flash nor red is given","id":0,"ok":false,"t":"ack"}`},
		{`{"t":"set","id":8,"settings":{"quality":10},"save":true}`, `{"id":8,"ok":true,"t":"ack"}`},
		{`{"t":"set","id":9,"quality":11}`, `{"id":9,"ok":true,"t":"ack"}`},
		{`{"id":10,"t":"status"}`, `{"id":10,"ok":true,"t":"ack"}`},
		{`{"t":"reboot","id":11}`, `{"id":11,"ok":true,"t":"ack"}`},
		{`{"t":"fly","id":12}`, `{"error":"t is none of set, led, status, reboot","id":12,"ok":false,"t":"ack"}`},
		{`{"t":5}`, `{"error":"t is none of set, led, status, reboot","ok":false,"t":"ack"}`},
		{`{"t":"led","flash":1,"id":"a"}`, `{"error":"id is not a whole number","ok":false,"t":"ack"}`},
		{`[]`, `{"error":"this is not a JSON object, like {\"t\":\"status\"}","ok":false,"t":"ack"}`},
		{``, `{"error":"this is not a JSON object, like {\"t\":\"status\"}","ok":false,"t":"ack"}`},
	} {
		got := c.say(test.command)
		if len(got) == 0 {
			t.Fatalf("%s: no answer; %v", test.command, c.ws.End())
		}
		if ack, _ := json.Marshal(got[0]); string(ack) != test.ack {
			t.Errorf("%s:\n got %s\nwant %s", test.command, ack, test.ack)
		}
		if strings.Contains(test.command, "status") && (len(got) != 2 || got[1]["t"] != "status") {
			t.Errorf("%v", got)
		}
	}
	if r.dev.flash != -1 || r.dev.red != 0 || r.dev.saved != 1 || strings.Join(r.dev.settings, "") != `{"quality":10}{"quality":11}` {
		t.Errorf("%+v", r.dev)
	}
	r.dev.why = "quality: 99 is not from 4 to 63"
	if got := c.say(`{"t":"set","quality":99}`); len(got) != 1 || got[0]["error"] != r.dev.why {
		t.Errorf("%v", got)
	}
	c.pass(time.Second)
	if r.dev.reboots != 1 {
		t.Error("no restart")
	}
	r.dev.long = true
	c.got = nil
	c.pass(5 * time.Second)
	if len(c.got) != 0 || c.ws.State() != ws.Open {
		t.Errorf("%v, %v", c.got, c.ws.State())
	}
}

func TestSocketEnds(t *testing.T) {
	binary := func(c *client) {
		c.far.Write(ws.Header{Fin: true, Masked: true, Op: ws.Binary, Length: 1, Key: 1}.Append(nil))
		c.far.Write([]byte{1})
	}
	for _, test := range []struct {
		name string
		do   func(*client)
		code uint16
	}{
		{"CLOSE", func(c *client) { c.ws.Close(ws.Normal, "") }, ws.Normal},
		{"binary", binary, ws.Unsupported},
		{"garbage", func(c *client) { c.far.Write([]byte("GET / HTTP/1.1\r\n\r\n")) }, ws.ProtocolError},
		{"too long", func(c *client) {
			c.far.Write(ws.Header{Fin: true, Masked: true, Op: ws.Text, Length: ws.MaxMessage + 1}.Append(nil))
		}, ws.TooBig},
	} {
		r := newRig(t)
		c := mustConnect(t, r)
		c.pass(100 * time.Millisecond)
		test.do(c)
		c.pass(time.Second)
		if c.ws.State() != ws.Closed || c.ws.End().Code != test.code || r.s.Open() != 0 {
			t.Errorf("%s: %v %+v, %d connections", test.name, c.ws.State(), c.ws.End(), r.s.Open())
		}
	}
}

// A client whose line is dead is dropped, and so is one that does not read, or
// that never answers CLOSE.
func TestSocketHalfOpen(t *testing.T) {
	for name, test := range map[string]struct {
		holds  int
		before string
		max    time.Duration
	}{
		"never answers a ping": {ample, "", 31 * time.Second},
		"never reads":          {200, "", 13 * time.Second},
		"never answers CLOSE":  {ample, "\x82\x80\x00\x00\x00\x00", 3 * time.Second},
	} {
		r := newRig(t)
		far := r.connect(test.holds)
		far.Write([]byte(handshake))
		r.settle()
		far.Write([]byte(test.before))
		if took := r.lasts(func() {
			if test.holds == ample {
				far.ReadAll()
			}
		}); took < time.Second || took > test.max {
			t.Errorf("%s: over after %v", name, took)
		}
		if r.s.sockets[0].busy {
			t.Errorf("%s: the place is still taken", name)
		}
	}
}

// Plain requests always find a place.
func TestSocketsAreFew(t *testing.T) {
	r := newRig(t)
	first, second := mustConnect(t, r), mustConnect(t, r)
	a := r.ask(handshake)
	if a.code != 503 || a.header.Get("Retry-After") != "10" {
		t.Errorf("%d %v %s", a.code, a.header, a.body)
	}
	for range 20 {
		if r.ask(get("/status", bearer)).code != 200 {
			t.Fatal("no place for a request")
		}
	}
	first.ws.Close(ws.Normal, "")
	first.pass(100 * time.Millisecond)
	third := mustConnect(t, r)
	if second.ws.State() != ws.Open || third.ws.State() != ws.Open {
		t.Error("the wrong one is gone")
	}
}

// One who sends commands faster than answers can leave has to wait; nothing is
// lost, and he gets his statuses in between.
func TestSocketFlood(t *testing.T) {
	r := newRig(t)
	c := mustConnect(t, r)
	const commands = 500
	sent, acks, statuses := 0, 0, 0
	for range 2000 {
		for sent < commands && c.ws.Text(fmt.Appendf(nil, `{"t":"led","id":%d,"flash":%d}`, sent, sent%256)) {
			sent++
			c.ws.Step(r.clock.Now())
		}
		r.step()
		c.step()
		r.clock.Advance(20 * time.Millisecond)
		for _, m := range c.got {
			if m["t"] == "status" {
				statuses++
				continue
			}
			if m["id"] != float64(acks) {
				t.Fatalf("ack of %v, want %d", m["id"], acks)
			}
			acks++
		}
		c.got = nil
	}
	if acks != commands || r.dev.calls != commands || statuses < 10 {
		t.Errorf("%d commands, %d acks, %d calls, %d statuses", sent, acks, r.dev.calls, statuses)
	}
}

// One that floods and does not read is stopped by what it does not read.
func TestSocketFloodWithoutReading(t *testing.T) {
	r := newRig(t)
	far := r.connect(400)
	far.Write([]byte(handshake))
	r.settle()
	command := masked(`{"t":"led","flash":1}`)
	near := r.lan.made[0]
	calls := 0
	took := r.lasts(func() {
		for far.Space() > 0 && near.State() != hal.Closed {
			far.Write(command)
		}
		calls = max(calls, r.dev.calls)
	})
	if calls > 100 || took > 13*time.Second {
		t.Errorf("%d commands were obeyed in %v", calls, took)
	}
}

// masked is a text frame of a client.
func masked(text string) []byte {
	p := []byte(text)
	h := ws.Header{Fin: true, Masked: true, Op: ws.Text, Length: uint64(len(p)), Key: 0x01020304}.Append(nil)
	ws.Mask(p, 0x01020304, 0)
	return append(h, p...)
}
