package ov2640

import (
	"errors"
	"image"
	"slices"
	"testing"
	"unsafe"

	"camrelay/firmware/core/ov2640/ovsim"
)

func TestStart(t *testing.T) {
	r := newRig(t, Defaults())
	if r.d.State() != Off || r.d.Step(r.now) {
		t.Error("it does something while it is off")
	}
	r.d.Start()
	r.d.Step(r.now)
	if r.d.State() != Starting {
		t.Error(r.d.State())
	}
	began := r.now
	r.run(1000, r.d.InForce)
	r.check()
	if took := (r.now - began) / millisecond; took > 160 {
		t.Errorf("it took %d ms", took)
	}
	if r.queue.skip != 5 || r.queue.width != 640 || r.queue.height != 480 || r.queue.expected != 1 || r.d.State() != Running {
		t.Errorf("%+v, %v", r.queue, r.d.State())
	}
	want := ovsim.Picture{
		Width: 640, Height: 480, Source: image.Rect(0, 0, 1600, 1200), FPS: 25, Quality: 12,
		AutoExposure: true, AutoExposureDSP: true, AutoGain: true, Gain: 1, GainCeiling: 2,
		WhiteBalance: true, WhiteBalanceGain: true, WhitePixels: true, Gamma: true, Lens: true, Scaled: true,
	}
	if got := r.picture(); got != want {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	r.d.Stop()
	if r.cam.Receiving() || r.d.State() != Off {
		t.Error("it does not stop")
	}
	if _, ok := r.cam.State(); ok {
		t.Error("the sensor has power")
	}
	r.start()
	if got := r.picture(); got != want {
		t.Errorf("after another start: %+v", got)
	}
	t.Logf("a driver has %d bytes", unsafe.Sizeof(r.d))
}

// What is written at the start is what the maker says, in its order.
func TestStartSequence(t *testing.T) {
	r := newRig(t, Defaults())
	r.start()
	var want []ovsim.Write
	bank := uint8(0)
	for _, e := range slices.Concat(softReset[:], startup[:]) {
		if e&^0xff == bankSelect {
			bank = uint8(e)
			continue
		}
		want = append(want, ovsim.Write{Bank: bank, Register: uint8(e >> 8), Value: uint8(e)})
	}
	log := r.cam.Log()
	if len(log) < len(want) || !slices.Equal(log[:len(want)], want) {
		t.Errorf("%v\nwant %v", log, want)
	}
	if len(startup) != 157 {
		t.Errorf("the table has %d entries", len(startup))
	}
}

// A size that changes costs two frames, and nothing is received meanwhile.
func TestChangeOfSize(t *testing.T) {
	r := newRig(t, Defaults())
	r.start()
	for size := range Sizes {
		s := with(int(FrameSize), int(size), int(ColorBar), 1, int(HMirror), 1, int(DCW), 1, int(Brightness), 2)
		began := r.now
		r.want(s)
		width, height := size.Pixels()
		p := r.picture()
		if p.Width != width || p.Height != height || !p.ColorBar || !p.Mirror || p.Brightness != 2 || p.Quality != 12 {
			t.Errorf("%s: %+v", size.Name(), p)
		}
		if size != VGA && (r.queue.skip != 2 || r.queue.width != width || r.queue.height != height) {
			t.Errorf("%s: %+v", size.Name(), r.queue)
		}
		if took := (r.now - began) / millisecond; took > 150 {
			t.Errorf("%s took %d ms", size.Name(), took)
		}
	}
}

// Other settings wait for the end of the frame, and no frame begins meanwhile.
func TestChangeBetweenFrames(t *testing.T) {
	r := newRig(t, Defaults())
	r.start()
	r.cam.Log()
	r.queue.taking = true
	s := with(int(Quality), 30, int(VFlip), 1)
	if err := r.d.Want(&s); err != nil {
		t.Fatal(err)
	}
	for range 40 {
		r.now += millisecond
		r.d.Step(r.now)
	}
	if log := r.cam.Log(); len(log) > 0 || !r.queue.held || r.d.State() != Changing || r.d.InForce() {
		t.Errorf("within a frame: %v, held %v, %v", log, r.queue.held, r.d.State())
	}
	r.queue.taking = false
	r.run(10, r.d.InForce)
	r.check()
	if log := r.cam.Log(); !slices.Equal(log, []ovsim.Write{{Bank: 0, Register: 0x44, Value: 30}, {Bank: 1, Register: 0x04, Value: 0x78}}) {
		t.Errorf("%v", log)
	}
	if r.queue.expected != 1 {
		t.Error("it was taken for a change of the size")
	}
	// A frame that never ends does not keep them waiting for ever.
	r.queue.taking = true
	s[Quality] = 31
	r.d.Want(&s)
	r.run(1100, r.d.InForce)
	r.check()
	r.queue.taking = false
	// What is wanted while another change is under way comes after it.
	s[Quality] = 32
	r.d.Want(&s)
	r.d.Step(r.now)
	s[FrameSize], s[Quality] = int16(QVGA), 33
	r.want(s)
	if p := r.picture(); p.Width != 320 || p.Quality != 33 {
		t.Errorf("%+v", p)
	}
	s[Quality] = 64
	if err := r.d.Want(&s); !errors.Is(err, ErrRange) || *r.d.Wanted() == s {
		t.Errorf("quality 64: %v", err)
	}
}

// Any change of settings, from any to any, gives what a start with them gives.
func TestAnyChange(t *testing.T) {
	r := newRig(t, Defaults())
	r.start()
	s := Defaults()
	check := func(what string) {
		t.Helper()
		r.want(s)
		fresh := newRig(t, s)
		fresh.start()
		if got, want := r.picture(), fresh.picture(); got != want {
			// What was measured while a setting was automatic stays.
			if s[AEC] == 1 {
				got.Exposure, want.Exposure = 0, 0
			}
			if s[AGC] == 1 {
				got.Gain, want.Gain = 0, 0
			}
			if got != want {
				t.Fatalf("%s: %+v\nwant %+v", what, got, want)
			}
		}
	}
	for c := range Controls {
		low, high := c.Range()
		for _, v := range []int{high, low, (low + high) / 2, int(controls[c].std)} {
			s[c] = int16(v)
			check(c.Name())
		}
	}
	seed := uint32(1)
	for range 60 {
		for c := range Controls {
			if seed = seed*1664525 + 1013904223; seed>>28 < 4 {
				low, high := c.Range()
				s[c] = int16(low + int(seed>>8&0xffff)%(high-low+1))
			}
		}
		check("some")
	}
}

func TestAllocations(t *testing.T) {
	r := newRig(t, Defaults())
	r.start()
	s, other := with(int(Quality), 20, int(WBMode), 2), with(int(FrameSize), int(SVGA), int(SpecialEffect), 3)
	work := &quiet{}
	r.d.bus.camera, r.queue.cam = work, ovsim.New(nil)
	if n := testing.AllocsPerRun(20, func() {
		for _, want := range []*Settings{&s, &other} {
			if r.d.Want(want) != nil {
				t.Fatal("refused")
			}
			for !r.d.InForce() {
				r.now += millisecond
				r.d.Step(r.now)
				r.queue.seen++
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if work.writes < 1000 {
		t.Errorf("only %d writes", work.writes)
	}
}

// quiet is a sensor that takes everything and does nothing.
type quiet struct{ writes int }

func (*quiet) Power(bool)                      {}
func (*quiet) Receive(bool)                    {}
func (*quiet) ReadRegister(byte) (byte, error) { return 0, nil }
func (q *quiet) WriteRegister(byte, byte) error {
	q.writes++
	return nil
}
