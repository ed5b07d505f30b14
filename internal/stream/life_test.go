package stream

import (
	"testing"
	"time"
)

func TestLife(t *testing.T) {
	start := newClock().Now()
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	opt := &Options{Still: 10 * time.Second}
	opt.setDefaults() // stale after 5 s
	up := life{attached: true, up: true, upSince: at(0)}
	with := func(l life, fn func(*life)) life { fn(&l); return l }
	heard := func(seconds float64) func(*life) { return func(l *life) { l.lastFrame = at(seconds) } }
	tests := []struct {
		name    string
		life    life
		resting bool
		now     float64
		want    State
		reason  string
	}{
		{"never attached", life{}, false, 1, Offline, ""},
		{"ended with a reason", life{down: "power"}, false, 1, Offline, "power"},
		{"just connected", up, false, 1, Online, ""},
		{"connected, no frame in time", up, false, 5.1, Stale, "no frame for a while"},
		{"connected, no frame, rests", up, true, 24.9, Resting, ""},
		{"connected, rests, no still in time", up, true, 25.1, Stale, "no frame for a while"},
		{"frames come", with(up, heard(9)), false, 10, Online, ""},
		{"frames stopped", with(up, heard(4)), false, 10, Stale, "no frame for a while"},
		{"stills come", with(up, heard(0)), true, 20, Resting, ""},
		{"frame from before the connection", with(up, func(l *life) { l.upSince, l.lastFrame = at(10), at(1) }), false, 14, Online, ""},
		{"not reachable", with(up, func(l *life) { l.up, l.down = false, "refused" }), false, 1, Offline, "refused"},
		{"not reachable and resting", with(up, func(l *life) { l.up, l.down = false, "refused" }), true, 1, Offline, "refused"},
		{"let go on purpose", with(up, func(l *life) { l.up = false }), true, 100, Resting, ""},
		{"updating, connected", with(up, func(l *life) { l.updating = "1.2" }), false, 1, Updating, "1.2"},
		{"updating, gone", life{updating: "1.2", down: "closed"}, false, 1, Updating, "1.2"},
	}
	for _, test := range tests {
		l := test.life
		if !l.judge(test.resting, opt, at(test.now)) {
			t.Errorf("%s: the first judgement is no change", test.name)
		}
		if l.state != test.want || l.reason != test.reason || !l.since.Equal(at(test.now)) {
			t.Errorf("%s: %v %q since %v", test.name, l.state, l.reason, l.since)
		}
		if l.judge(test.resting, opt, at(test.now)) {
			t.Errorf("%s: a change without one", test.name)
		}
	}
}

func TestStateNames(t *testing.T) {
	for state, name := range map[State]string{Offline: "offline", Resting: "resting", Online: "online", Stale: "stale", Updating: "updating"} {
		if state.String() != name {
			t.Errorf("got %q, want %q", state, name)
		}
	}
	names := map[string]bool{}
	for _, f := range Faults() {
		names[f.String()] = true
	}
	if len(names) != int(numFaults) {
		t.Errorf("%d faults have %d names: %v", numFaults, len(names), names)
	}
}

// A new reason is news, though the state is the same and began before.
func TestReasonChanges(t *testing.T) {
	clock := newClock()
	var l life
	l.enter(Offline, "a", clock.Now())
	began := l.since
	if !l.enter(Offline, "b", clock.Add(time.Second)) || !l.since.Equal(began) {
		t.Errorf("since %v, want %v", l.since, began)
	}
}

// A whole life: connect, rest, wake, fall silent, come back, update, leave.
func TestHubStates(t *testing.T) {
	b := newBench(t, Options{Linger: 10 * time.Second, Still: 5 * time.Second})
	is := func(want State) {
		t.Helper()
		if got, _ := b.hub.State(); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	is(Offline)
	b.attach()
	is(Online)
	b.run(10, 12*time.Second)
	is(Resting)
	out := NewOutlet(newBasket(), nil)
	defer out.Close(nil)
	b.idle(16 * time.Second)
	is(Stale)
	b.publish()
	is(Resting)
	b.idle(14 * time.Second) // two stills are missing: just not stale
	is(Resting)
	v := b.hub.Join(out, ViewerOptions{})
	b.idle(4 * time.Second)
	is(Online) // it has to wake up first
	b.idle(2 * time.Second)
	is(Stale)
	b.hub.Join(out, ViewerOptions{MaxFPS: 5}).Leave() // a change of pace is no sign of life
	v.Leave()
	v = b.hub.Join(out, ViewerOptions{MaxFPS: 5})
	b.idle(time.Second)
	is(Stale)
	b.publish()
	is(Online)
	b.hub.SetUpdating("1.2 is being installed")
	is(Updating)
	b.feed.Close("closed")
	is(Updating)
	b.hub.SetUpdating("")
	is(Offline)
	if c := b.hub.Camera(); c.Reason != "closed" || c.State != "offline" {
		t.Errorf("%+v", c)
	}
	feed := b.hub.Attach(b.cam, false)
	is(Resting)
	feed.Down("no route to host")
	is(Offline)
	feed.Up()
	is(Online)
	feed.Down("")
	is(Resting)
	b.feed.Up() // of the feed before
	b.feed.Close("late")
	is(Resting)
	v.Leave()
}

func TestMeter(t *testing.T) {
	clock := newClock()
	var m meter
	for i := range 40 { // 10 s at 25 fps, 1,000 bytes each
		for range 25 * int(TickEvery/time.Millisecond) / 1000 {
			m.count(1000)
		}
		if i%4 == 0 { // 6 frames a tick are 24 fps; one more a second
			m.count(1000)
		}
		m.tick(clock.Add(TickEvery))
	}
	if m.fps < 24.5 || m.fps > 25.5 || m.rate < 24_500 || m.rate > 25_500 {
		t.Errorf("%.1f fps, %.0f bytes a second", m.fps, m.rate)
	}
	for range 4 {
		m.tick(clock.Add(TickEvery))
	}
	if m.fps < 11 || m.fps > 14 {
		t.Errorf("a second after the last frame: %.1f fps", m.fps)
	}
	for range 5 {
		m.tick(clock.Add(TickEvery))
	}
	if m.fps != 0 || m.rate != 0 {
		t.Errorf("two seconds after the last frame: %.1f fps, %.0f", m.fps, m.rate)
	}
	m.tick(clock.Now()) // twice at one time
	m.count(1)
	m.tick(clock.Add(time.Hour))
	if m.fps > 1 {
		t.Errorf("one frame in an hour: %.1f fps", m.fps)
	}
}

// The first figures come after two ticks, not after two seconds.
func TestMeterBegins(t *testing.T) {
	clock := newClock()
	var m meter
	m.tick(clock.Now())
	for range 5 {
		m.count(10)
	}
	m.tick(clock.Add(TickEvery))
	if m.fps != 20 || m.rate != 200 {
		t.Errorf("%v fps, %v bytes a second", m.fps, m.rate)
	}
}
