package agenda

import (
	"slices"
	"sync"
	"testing"
)

// What is done comes in the order in which it was decided, also when it decides
// more.
func TestOrder(t *testing.T) {
	var (
		a    Agenda
		got  []int
		note = func(n int) func() { return func() { got = append(got, n) } }
	)
	a.Do(func() {
		a.Then(note(1))
		a.Then(func() {
			a.Do(func() { a.Then(note(4)) })
			note(2)()
		})
		a.Then(note(3))
	})
	if want := []int{1, 2, 3, 4}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestConcurrent(t *testing.T) {
	var (
		a       Agenda
		wg      sync.WaitGroup
		decided int
		done    []int
	)
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				a.Do(func() {
					decided++
					n := decided
					a.Then(func() { done = append(done, n) }) // by one at a time
				})
			}
		})
	}
	wg.Wait()
	a.Do(func() {})
	if len(done) != 8000 || !slices.IsSorted(done) {
		t.Errorf("%d done, in order %v", len(done), slices.IsSorted(done))
	}
}
