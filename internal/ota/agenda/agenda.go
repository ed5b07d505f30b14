// Package agenda is for things that decide under a lock and act without it.
package agenda

import "sync"

// Agenda guards what its owner decides about, and does what was decided in the
// order in which it was. What is done may decide again. The zero value is ready.
type Agenda struct {
	mu      sync.Mutex
	todo    []func()
	working bool
}

// Do decides something, while nobody else decides, and then does what follows;
// or, if somebody is at that already, leaves it to them.
func (a *Agenda) Do(decide func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	decide()
	if a.working {
		return
	}
	a.working = true
	for len(a.todo) > 0 {
		next := a.todo[0]
		a.todo = a.todo[1:]
		a.mu.Unlock()
		next()
		a.mu.Lock()
	}
	a.working = false
}

// Then has something done after all that was decided before: to be called while
// deciding.
func (a *Agenda) Then(act func()) { a.todo = append(a.todo, act) }
