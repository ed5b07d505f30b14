package stream

import (
	"errors"
	"sync"
	"sync/atomic"
)

// Sink is the sending side of one transport. An outlet calls its methods one
// at a time, but for Close, which may come at any time.
type Sink interface {
	// TryFrame begins to send f without blocking. When the transport did not
	// take all of it, done is false and Finish must follow; f stays valid until
	// then.
	TryFrame(f *Frame) (done bool, err error)
	// TryPost does the same for a message that is already in the transport's
	// own form.
	TryPost(msg []byte) (done bool, err error)
	// Finish blocks until all that was begun is out, or the transport failed or
	// stood still for too long.
	Finish() error
	// Close ends the transport and makes a Finish under way return.
	Close()
	// Release is called once, after Close, when no other method runs or will be
	// called any more.
	Release()
}

// Errors that end an outlet from its own side.
var (
	ErrClosed   = errors.New("closed")
	ErrBacklog  = errors.New("viewer does not read its messages")
	ErrStandsBy = errors.New("viewer took no byte for too long")
)

// States of an outlet. Whoever moves it from idle to busy is its holder: the
// only one to touch the sink until it is idle again.
const (
	idle   uint32 = iota
	busy          // held
	again         // held, and there is more to look at
	closed        // for good
)

// maxPosts bounds the messages that wait for a transport, in bytes, before one
// more is too many; each counts as postCost bytes more than it is long.
const (
	maxPosts = 256 << 10
	postCost = 64
)

// Outlet sends the newest frames of its viewers through one sink. All methods
// may be called from any goroutine.
type Outlet struct {
	// What a delivery touches comes first, to lie in one cache line.
	state atomic.Uint32
	posts atomic.Bool // there are queued messages
	sink  Sink
	views atomic.Pointer[[]*Viewer] // copy on write under mu

	turn int    // which view is next; the holder's
	held *Frame // the frame that Finish is about; the holder's

	// partings counts the holder and whoever closed the outlet as they leave
	// the sink behind; the second one releases it.
	partings atomic.Int32

	mu      sync.Mutex
	queue   [][]byte
	queued  int
	last    bool // close when the queue is empty
	cause   error
	onClose func(cause error)
}

// NewOutlet returns an outlet that sends through sink. onClose is called once,
// when the outlet has closed, with the reason.
func NewOutlet(sink Sink, onClose func(cause error)) *Outlet {
	o := new(Outlet)
	o.Init(sink, onClose)
	return o
}

// Init makes o ready to use, for those that embed it.
func (o *Outlet) Init(sink Sink, onClose func(cause error)) {
	o.sink, o.onClose = sink, onClose
}

// Post sends a message as soon as the transport is free, before any frame.
// An outlet that does not get rid of its messages is closed.
func (o *Outlet) Post(msg []byte) { o.post(msg, false, nil) }

// CloseAfter sends a last message and closes.
func (o *Outlet) CloseAfter(msg []byte, cause error) { o.post(msg, true, cause) }

func (o *Outlet) post(msg []byte, last bool, cause error) {
	o.mu.Lock()
	if o.last {
		o.mu.Unlock()
		return
	}
	full := o.queued > maxPosts
	o.queue = append(o.queue, msg)
	o.queued += len(msg) + postCost
	o.last = last
	if last {
		o.cause = cause
	}
	o.mu.Unlock()
	if full {
		o.Close(ErrBacklog)
		return
	}
	o.posts.Store(true)
	o.Wake()
}

// Wake makes the outlet look for something to send.
func (o *Outlet) Wake() {
	if o.acquire() && o.serve(nil, nil) {
		go o.drain()
	}
}

// offer is a hub's offer of a frame to one of the outlet's viewers. It does not
// block.
func (o *Outlet) offer(v *Viewer, f *Frame) {
	if o.acquire() && o.serve(v, f) {
		go o.drain()
	}
}

// acquire makes the caller the holder. If there is one already, it will look
// again before it lets go.
func (o *Outlet) acquire() bool {
	for {
		switch o.state.Load() {
		case idle:
			if o.state.CompareAndSwap(idle, busy) {
				return true
			}
		case busy:
			if o.state.CompareAndSwap(busy, again) {
				return false
			}
		default:
			return false
		}
	}
}

// release lets go. It returns false when the holder has to look again.
func (o *Outlet) release() bool {
	if o.state.CompareAndSwap(busy, idle) {
		return true
	}
	if o.state.CompareAndSwap(again, busy) {
		return false
	}
	o.part() // closed while it was held
	return true
}

// part leaves the sink behind.
func (o *Outlet) part() {
	if o.partings.Add(1) == 2 {
		o.sink.Release()
	}
}

// fail closes the outlet from its holder, who lets go thereby.
func (o *Outlet) fail(cause error) {
	o.Close(cause)
	o.part()
}

// serve sends what there is to send; v and f, if given, are the frame that was
// just published. It returns true when the transport is full: the outlet is
// then still held, and Finish has to be called.
func (o *Outlet) serve(v *Viewer, f *Frame) (full bool) {
	for {
		if o.posts.Load() {
			if done, err := o.servePosts(); err != nil {
				o.fail(err)
				return false
			} else if !done {
				return true
			}
		}
		if f != nil {
			if full, ok := o.send(v, f); !ok || full {
				return full
			}
			f = nil
		} else if full, ok := o.serveViews(); !ok || full {
			return full
		}
		if o.release() {
			return false
		}
	}
}

// serveViews sends newest frames until no viewer wants one or messages wait.
func (o *Outlet) serveViews() (full, ok bool) {
	for !o.posts.Load() {
		v, f := o.pick()
		if f == nil {
			break
		}
		full, ok := o.send(v, f)
		f.Release()
		if !ok || full {
			return full, ok
		}
	}
	return false, true
}

// send gives one frame to the sink if v wants it. ok is false when that closed
// the outlet.
func (o *Outlet) send(v *Viewer, f *Frame) (full, ok bool) {
	if !v.wants(f) {
		return false, true
	}
	v.sending(f) // before it can be acknowledged
	done, err := o.sink.TryFrame(f)
	if err != nil {
		o.fail(err)
		return false, false
	}
	if !done {
		o.held = f.Retain()
	}
	return !done, true
}

// pick finds the next viewer that wants its hub's newest frame, each in turn.
// The frame is retained.
func (o *Outlet) pick() (*Viewer, *Frame) {
	views := o.views.Load()
	if views == nil {
		return nil, nil
	}
	for range *views {
		o.turn++
		v := (*views)[o.turn%len(*views)]
		if f := v.newest(); f != nil {
			if v.wants(f) {
				return v, f
			}
			f.Release()
		}
	}
	return nil, nil
}

// servePosts sends queued messages until the transport is full.
func (o *Outlet) servePosts() (done bool, err error) {
	for {
		o.mu.Lock()
		if len(o.queue) == 0 {
			o.queue = nil
			o.posts.Store(false)
			last, cause := o.last, o.cause
			o.mu.Unlock()
			if last && cause == nil {
				cause = ErrClosed
			}
			return true, cause
		}
		msg := o.queue[0]
		o.queue = o.queue[1:]
		o.queued -= len(msg) + postCost
		o.mu.Unlock()
		if done, err := o.sink.TryPost(msg); err != nil || !done {
			return false, err
		}
	}
}

// drain finishes what the transport had no room for, and goes on until the
// transport keeps up again.
func (o *Outlet) drain() {
	for {
		err := o.sink.Finish()
		if o.held != nil {
			o.held.Release()
			o.held = nil
		}
		if err != nil {
			o.fail(err)
			return
		}
		if !o.serve(nil, nil) {
			return
		}
	}
}

// Close ends the outlet and takes its viewers out of their hubs.
func (o *Outlet) Close(cause error) {
	before := o.state.Swap(closed)
	if before == closed {
		return
	}
	if cause == nil {
		cause = ErrClosed
	}
	o.sink.Close()
	o.part()
	if before == idle { // nobody holds it, and nobody will
		o.part()
	}
	o.mu.Lock()
	views := o.views.Swap(nil)
	o.queue = nil
	o.last = true
	o.mu.Unlock()
	if views != nil {
		for _, v := range *views {
			v.hub.leave(v)
		}
	}
	if o.onClose != nil {
		o.onClose(cause)
	}
}

// Closed reports whether the outlet has ended.
func (o *Outlet) Closed() bool { return o.state.Load() == closed }

// add makes v one of the outlet's viewers; it reports false when the outlet is
// closed.
func (o *Outlet) add(v *Viewer) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.Closed() {
		return false
	}
	var views []*Viewer
	if old := o.views.Load(); old != nil {
		views = append(views, *old...)
	}
	views = append(views, v)
	o.views.Store(&views)
	return true
}

func (o *Outlet) remove(v *Viewer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	old := o.views.Load()
	if old == nil {
		return
	}
	views := make([]*Viewer, 0, len(*old))
	for _, w := range *old {
		if w != v {
			views = append(views, w)
		}
	}
	o.views.Store(&views)
}
