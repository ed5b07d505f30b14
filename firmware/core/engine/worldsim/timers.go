package worldsim

import "container/heap"

// timers are what is to happen, in the order of time; what is due at the same
// time happens in the order in which it was planned.
type timers struct {
	list  []timer
	count uint64
}

type timer struct {
	at    int64
	order uint64
	do    func()
}

const never = 1<<63 - 1

func (t *timers) add(at int64, do func()) {
	t.count++
	heap.Push((*byTime)(t), timer{at, t.count, do})
}

// next is when something happens next.
func (t *timers) next() int64 {
	if len(t.list) == 0 {
		return never
	}
	return t.list[0].at
}

// fire lets happen what is due.
func (t *timers) fire(now int64) {
	for t.next() <= now {
		heap.Pop((*byTime)(t)).(timer).do()
	}
}

// byTime implements heap.Interface.
type byTime timers

func (t *byTime) Len() int { return len(t.list) }
func (t *byTime) Less(i, j int) bool {
	a, b := t.list[i], t.list[j]
	return a.at < b.at || a.at == b.at && a.order < b.order
}
func (t *byTime) Swap(i, j int) { t.list[i], t.list[j] = t.list[j], t.list[i] }
func (t *byTime) Push(x any)    { t.list = append(t.list, x.(timer)) }
func (t *byTime) Pop() any {
	last := t.list[len(t.list)-1]
	t.list[len(t.list)-1] = timer{}
	t.list = t.list[:len(t.list)-1]
	return last
}
