package stream

import (
	"math"
	"testing"
	"time"
)

func TestWindow(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		rtt  time.Duration
		fps  float64
		want int
	}{
		{0, 0, 1}, {0, 25, 1}, {ms, 25, 1}, {4 * ms, 25, 1}, {5 * ms, 25, 2}, {40 * ms, 25, 2}, {44 * ms, 25, 2},
		{45 * ms, 25, 3}, {100 * ms, 25, 4}, {100 * ms, 10, 2}, {200 * ms, 10, 3}, {time.Hour, 60, 4},
		{-time.Second, 10, 1}, {time.Second, -3, 1},
	}
	for _, test := range tests {
		if got := Window(test.rtt, test.fps); got != test.want {
			t.Errorf("rtt %v at %v fps: got %d, want %d", test.rtt, test.fps, got, test.want)
		}
	}
}

func TestCredit(t *testing.T) {
	var c Credit
	ready := func(want bool, when string) {
		t.Helper()
		if c.Ready() != want {
			t.Errorf("ready is %v %s", !want, when)
		}
	}
	ready(true, "at first")
	c.Take(math.MaxUint32)
	ready(false, "with one of one in flight")
	if c.Ack(3, 0) {
		t.Error("a frame that was not sent could be acknowledged")
	}
	ready(false, "after a wrong acknowledgement")
	if !c.Ack(math.MaxUint32, 0) || c.Ack(math.MaxUint32, 0) {
		t.Error("a frame can be acknowledged once")
	}
	ready(true, "after the acknowledgement")

	c.Path(150 * time.Millisecond)
	c.Resize(20)
	for seq := range uint32(4) { // 0.15 s at 20 fps: 4
		ready(true, "below a window of 4")
		c.Take(seq)
	}
	ready(false, "with four in flight")
	if !c.Ack(1, 0) { // covers 0
		t.Error("1 was not acknowledged")
	}
	if c.Ack(0, 0) {
		t.Error("0 was covered by 1")
	}
	ready(true, "with two of four in flight")
	c.Resize(0)
	ready(false, "with two in flight and a window that shrank to one")
	c.Ack(2, 0)
	ready(false, "with one in flight of one")
	c.Ack(3, 0)
	ready(true, "with none in flight")
}

// More than can be counted: the oldest no longer counts.
func TestCreditOverfull(t *testing.T) {
	var c Credit
	for seq := range uint32(10) {
		c.Take(seq)
	}
	if c.Ack(5, 0) {
		t.Error("5 should be forgotten")
	}
	if !c.Ack(9, 0) || !c.Ready() {
		t.Error("9 covers all")
	}
}

// The window follows the shortest of the latest round trips, and how long the
// viewer holds its frames.
func TestCreditPath(t *testing.T) {
	var c Credit
	window := func() int {
		c.Resize(20)
		return c.window
	}
	c.Path(100 * time.Millisecond)
	if n := window(); n != 3 {
		t.Errorf("0.1 s: window %d, want 3", n)
	}
	c.Path(time.Millisecond)
	for range 5 {
		c.Path(time.Second)
		if n := window(); n != 1 {
			t.Errorf("one of the latest is short: window %d, want 1", n)
		}
	}
	c.Path(time.Second)
	if n := window(); n != MaxWindow {
		t.Errorf("all of the latest are long: window %d, want %d", n, MaxWindow)
	}
	var held Credit
	for seq := range uint32(100) {
		held.Take(seq)
		held.Ack(seq, time.Hour) // counts as a second
	}
	held.Resize(2)
	if held.window != 3 {
		t.Errorf("a hold of 1 s at 2 fps: window %d, want 3", held.window)
	}
}
