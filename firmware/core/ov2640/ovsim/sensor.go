// Package ovsim is an OV2640 on a host: its registers, and what picture it would
// give with what they hold. It finds fault with what a real one would silently
// get wrong: registers nobody knows of, waits that are too short, steps in the
// wrong order.
package ovsim

import (
	"errors"
	"fmt"
	"sync"

	"camrelay/firmware/core/hal"
)

// ErrNoAnswer is the bus's error of a sensor that does not answer.
var ErrNoAnswer = errors.New("sensor does not answer")

// Write is one register that was written.
type Write struct {
	Bank, Register, Value uint8
}

func (w Write) String() string { return fmt.Sprintf("%d:%02X=%02X", w.Bank, w.Register, w.Value) }

// Banks of registers.
const (
	DSP = iota
	Timing
)

const wait = 10_000_000 // nanoseconds that the sensor wants after some steps

// What is kept for those who ask, at most: nobody may.
const (
	maxLog    = 4096 // then the older half goes
	maxFaults = 100  // then no more are noted
)

// Sensor implements hal.Camera. It is safe for concurrent use.
type Sensor struct {
	mu  sync.Mutex
	now func() int64

	powered   bool
	receiving bool
	ready     int64 // when the last step has settled
	bank      uint8
	banks     [2][256]uint8
	ports     [len(portsOf)]port
	started   bool  // the DSP has been put to work
	stale     bool  // JPEG has not been set up for this size
	enabled   int64 // when the DSP was put to work last

	transactions int
	failAt       int
	failures     int // how many fail from failAt on; -1: all
	unplugged    bool
	log          []Write
	faults       []error
}

var _ hal.Camera = (*Sensor)(nil)

// New returns a sensor without power. now is a clock in nanoseconds.
func New(now func() int64) *Sensor { return &Sensor{now: now} }

// Power implements hal.Camera.
func (s *Sensor) Power(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if on == s.powered {
		return
	}
	if s.receiving {
		s.blame("power is switched while data are received")
	}
	s.powered = on
	s.reset()
}

// reset gives the registers the values that are known to be in them then.
func (s *Sensor) reset() {
	s.banks = [2][256]uint8{}
	s.banks[DSP][0xc2] = 0x0c
	s.banks[DSP][0x05] = 0x01
	s.banks[Timing][0x0a], s.banks[Timing][0x0b] = 0x26, 0x42
	s.banks[Timing][0x1c], s.banks[Timing][0x1d] = 0x7f, 0xa2
	s.banks[Timing][0x04] = 0x20
	s.ports = [len(portsOf)]port{}
	s.bank, s.started, s.stale = DSP, false, true
	s.ready = s.now() + wait
}

// Receive implements hal.Camera.
func (s *Sensor) Receive(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.receiving = on
	if on && (!s.jpeg() || s.now() < s.ready) {
		s.blame("data are received before the sensor gives JPEG")
	}
}

// Receiving reports whether the sensor's data are received.
func (s *Sensor) Receiving() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.receiving
}

// jpeg reports whether all is set up for JPEG.
func (s *Sensor) jpeg() bool {
	d := &s.banks[DSP]
	return s.powered && d[0x05]&1 == 0 && d[0xe0] == 0 && d[0xda]&0x10 != 0 && !s.stale
}

// WriteRegister implements hal.Camera.
func (s *Sensor) WriteRegister(register, value byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.answer(); err != nil {
		return err
	}
	if register == 0xff {
		if value > Timing {
			s.blame("there is no bank %d", value)
		}
		s.bank = value & 1
		return nil
	}
	if len(s.log) == maxLog {
		s.log = append(s.log[:0], s.log[maxLog/2:]...)
	}
	s.log = append(s.log, Write{s.bank, register, value})
	if !known(s.bank, register) {
		s.blame("nobody knows of register %d:%02X, which was set to %02X", s.bank, register, value)
	}
	s.check(register, value)
	if s.bank == Timing && register == 0x12 && value&0x80 != 0 {
		s.reset()
		return nil
	}
	s.banks[s.bank][register] = value
	if s.bank == DSP {
		s.port(register, value)
	}
	return nil
}

// ReadRegister implements hal.Camera.
func (s *Sensor) ReadRegister(register byte) (byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.answer(); err != nil {
		return 0, err
	}
	return s.banks[s.bank][register], nil
}

// answer says whether the sensor takes part in a transaction.
func (s *Sensor) answer() error {
	n := s.transactions
	s.transactions++
	switch {
	case s.unplugged:
		return ErrNoAnswer
	case !s.powered:
		s.blame("it is spoken to without power")
		return ErrNoAnswer
	case s.failures != 0 && n >= s.failAt && (s.failures < 0 || n < s.failAt+s.failures):
		s.bank ^= 1 // the worst that can have come of it
		return ErrNoAnswer
	}
	if s.now() < s.ready {
		s.blame("it is spoken to %d us too early", (s.ready-s.now())/1000)
	}
	return nil
}

// blame notes what was done wrong.
func (s *Sensor) blame(format string, args ...any) {
	if len(s.faults) < maxFaults {
		s.faults = append(s.faults, fmt.Errorf(format, args...))
	}
}

// Err is what was done wrong since it was last asked.
func (s *Sensor) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := errors.Join(s.faults...)
	s.faults = nil
	return err
}

// Log returns what was written since it was last asked, but for the choice of the
// bank.
func (s *Sensor) Log() []Write {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := s.log
	s.log = nil
	return log
}

// Register is what a register holds.
func (s *Sensor) Register(bank, register uint8) uint8 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.banks[bank][register]
}

// Transactions is how many there have been.
func (s *Sensor) Transactions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.transactions
}

// FailAt lets the n-th transaction from now on fail, counted from 0, and those
// after it, times in all; -1: for ever, 0: none.
func (s *Sensor) FailAt(n, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failAt, s.failures = s.transactions+n, times
}

// Unplug takes the sensor off its bus, and puts it back as it was.
func (s *Sensor) Unplug(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unplugged = on
}
