package mqtt

import "sync"

// maxInbox is how many messages wait for the handlers before clients that
// publish have to wait too.
const maxInbox = 256

// inbox calls the handlers of the relay's own subscriptions one after another,
// away from the goroutines of the broker.
type inbox struct {
	mu     sync.Mutex
	change sync.Cond // of what follows
	waits  []delivery
	closed bool
	done   chan struct{}
}

type delivery struct {
	handle  func(Message)
	message Message
}

func newInbox() *inbox {
	i := &inbox{done: make(chan struct{})}
	i.change.L = &i.mu
	go i.run()
	return i
}

// put adds a message. patient callers wait while there are many; the relay
// itself must not, or a handler that publishes could wait for itself.
func (i *inbox) put(d delivery, patient bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for patient && len(i.waits) >= maxInbox && !i.closed {
		i.change.Wait()
	}
	if i.closed {
		return
	}
	i.waits = append(i.waits, d)
	i.change.Broadcast()
}

func (i *inbox) run() {
	defer close(i.done)
	i.mu.Lock()
	defer i.mu.Unlock()
	for {
		for len(i.waits) == 0 && !i.closed {
			i.change.Wait()
		}
		if i.closed {
			return
		}
		batch := i.waits
		i.waits = nil
		i.change.Broadcast()
		i.mu.Unlock()
		for _, d := range batch {
			d.handle(d.message)
		}
		i.mu.Lock()
	}
}

// stop drops what waits and lets patient callers go. wait is closed when no
// handler runs any more.
func (i *inbox) stop() (wait <-chan struct{}) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closed, i.waits = true, nil
	i.change.Broadcast()
	return i.done
}
