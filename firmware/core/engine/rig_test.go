package engine

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	stdimage "image"
	"image/color"
	"image/jpeg"
	"slices"
	"strings"
	"testing"
	"time"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/capture"
	"camrelay/firmware/core/config"
	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/flash/norsim"
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
	"camrelay/firmware/core/image"
	"camrelay/firmware/core/ov2640/ovsim"
	"camrelay/firmware/core/ws"
	"camrelay/internal/signing"
	"camrelay/internal/wire"
)

const testKey = "crk_aaaabbbbccccddddeeeeffffgggghhhh"

// signer signs the images of the tests.
var signer = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func ring() []image.Key {
	return []image.Key{image.NewKey([image.PublicKeySize]byte(signer.Public().(ed25519.PublicKey)))}
}

func newImage(t testing.TB, board, chip, version string, build uint32) []byte {
	t.Helper()
	h := image.Header{Build: build}
	for field, value := range map[*image.Text]string{&h.Board: board, &h.Chip: chip, &h.Version: version} {
		var ok bool
		if *field, ok = image.NewText(value); !ok {
			t.Fatalf("%q is too long", value)
		}
	}
	content := signing.Pack(&h, bytes.Repeat([]byte("firmware"), 1000))
	signing.Sign(&h, content, signer)
	return content
}

// chip is hal.System.
type chip struct {
	note   [hal.NoteSize]byte
	cause  hal.Cause
	slot   boot.Slot
	fed    int
	resets int
	stayed bool
	free   uint32
}

func (c *chip) Feed()              { c.fed++ }
func (c *chip) Reset()             { c.resets++ }
func (c *chip) Cause() hal.Cause   { return c.cause }
func (c *chip) Slot() boot.Slot    { return c.slot }
func (c *chip) Stayed()            { c.stayed = true }
func (c *chip) Note() []byte       { return c.note[:] }
func (c *chip) Memory() hal.Memory { return c.Heap() }
func (c *chip) Heap() hal.Memory   { return hal.Memory{Free: c.free, Largest: c.free / 2} }

// leds is hal.LED.
type leds struct {
	flash uint8
	red   bool
}

func (l *leds) Flash(level uint8) { l.flash = level }
func (l *leds) Red(on bool)       { l.red = on }

// network remembers what the camera has dialled.
type network struct {
	*haltest.Network
	near [hal.Control]*haltest.Stream
}

// Dial implements hal.Network.
func (n *network) Dial(use hal.Use, host string, port uint16) (hal.Stream, error) {
	s, err := n.Network.Dial(use, host, port)
	if err == nil {
		n.near[use] = s.(*haltest.Stream)
	}
	return s, err
}

// rig is a camera with power, whose relay and broker the test plays.
type rig struct {
	t      testing.TB
	clock  *haltest.Clock
	net    *network
	flash  *norsim.Flash
	sys    *chip
	led    *leds
	sensor *ovsim.Sensor
	queue  capture.Queue
	e      *Engine

	shot   []byte // what the sensor sees
	frames bool   // the sensor gives frames
	nextAt int64
	begun  int
}

// usual are settings of a camera without MQTT and without a server.
func usual() map[config.Tag]string {
	return map[config.Tag]string{config.Relay: "ws://relay.example:8080", config.Camera: "door", config.Key: testKey, config.Port: "\x00\x00\x01\x00"}
}

func withMQTT(values map[config.Tag]string) map[config.Tag]string {
	values[config.MQTT] = "mqtt://broker.example"
	return values
}

func withServer(values map[config.Tag]string) map[config.Tag]string {
	values[config.Port] = "\x51\x00\x00\x00"
	return values
}

// newRig returns a camera that is set up and has not been started.
func newRig(t testing.TB, values map[config.Tag]string) *rig {
	t.Helper()
	r := &rig{t: t, clock: haltest.NewClock(), net: &network{Network: haltest.NewNetwork()}, flash: norsim.New(boot.ChipSize), sys: &chip{cause: hal.PowerOn, free: 61208}, led: &leds{}}
	r.clock.SetUnix(time.Unix(1_795_166_000, 0))
	r.net.Strength = -61
	r.install(newImage(t, "ai-thinker", "esp32sim", "1.4.2", 1042))
	if values != nil {
		r.store(values)
	}
	r.shot = picture(t, 32, 24)
	r.frames = true
	r.make()
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// install writes an image into slot A as a programmer does.
func (r *rig) install(content []byte) {
	for off := 0; off < len(content); off += flash.Sector {
		r.must(r.flash.Erase(boot.SlotAOffset + uint32(off)))
	}
	r.must(flash.Program(r.flash, boot.SlotAOffset, content))
}

// store writes settings.
func (r *rig) store(values map[config.Tag]string) {
	var store config.Store
	var set config.Values
	r.must(store.Open(r.flash, boot.SettingsOffset))
	for tag, value := range values {
		r.must(set.Set(tag, []byte(value)))
	}
	r.must(store.Save(set.Bytes()))
}

// make is what happens at a reset.
func (r *rig) make() {
	r.sensor = ovsim.New(r.clock.Now)
	r.must(r.queue.Init(make([]uint32, 16<<10)))
	board := hal.Board{Clock: r.clock, Random: haltest.NewRandom(1), Network: r.net, Camera: r.sensor, Flash: r.flash, System: r.sys, LED: r.led}
	r.e = New(board, Config{Map: boot.ESP32CAM(), Ring: ring(), Queue: &r.queue})
}

// restart is a reset and the next start.
func (r *rig) restart(cause hal.Cause) {
	r.t.Helper()
	r.net = &network{Network: haltest.NewNetwork()}
	r.sys.cause, r.sys.resets = cause, 0
	r.make()
	r.must(r.e.Start())
}

// tick lets the time of one step pass.
func (r *rig) tick(d time.Duration) {
	now := r.clock.Advance(d)
	if r.frames && r.sensor.Receiving() && now >= r.nextAt {
		r.nextAt = now + int64(40*time.Millisecond)
		r.queue.EndOfFrame(now, nil)
		if r.queue.Taking() {
			r.begun++
			r.queue.Write(r.shot)
		}
	}
	for range 100 {
		if !r.e.Step() {
			return
		}
	}
}

// run lets time pass.
func (r *rig) run(d time.Duration) {
	const step = 5 * time.Millisecond
	for end := r.clock.Now() + int64(d); r.clock.Now() < end; {
		r.tick(step)
	}
}

// until lets time pass until ok says that it is enough.
func (r *rig) until(limit time.Duration, what string, ok func() bool) time.Duration {
	r.t.Helper()
	began := r.clock.Now()
	for !ok() {
		if r.clock.Now()-began > int64(limit) {
			r.t.Fatalf("%s: not after %v", what, limit)
		}
		r.tick(5 * time.Millisecond)
	}
	return time.Duration(r.clock.Now() - began)
}

// dialled waits for the next call of a use.
func (r *rig) dialled(use hal.Use, limit time.Duration) *haltest.Call {
	r.t.Helper()
	var c *haltest.Call
	r.until(limit, "a call", func() bool {
		c = r.net.Next()
		return c != nil
	})
	if c.Use != use {
		r.t.Fatalf("it dials %v for %v, not for %v", c.Host, c.Use, use)
	}
	return c
}

// relay is the far end of the camera's WebSocket.
type relay struct {
	r       *rig
	s       *haltest.Stream
	request string
	in      []byte
	message []byte
	op      ws.Opcode

	texts  []string
	frames [][]byte
	pings  int
	code   int // of CLOSE; 0: none
}

// connect takes the next connection to the relay.
func (r *rig) connect() *relay {
	r.t.Helper()
	return r.shake(r.dialled(hal.Relay, 70*time.Second))
}

func (r *rig) shake(call *haltest.Call) *relay {
	r.t.Helper()
	p := &relay{r: r, s: call.Accept()}
	r.until(time.Second, "a request", func() bool {
		p.request += string(p.s.ReadAll())
		return strings.HasSuffix(p.request, "\r\n\r\n")
	})
	accept := ws.AppendAccept(nil, []byte(header(p.request, "Sec-WebSocket-Key")))
	p.s.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		string(accept) + "\r\nSec-WebSocket-Protocol: camrelay.camera.v1\r\n\r\n"))
	return p
}

func header(request, name string) string {
	for line := range strings.SplitSeq(request, "\r\n") {
		if key, value, ok := strings.Cut(line, ": "); ok && strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

// read takes what has come.
func (p *relay) read() {
	p.r.t.Helper()
	p.in = append(p.in, p.s.ReadAll()...)
	for {
		var h ws.Header
		n, err := h.Decode(p.in)
		p.r.must(err)
		if n > len(p.in) || len(p.in)-n < int(h.Length) {
			return
		}
		body := p.in[n : n+int(h.Length)]
		ws.Mask(body, h.Key, 0)
		p.frame(h, body)
		p.in = p.in[n+int(h.Length):]
	}
}

func (p *relay) frame(h ws.Header, body []byte) {
	switch h.Op {
	case ws.Ping:
		p.pings++
		p.send(ws.Pong, body)
	case ws.Pong:
	case ws.CloseFrame:
		p.code = int(body[0])<<8 | int(body[1])
	default:
		if h.Op != ws.Continuation {
			p.op = h.Op
		}
		if p.message = append(p.message, body...); !h.Fin {
			return
		}
		if p.op == ws.Text {
			p.texts = append(p.texts, string(p.message))
		} else {
			p.frames = append(p.frames, p.message)
		}
		p.message = nil
	}
}

func (p *relay) send(op ws.Opcode, body []byte) {
	p.s.Write(append(ws.Header{Fin: true, Op: op, Length: uint64(len(body))}.Append(nil), body...))
}

func (p *relay) say(text string) { p.send(ws.Text, []byte(text)) }

// closeWith sends CLOSE, takes the echo and ends TCP.
func (p *relay) closeWith(code int) {
	p.send(ws.CloseFrame, []byte{byte(code >> 8), byte(code)})
	p.r.until(time.Second, "an answer to CLOSE", func() bool { p.read(); return p.code != 0 })
	p.s.Close()
	p.r.run(20 * time.Millisecond)
}

// hear waits for a text of a kind that the relay's own parser reads.
func (p *relay) hear(limit time.Duration, want func(wire.CameraText) bool) wire.CameraText {
	p.r.t.Helper()
	var found wire.CameraText
	p.r.until(limit, "a text", func() bool {
		p.read()
		for len(p.texts) > 0 {
			text := p.texts[0]
			p.texts = p.texts[1:]
			parsed, err := wire.ParseCameraText([]byte(text))
			p.r.must(err)
			if strings.Contains(text, testKey) {
				p.r.t.Errorf("the key is in %s", text)
			}
			if want(parsed) {
				found = parsed
				return true
			}
		}
		return false
	})
	return found
}

func (p *relay) hello() wire.Hello {
	p.r.t.Helper()
	return *p.hear(3*time.Second, func(t wire.CameraText) bool { return t.Hello != nil }).Hello
}

func (p *relay) stats() wire.Stats {
	p.r.t.Helper()
	return *p.hear(3*time.Second, func(t wire.CameraText) bool { return t.Stats != nil }).Stats
}

func (p *relay) ack(id uint32) wire.Ack {
	p.r.t.Helper()
	return *p.hear(time.Second, func(t wire.CameraText) bool { return t.Ack != nil && t.Ack.ID == id }).Ack
}

// phase waits for an ack of an update with one of these phases.
func (p *relay) phase(limit time.Duration, phases ...string) wire.UpdateAck {
	p.r.t.Helper()
	return *p.hear(limit, func(t wire.CameraText) bool { return t.Update != nil && slices.Contains(phases, t.Update.Phase) }).Update
}

// fresh waits for n more frames.
func (p *relay) fresh(n int) {
	p.r.t.Helper()
	from := len(p.frames)
	p.r.until(5*time.Second, "frames", func() bool { p.read(); return len(p.frames) >= from+n })
}

// picture is a JPEG.
func picture(t testing.TB, width, height int) []byte {
	t.Helper()
	img := stdimage.NewGray(stdimage.Rect(0, 0, width, height))
	sum := sha256.Sum256([]byte{byte(width), byte(height)})
	for i := range img.Pix {
		img.SetGray(i%width, i/width, color.Gray{sum[i%len(sum)] ^ byte(i)})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// started is a camera with the given settings and a relay.
func started(t testing.TB, values map[config.Tag]string) (*rig, *relay) {
	t.Helper()
	r := newRig(t, values)
	r.must(r.e.Start())
	return r, r.connect()
}
