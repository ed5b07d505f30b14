package egress

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"camrelay/internal/stream"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

// told is any text from the relay.
type told struct {
	T       string
	Relay   json.RawMessage // a name in welcome, a time in clock
	Version string
	Role    string
	Cameras []wire.Camera
	Camera  wire.Camera
	ID      json.RawMessage
	Client  float64
	OK      *bool
	Error   string
	Busy    bool
}

// text is told with its id as a string.
type text struct {
	told
	ID string
}

// teller reads what a viewer of camrelay.view.v1 is sent.
type teller struct {
	t      *testing.T
	ws     *websocket.Conn
	frames []wire.FrameHeader
	bodies [][]byte
}

func newTeller(t *testing.T, ws *websocket.Conn) *teller { return &teller{t: t, ws: ws} }

// read takes one message; ok says that it was a text.
func (r *teller) read() (text, bool) {
	r.t.Helper()
	kind, b, err := r.ws.ReadMessage()
	if err != nil {
		r.t.Fatalf("read: %v", err)
	}
	if kind == websocket.BinaryMessage {
		header, body, err := wire.ParseFrame(b)
		if err != nil {
			r.t.Fatal(err)
		}
		r.frames, r.bodies = append(r.frames, header), append(r.bodies, body)
		return text{}, false
	}
	var x text
	if err := json.Unmarshal(b, &x.told); err != nil {
		r.t.Fatalf("%s: %v", b, err)
	}
	x.ID = strings.Trim(string(x.told.ID), `"`)
	return x, true
}

func (r *teller) next() text {
	r.t.Helper()
	for {
		if x, ok := r.read(); ok {
			return x
		}
	}
}

func (r *teller) until(kind string) text {
	r.t.Helper()
	for {
		if x := r.next(); x.T == kind {
			return x
		}
	}
}

// frame waits for the next frame.
func (r *teller) frame() wire.FrameHeader {
	r.t.Helper()
	for n := len(r.frames); len(r.frames) == n; {
		r.read()
	}
	return r.frames[len(r.frames)-1]
}

func (r *teller) say(s string) {
	r.t.Helper()
	if err := r.ws.WriteMessage(websocket.TextMessage, []byte(s)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *teller) ack(stream, seq uint32) {
	r.t.Helper()
	if err := r.ws.WriteMessage(websocket.BinaryMessage, wire.FrameAck{Stream: stream, Seq: seq}.Append(nil)); err != nil {
		r.t.Fatal(err)
	}
}

// sync waits until the relay has taken all that was said before, and returns
// how many frames came meanwhile.
func (r *teller) sync() int {
	r.t.Helper()
	n := len(r.frames)
	r.say(`{"t":"clock","client":42}`)
	for {
		if x := r.until(wire.KindClock); x.Client == 42 {
			return len(r.frames) - n
		}
	}
}

func (s *studio) view(as string) *teller {
	s.Helper()
	ws := s.dial("/ws/view?as="+as, wire.ViewProtocol)
	if ws.Subprotocol() != wire.ViewProtocol {
		s.Errorf("subprotocol %q", ws.Subprotocol())
	}
	return newTeller(s.T, ws)
}

func TestGreeting(t *testing.T) {
	s := newStudio(t, Options{Relay: "lab", Version: "1.2.3"})
	s.add("yard", new(camera))
	v := s.view("admin")
	if x, ok := v.read(); !ok || x.T != wire.KindWelcome || string(x.Relay) != `"lab"` || x.Version != "1.2.3" || x.Role != "admin" {
		t.Errorf("first: %+v", x)
	}
	if x, ok := v.read(); !ok || x.T != wire.KindCameras || len(x.Cameras) != 2 || x.Cameras[0].ID != "door" || x.Cameras[1].ID != "yard" {
		t.Errorf("second: %+v", x)
	}
	// Unasked there are states, no frames.
	s.publish(picture(0, 100))
	s.hub.Rename("Front")
	if x := v.next(); x.T != wire.KindCamera || x.Camera.Name != "Front" || len(v.frames) != 0 {
		t.Errorf("a change: %+v, %d frames", x, len(v.frames))
	}
	s.reg.Remove("yard")
	if x := v.until(wire.KindGone); x.ID != "yard" {
		t.Errorf("gone: %+v", x)
	}
	if r := s.get("/ws/view"); r.StatusCode != 400 {
		t.Errorf("without the subprotocol: %s", r.Status)
	}
}

// Empty lists are lists: pages loop over them.
func TestGreetingWithoutCameras(t *testing.T) {
	s := newStudio(t, Options{})
	ws := s.dial("/ws/view?as=nobody", wire.ViewProtocol)
	ws.ReadMessage()
	if _, b, err := ws.ReadMessage(); err != nil || !strings.Contains(string(b), `"cameras":[]`) {
		t.Errorf("%s, %v", b, err)
	}
}

func TestWatch(t *testing.T) {
	both(t, Options{}, func(s *studio) {
		yard, yardFeed := s.add("yard", new(camera))
		s.publish(picture(1, 1000))
		v := s.view("viewer")
		v.until(wire.KindCameras)
		v.say(`{"t":"watch","cameras":[{"id":"door"},{"id":"nowhere"}]}`)
		h := v.frame()
		if h.Stream != s.hub.Stream() || h.Seq != 1 || h.Width != 640 || h.Height != 480 || h.Captured != 0 || string(v.bodies[0]) != string(picture(1, 1000)) {
			s.Errorf("first frame: %+v", h)
		}
		if age := time.Since(time.UnixMicro(h.Received)); age < 0 || age > 5*time.Second {
			s.Errorf("received %v ago", age)
		}
		s.publish(picture(2, 1000))
		s.publish(picture(3, 1000))
		if n := v.sync(); n != 0 {
			s.Errorf("%d frames beyond a window of one", n)
		}
		v.ack(h.Stream, 1)
		if h = v.frame(); h.Seq != 3 {
			s.Errorf("after the acknowledgement: frame %d, want the newest, 3", h.Seq)
		}
		v.ack(h.Stream, 3)
		s.publishTo(yardFeed, picture(7, 500)) // not watched
		if n := v.sync(); n != 0 {
			s.Errorf("%d frames of a camera that is not watched", n)
		}
		v.say(`{"t":"watch","cameras":[{"id":"yard"}]}`)
		if h = v.frame(); h.Stream != yard.Stream() {
			s.Errorf("another camera is watched: %+v", h)
		}
		v.ack(h.Stream, h.Seq)
		s.publish(picture(4, 1000))
		if n := v.sync(); n != 0 {
			s.Errorf("%d frames of a camera that is watched no more", n)
		}
		if s.hub.Viewers() != 0 || yard.Viewers() != 1 {
			s.Errorf("%d and %d viewers", s.hub.Viewers(), yard.Viewers())
		}
		v.say(`{"t":"watch","cameras":[]}`)
		v.sync()
		if yard.Viewers() != 0 {
			s.Error("nothing is watched, and yard has a viewer")
		}
		// A camera that appears later starts by itself, and again when it was
		// removed and came back.
		v.say(`{"t":"watch","cameras":[{"id":"later"}]}`)
		v.sync()
		for range 2 {
			later, feed := s.add("later", new(camera))
			s.publishTo(feed, picture(5, 100))
			if h = v.frame(); h.Stream != later.Stream() {
				s.Errorf("frame of %+v", h)
			}
			s.reg.Remove("later")
			if x := v.until(wire.KindGone); x.ID != "later" {
				s.Errorf("gone: %+v", x)
			}
		}
		v.ws.Close()
		s.viewers(0)
	})
}

// The window follows the path's round trip, and is never exceeded.
func TestWindowIsKept(t *testing.T) {
	s := newStudio(t, Options{})
	v := s.view("viewer")
	v.until(wire.KindCameras)
	v.say(`{"t":"watch","cameras":[{"id":"door"}]}`)
	v.sync()
	acked, flying, most := uint32(0), 0, 0
	for i := range 200 {
		s.publish(picture(i, 2000))
		v.sync()
		flying = 0
		for _, f := range v.frames {
			if f.Seq > acked {
				flying++
			}
		}
		most = max(most, flying)
		if i%3 == 2 && flying > 0 {
			acked = v.frames[len(v.frames)-1].Seq
			v.ack(s.hub.Stream(), acked)
			v.sync()
		}
	}
	if most != 1 {
		t.Errorf("%d frames were in flight on a path without delay", most)
	}
	for i := 1; i < len(v.frames); i++ {
		if v.frames[i].Seq <= v.frames[i-1].Seq {
			t.Errorf("frame %d after %d", v.frames[i].Seq, v.frames[i-1].Seq)
		}
	}
}

func TestViewMaxFPS(t *testing.T) {
	s := newStudio(t, Options{})
	v := s.view("viewer")
	v.until(wire.KindCameras)
	v.say(`{"t":"watch","cameras":[{"id":"door","max_fps":5}]}`)
	v.sync()
	at := time.Now()
	for i := range 40 { // 2 s at 20 fps, by the frames' own time
		d := s.reg.Pool().Draft(100)
		d.Append(picture(i, 100))
		s.feed.Publish(d.Frame(100, stream.Meta{Received: at.Add(time.Duration(i) * 50 * time.Millisecond)}))
		v.sync()
		if n := len(v.frames); n > 0 {
			v.ack(s.hub.Stream(), v.frames[n-1].Seq)
			v.sync()
		}
	}
	if n := len(v.frames); n < 9 || n > 11 {
		t.Errorf("2 s at most 5 fps: %d frames", n)
	}
	v.say(`{"t":"watch","cameras":[{"id":"door"}]}`)
	before := len(v.frames)
	for i := range 20 {
		s.publish(picture(i, 100))
		v.sync()
		v.ack(s.hub.Stream(), v.frames[len(v.frames)-1].Seq)
		v.sync()
	}
	if n := len(v.frames) - before; n < 20 {
		t.Errorf("without the limit: %d of 20 frames", n)
	}
}

func TestClock(t *testing.T) {
	s := newStudio(t, Options{})
	v := s.view("viewer")
	v.say(`{"t":"clock","client":1234567.8}`)
	x := v.until(wire.KindClock)
	var relay int64
	json.Unmarshal(x.Relay, &relay)
	if d := time.Since(time.UnixMicro(relay)); x.Client != 1234567.8 || d < 0 || d > 5*time.Second {
		t.Errorf("%+v, %v off", x, d)
	}
}

func TestViewSet(t *testing.T) {
	s := newStudio(t, Options{})
	hold := make(chan struct{})
	s.reg.Remove("door")
	cam := &camera{set: func(ctx context.Context, set wire.Settings) (wire.Settings, error) {
		if set["quality"] == 63 {
			select {
			case <-hold:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return set, nil
	}}
	s.hub, s.feed = s.add("door", cam)
	s.add("yard", new(camera))
	admin, viewer := s.view("admin"), s.view("viewer")
	ask := func(v *teller, id, rest string) text {
		t.Helper()
		v.say(`{"t":"set","id":` + id + `,` + rest + `}`)
		x := v.until(wire.KindSet)
		if x.ID != id || x.OK == nil {
			t.Errorf("answer %+v to %s", x, rest)
		}
		return x
	}
	if x := ask(admin, "1", `"camera":"door","settings":{"quality":10}`); !*x.OK || x.Error != "" {
		t.Errorf("%+v", x)
	}
	for rest, want := range map[string]string{
		`"camera":"nowhere","settings":{"quality":10}`:    "no camera nowhere",
		`"camera":"door","settings":{"quality":99}`:       "4 to 63",
		`"camera":"door","settings":{"framesize":"HUGE"}`: "not a size",
		`"camera":"door","settings":{"zoom":1}`:           "zoom",
		`"camera":"yard","settings":{"quality":10}`:       "takes no commands",
	} {
		if x := ask(admin, "2", rest); *x.OK || !strings.Contains(x.Error, want) || x.Busy {
			t.Errorf("%s: %+v", rest, x)
		}
	}
	if x := ask(viewer, "3", `"camera":"door","settings":{"quality":10}`); *x.OK || !strings.Contains(x.Error, "admin") {
		t.Errorf("a viewer: %+v", x)
	}
	// Somebody else controls it.
	if _, err := s.hub.Set(t.Context(), "bob", true, wire.Settings{"quality": 20}); err != nil {
		t.Fatal(err)
	}
	if x := ask(admin, "4", `"camera":"door","settings":{"quality":10}`); *x.OK || !x.Busy || !strings.Contains(x.Error, "bob") {
		t.Errorf("busy: %+v", x)
	}
	if x := ask(admin, "5", `"camera":"door","settings":{"quality":10},"take":true`); !*x.OK {
		t.Errorf("take: %+v", x)
	}
	// One change at a time; what waits ends with the connection.
	admin.say(`{"t":"set","id":6,"camera":"door","settings":{"quality":63}}`)
	if x := ask(admin, "7", `"camera":"door","settings":{"quality":10}`); *x.OK || !strings.Contains(x.Error, "under way") {
		t.Errorf("two at a time: %+v", x)
	}
	hold <- struct{}{}
	if x := admin.until(wire.KindSet); x.ID != "6" || !*x.OK {
		t.Errorf("%+v", x)
	}
	testkit.Eventually(t, 5*time.Second, func() bool {
		x := ask(admin, "8", `"camera":"door","settings":{"quality":11}`)
		return *x.OK
	}, "the next change")
	admin.say(`{"t":"set","id":9,"camera":"door","settings":{"quality":63}}`)
	admin.sync()
	admin.ws.Close()
	s.viewers(1)
}

// Somebody with a share link sees one camera and hears of no other.
func TestShareSeesOneCamera(t *testing.T) {
	s := newStudio(t, Options{})
	_, feed := s.add("yard", new(camera))
	s.publishTo(feed, picture(0, 100))
	s.publish(picture(1, 100))
	v := s.view("door")
	if x := v.until(wire.KindCameras); len(x.Cameras) != 1 || x.Cameras[0].ID != "door" {
		t.Errorf("%+v", x.Cameras)
	}
	v.say(`{"t":"watch","cameras":[{"id":"yard"},{"id":"door"}]}`)
	if h := v.frame(); h.Stream != s.hub.Stream() {
		t.Errorf("%+v", h)
	}
	v.say(`{"t":"set","id":1,"camera":"yard","settings":{"quality":10}}`)
	if x := v.until(wire.KindSet); *x.OK || x.Error != "there is no camera yard" {
		t.Errorf("%+v", x)
	}
	feed.Close("lost")
	s.reg.Remove("yard")
	s.add("attic", new(camera))
	s.hub.Rename("mine")
	if x := v.next(); x.T != wire.KindCamera || x.Camera.ID != "door" {
		t.Errorf("heard %+v", x)
	}
	if v.sync() != 0 {
		t.Error("a frame of another camera")
	}
}

func TestViewNonsense(t *testing.T) {
	for name, send := range map[string]func(ws *websocket.Conn){
		"no JSON":     func(ws *websocket.Conn) { ws.WriteMessage(websocket.TextMessage, []byte("hello")) },
		"wrong type":  func(ws *websocket.Conn) { ws.WriteMessage(websocket.TextMessage, []byte(`{"t":"watch","cameras":7}`)) },
		"half an ack": func(ws *websocket.Conn) { ws.WriteMessage(websocket.BinaryMessage, make([]byte, 11)) },
		"another ack": func(ws *websocket.Conn) { ws.WriteMessage(websocket.BinaryMessage, make([]byte, 12)) },
		"too many": func(ws *websocket.Conn) {
			ws.WriteMessage(websocket.TextMessage, []byte(`{"t":"watch","cameras":[`+strings.Repeat(`{"id":"a"},`, wire.MaxWatch)+`{"id":"a"}]}`))
		},
	} {
		s := newStudio(t, Options{})
		v := s.view("admin")
		v.until(wire.KindCameras)
		send(v.ws)
		v.ws.WriteMessage(websocket.TextMessage, []byte(`{"t":"watch","cameras":[{"id":"door"}]}`)) // too late
		if code := closeCode(v.ws); code != 1008 {
			t.Errorf("%s: close code %d", name, code)
		}
		if s.hub.Viewers() != 0 {
			t.Errorf("%s: it was served on", name)
		}
		s.viewers(0)
	}
	s := newStudio(t, Options{})
	v := s.view("viewer")
	v.until(wire.KindCameras)
	v.say(`{"t":"new kind","x":1}`)
	v.say(`{"t":"watch","cameras":[{"id":"door","new":1},{"id":"../x"},{"id":""}],"more":[]}`)
	v.ws.WriteMessage(websocket.BinaryMessage, nil)
	v.ack(99, 5) // a camera that is not watched
	v.sync()
	v.ws.WriteMessage(websocket.TextMessage, []byte(`"`+strings.Repeat("x", wire.MaxViewText)+`"`))
	if code := closeCode(v.ws); code != 1009 {
		t.Errorf("too long: close code %d", code)
	}
}
