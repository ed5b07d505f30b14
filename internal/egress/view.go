package egress

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"camrelay/internal/stream"
	"camrelay/internal/wire"
)

// setTimeout bounds a change of settings, the camera's answer included.
const setTimeout = 10 * time.Second

// viewConn is a socket of camrelay.view.v1: many cameras, acknowledged frames.
type viewConn struct {
	wsConn
	setting atomic.Bool // a change of settings is under way
	ctx     context.Context

	mu      sync.Mutex
	wanted  []wire.Watched
	viewers map[uint32]*stream.Viewer // by stream number
	rtt     time.Duration             // of the path, for cameras that join
	probe   probe
	ready   bool // the greeting was sent

	sets sync.WaitGroup
}

// ServeView serves GET /ws/view.
func (s *Server) ServeView(w http.ResponseWriter, r *http.Request, who Access) {
	if !slices.Contains(websocket.Subprotocols(r), wire.ViewProtocol) {
		writeError(w, http.StatusBadRequest, "this address needs the WebSocket subprotocol "+wire.ViewProtocol+"; a plain viewer uses /ws/view/{camera}")
		return
	}
	c := &viewConn{wsConn: wsConn{srv: s, who: who}, viewers: make(map[uint32]*stream.Viewer)}
	if err := c.upgrade(w, r, s.view, wire.ViewProtocol); err != nil {
		return
	}
	c.onPath = c.path
	c.tune(minSendBuffer, 0)
	if !s.add(c) {
		c.conn.Close()
		return
	}
	s.checkIn(c)
	go c.serve()
}

// Texts from the relay.
type (
	welcomeText struct {
		T       string `json:"t"`
		Relay   string `json:"relay"`
		Version string `json:"version"`
		Role    string `json:"role"`
	}
	camerasText struct {
		T       string        `json:"t"`
		Cameras []wire.Camera `json:"cameras"`
	}
	cameraText struct {
		T      string      `json:"t"`
		Camera wire.Camera `json:"camera"`
	}
	goneText struct {
		T  string `json:"t"`
		ID string `json:"id"`
	}
)

func (c *viewConn) serve() {
	defer c.srv.remove(c)
	var cancel context.CancelFunc
	c.ctx, cancel = context.WithCancel(context.Background())
	c.ping()
	c.greet()
	c.read(wire.MaxViewText, c.take)
	c.watch(nil)
	cancel()
	c.sets.Wait()
}

func (c *viewConn) greet() {
	c.out.Post(textMessage(welcomeText{wire.KindWelcome, c.srv.options().Relay, c.srv.options().Version, c.who.Role()}))
	c.mu.Lock()
	defer c.mu.Unlock()
	text := camerasText{wire.KindCameras, []wire.Camera{}}
	for _, h := range c.srv.reg.All() {
		if c.who.CanView(h.ID()) {
			text.Cameras = append(text.Cameras, h.Camera())
		}
	}
	c.out.Post(textMessage(text))
	c.ready = true
}

// take handles one message from the viewer. An error ends the connection.
func (c *viewConn) take(op byte, b []byte) error {
	if c.polite.Load() {
		return nil // it was told to go
	}
	if op == opBinary {
		return c.takeAcks(b)
	}
	text, err := wire.ParseViewText(b)
	switch {
	case err != nil:
		c.goodbye(closePolicy, "a text could not be understood")
		return nil // until the viewer has answered the CLOSE
	case text.Watch != nil:
		c.watch(text.Watch.Cameras)
	case text.Clock != nil:
		text.Clock.T, text.Clock.Relay = wire.KindClock, time.Now().UnixMicro()
		c.out.Post(textMessage(text.Clock))
	case text.Set != nil:
		c.set(*text.Set)
	}
	return nil
}

// closePolicy is code 1008 of RFC 6455 section 7.4.1.
const closePolicy = 1008

func (c *viewConn) takeAcks(b []byte) error {
	c.beginProbe()
	defer c.continueProbe()
	for len(b) > 0 {
		ack, rest, err := wire.NextFrameAck(b)
		if err != nil {
			c.goodbye(closePolicy, "an acknowledgement could not be understood")
			return nil
		}
		b = rest
		c.mu.Lock()
		v := c.viewers[ack.Stream]
		c.mu.Unlock()
		if v != nil {
			v.Ack(ack.Seq, ack.Hold)
		}
	}
	return nil
}

// watch makes the cameras the ones that frames are sent of.
func (c *viewConn) watch(wanted []wire.Watched) {
	c.mu.Lock()
	c.wanted = wanted
	var left []*stream.Viewer
	for number, v := range c.viewers {
		if i := slices.IndexFunc(wanted, func(w wire.Watched) bool { return w.ID == v.Hub().ID() }); i < 0 || wanted[i].MaxFPS != v.MaxFPS {
			delete(c.viewers, number)
			left = append(left, v)
		}
	}
	c.mu.Unlock()
	for _, v := range left {
		v.Leave()
	}
	for _, w := range wanted {
		if h := c.srv.reg.Get(w.ID); h != nil {
			c.join(h)
		}
	}
}

// join begins to send a camera's frames if they are wanted.
func (c *viewConn) join(h *stream.Hub) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.wanted, func(w wire.Watched) bool { return w.ID == h.ID() })
	if i < 0 || c.viewers[h.Stream()] != nil || !c.who.CanView(h.ID()) || h.Viewers() >= c.srv.options().MaxViewers {
		return
	}
	credit := new(stream.Credit)
	if c.rtt > 0 {
		credit.Path(c.rtt)
	}
	v := h.Join(&c.out, stream.ViewerOptions{Credit: credit, MaxFPS: min(max(c.wanted[i].MaxFPS, 0), 1000)})
	if v != nil {
		c.viewers[h.Stream()] = v
	}
}

// set changes a camera's settings, one change at a time.
func (c *viewConn) set(req wire.ViewSet) {
	if !c.setting.CompareAndSwap(false, true) {
		c.answer(req, errors.New("the change before this one is still under way"))
		return
	}
	c.sets.Go(func() {
		err := c.change(req)
		c.setting.Store(false) // before the viewer can ask for the next one
		c.answer(req, err)
	})
}

func (c *viewConn) change(req wire.ViewSet) error {
	ctx, cancel := context.WithTimeout(c.ctx, setTimeout)
	defer cancel()
	h := c.srv.reg.Get(req.Camera)
	switch {
	case h == nil || !c.who.CanView(req.Camera):
		return errors.New("there is no camera " + req.Camera)
	case !c.who.CanControl():
		return errors.New("changing settings needs the admin role")
	}
	_, err := h.Set(ctx, c.who.Name(), req.Take, req.Settings)
	return err
}

func (c *viewConn) answer(req wire.ViewSet, err error) {
	ok := err == nil
	text := wire.ViewSet{T: wire.KindSet, ID: req.ID, OK: &ok}
	if err != nil {
		var busy *stream.BusyError
		text.Error, text.Busy = err.Error(), errors.As(err, &busy)
	}
	c.out.Post(textMessage(text))
}

func (c *viewConn) kind() string { return KindView }

func (c *viewConn) sweep(now time.Time) {
	c.keepAlive()
	c.giveUpProbe(now)
	frame, rate := 0, 0.0
	c.mu.Lock()
	for _, v := range c.viewers {
		f, r := tuning(v.Hub())
		frame, rate = max(frame, f), rate+r
	}
	c.mu.Unlock()
	c.tune(frame, rate)
}

func (c *viewConn) changed(h *stream.Hub, msg func() []byte) {
	if !c.who.CanView(h.ID()) {
		return
	}
	c.mu.Lock()
	ready := c.ready
	c.mu.Unlock()
	if ready {
		c.out.Post(msg())
		c.join(h)
	}
}

func (c *viewConn) removed(h *stream.Hub) {
	if !c.who.CanView(h.ID()) {
		return
	}
	c.mu.Lock()
	delete(c.viewers, h.Stream())
	ready := c.ready
	c.mu.Unlock()
	if ready {
		c.out.Post(textMessage(goneText{wire.KindGone, h.ID()}))
	}
}
