package ovsim

import (
	"errors"
	"strings"
	"testing"
)

// step is a write, by bank<<16 | register<<8 | value, or one of these.
const (
	powerOn = -1 - iota
	powerOff
	receive
	stop
	pause // 10 ms
)

// good is the shortest way to a picture.
var good = []int{powerOn, pause, 0x0000e014, 0x00005a28, 0x00005b1e, 0x00000500, pause, 0x0000e014, 0x0000da12, 0x0000e000, pause}

func do(steps ...int) *Sensor {
	now := int64(0)
	s := New(func() int64 { return now })
	for _, step := range steps {
		switch step {
		case powerOn, powerOff:
			s.Power(step == powerOn)
		case receive, stop:
			s.Receive(step == receive)
		case pause:
			now += wait
		default:
			s.WriteRegister(0xff, byte(step>>16))
			s.WriteRegister(byte(step>>8), byte(step))
		}
	}
	return s
}

func TestFindsFault(t *testing.T) {
	after := func(steps ...int) []int { return append(append([]int(nil), good...), steps...) }
	tests := []struct {
		fault string
		steps []int
	}{
		{"", good},
		{"", after(receive, stop, 0x000501, 0x005a10, 0x000500, pause, 0x00e014, 0x00da12, 0x00e000, pause, receive)},
		{"", after(receive, 0x011202, 0x0044ff, 0x007c00, 0x007d04, 0x007d10)},
		{"without power", []int{0x004401}},
		{"10000 us too early", []int{powerOn, 0x004401}},
		{"too early", after(0x011280, 0x004401)},
		{"no bank 2", after(0x024401)},
		{"register 0:01, which was set to 07", after(0x000107)},
		{"register 1:7D", after(0x017d00)},
		{"no address 0", after(0x007d00)},
		{"no address 16", after(0x007c0f, 0x007d00, 0x007d00)},
		{"no address 13", after(0x00920d, 0x009300)},
		{"size changes while the DSP works", after(0x005a10)},
		{"size changes while data are received", after(receive, 0x000501, 0x005a10)},
		{"mode changes", after(0x011240)},
		{"encoder is not in reset", after(0x00da12)},
		{"JPEG is set up 10000 us too early", after(0x000501, 0x005a10, 0x000500, 0x00e014)},
		{"too early", good[: len(good)-1 : len(good)-1]},
		{"before the sensor gives JPEG", []int{powerOn, pause, receive}},
		{"before the sensor gives JPEG", after(0x000501, 0x005a10, 0x000500, pause, receive)},
		{"before the sensor gives JPEG", good[: len(good)-1 : len(good)-1]},
		{"power is switched", after(receive, powerOff)},
	}
	for _, test := range tests {
		steps := test.steps
		switch test.fault {
		case "before the sensor gives JPEG":
			steps = append(steps, receive)
		case "too early":
			steps = append(steps, 0x004401)
		}
		err := do(steps...).Err()
		if (err == nil) != (test.fault == "") || err != nil && !strings.Contains(err.Error(), test.fault) {
			t.Errorf("%x: %v, want %q", steps, err, test.fault)
		}
	}
}

func TestState(t *testing.T) {
	for n := range good {
		if _, ok := do(good[:n]...).State(); ok != (n == len(good)-1) {
			t.Errorf("after %d steps: %v", n, ok)
		}
	}
	s := do(good...)
	if p, ok := s.State(); !ok || p.Width != 160 || p.Height != 120 {
		t.Errorf("%+v, %v", p, ok)
	}
	s.Power(false)
	if _, ok := s.State(); ok {
		t.Error("a picture without power")
	}
	s.Power(true)
	if _, ok := s.State(); ok {
		t.Error("the registers outlast the power")
	}
}

func TestFailures(t *testing.T) {
	s := do(good...)
	s.Log()
	s.FailAt(2, 2)
	var failed []int
	for i := range 6 {
		if err := s.WriteRegister(0x44, byte(i)); errors.Is(err, ErrNoAnswer) {
			failed = append(failed, i)
		}
	}
	if log := s.Log(); len(failed) != 2 || failed[0] != 2 || failed[1] != 3 || len(log) != 4 || log[2].String() != "0:44=04" || s.Register(DSP, 0x44) != 5 {
		t.Errorf("%v failed, %v", failed, log)
	}
	s.Unplug(true)
	if _, err := s.ReadRegister(0x44); !errors.Is(err, ErrNoAnswer) {
		t.Error(err)
	}
	s.Unplug(false)
	if v, err := s.ReadRegister(0x44); err != nil || v != 5 {
		t.Errorf("%d, %v", v, err)
	}
}

// A sensor that nobody asks keeps no more than it has to.
func TestBounds(t *testing.T) {
	s := do(good...)
	for range 3 * maxLog {
		s.WriteRegister(0x01, 7)
	}
	s.WriteRegister(0x44, 9)
	err := s.Err()
	if n := strings.Count(err.Error(), "\n") + 1; n != maxFaults {
		t.Errorf("%d faults", n)
	}
	if log := s.Log(); len(log) > maxLog || len(log) < maxLog/2 || log[len(log)-1].Value != 9 {
		t.Errorf("%d writes", len(log))
	}
}
