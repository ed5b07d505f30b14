package boot

import (
	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/image"
)

// Choice is the image to start.
type Choice struct {
	Slot    Slot
	Base    uint32 // of the slot
	Trial   bool   // this start has been counted
	Attempt uint8  // which trial this is, from 1
}

// Selector decides at every start. It is large (5 KiB), so it is made once and
// kept.
type Selector struct {
	Log
	dev    flash.Device
	m      Map
	hash   image.Hash
	broken [2]bool
	found  [2]error
	header image.Header
	body   image.Body
	buf    [image.HeaderSize]byte
}

// Open reads the log.
func (s *Selector) Open(dev flash.Device, m Map, hash image.Hash) error {
	s.dev, s.m, s.hash = dev, m, hash
	s.broken = [2]bool{}
	return s.Log.Open(dev, m.Records)
}

// Select returns the image to start, and counts the start if it is a trial. ok
// is false if there is none to start. Errors of the chip are not fatal: what
// cannot be read cannot be started, and what cannot be counted is not tried.
func (s *Selector) Select(crashes int) (c Choice, ok bool) {
	s.found = [2]error{}
	r, recorded := s.Newest()
	p := Decide(r, recorded, crashes)
	for _, step := range p.Steps[:p.Len] {
		err := s.try(&r, step)
		if err == nil {
			now, _ := s.Newest()
			return Choice{Slot: step.Slot, Base: s.m.Slots[step.Slot], Trial: step.Trial, Attempt: now.Attempts}, true
		}
		s.found[step.Slot] = err
	}
	return Choice{}, false
}

// Header is that of the image that Select chose.
func (s *Selector) Header() *image.Header { return &s.header }

// Found says why Select did not take the image in a slot; nil if it did, or did
// not look.
func (s *Selector) Found(slot Slot) error { return s.found[slot] }

// Broken says that the image of a choice could not be loaded. If it was on
// trial it is rejected. The next Select takes another.
func (s *Selector) Broken(c Choice) error {
	s.broken[c.Slot] = true
	if c.Trial {
		return s.mark(offRejected)
	}
	return nil
}

func (s *Selector) try(r *Record, step Step) error {
	if s.broken[step.Slot] {
		return image.BadLoad
	}
	err := s.check(r, step)
	if !step.Trial {
		return err
	}
	_, damaged := err.(image.Reason)
	if e, other := err.(Error); damaged || other && e == ErrNotThat { // comparing interfaces costs the selector 9 KiB
		_ = s.mark(offRejected) // if that fails, it is found damaged again next time
	}
	if err != nil {
		return err
	}
	return s.mark(offAttempts)
}

// check reads the header in the step's slot and, unless the image is known,
// hashes the body.
func (s *Selector) check(r *Record, step Step) error {
	base := s.m.Slots[step.Slot]
	if err := s.dev.Read(base, s.buf[:]); err != nil {
		return err
	}
	if err := image.Decode(s.buf[:], &s.header); err != nil {
		return err
	}
	switch {
	case s.header.Length > s.m.SlotSize:
		return image.TooLarge
	case step.Match == RecordImage && !r.Names(&s.header), step.Match == FallbackImage && !r.namesFallback(&s.header):
		return ErrNotThat
	case step.Quick:
		return nil
	}
	s.body.Reset(&s.header, s.hash)
	return s.body.ReadAll(s.dev, base, s.buf[:])
}
