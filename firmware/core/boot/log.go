package boot

import (
	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/le"
)

// Log is the append-only record of what is to be started: two sectors of 64
// records, of which the one with the highest number holds.
type Log struct {
	dev    flash.Device
	base   uint32
	newest Record
	at     uint32 // offset of newest on the chip
	has    bool
	buf    [flash.Page]byte
	cell   [RecordSize]byte
	cell2  [RecordSize]byte
}

// Open reads the log at base. A log without records is no error.
func (l *Log) Open(dev flash.Device, base uint32) error {
	l.dev, l.base, l.has = dev, base, false
	for page := 2*flash.Sector/flash.Page - 1; page >= 0; page-- { // backwards: most are older then, and need no CRC
		off := base + uint32(page)*flash.Page
		if err := dev.Read(off, l.buf[:]); err != nil {
			return err
		}
		for i := flash.Page - RecordSize; i >= 0; i -= RecordSize {
			cell := l.buf[i : i+RecordSize]
			if !l.has || le.U32(cell[offSeq:]) > l.newest.Seq {
				l.take(cell, off+uint32(i))
			}
		}
	}
	return nil
}

// take makes what is stored at the given place the newest record, if it is one.
func (l *Log) take(cell []byte, at uint32) {
	var r Record
	if r.decode(cell) {
		l.newest, l.at, l.has = r, at, true
	}
}

// Newest is the record that holds; ok is false if there is none.
func (l *Log) Newest() (r Record, ok bool) { return l.newest, l.has }

// append writes a record after the newest, with the next number. If it does not
// return nil, the newest still holds.
func (l *Log) append(r *Record) error {
	r.Seq = 1
	if l.has {
		r.Seq = l.newest.Seq + 1
	}
	at, err := l.room()
	if err != nil {
		return err
	}
	r.encode(&l.cell)
	// The CRC makes the record hold, so the marks come before it.
	if err := l.program(at, offAttempts, RecordSize); err != nil {
		return err
	}
	if err := l.program(at, 0, offAttempts); err != nil {
		return err
	}
	l.take(l.cell[:], at)
	return nil
}

// room returns the place of the next record: a blank one after the newest in
// its sector, or else the start of the other sector, erased just now. A sector
// that only looks blank may have been erased half-way.
func (l *Log) room() (uint32, error) {
	next := l.base
	if l.has {
		first := l.at - (l.at-l.base)%flash.Sector
		for at := l.at + RecordSize; at < first+flash.Sector; at += RecordSize {
			if err := l.dev.Read(at, l.cell2[:]); err != nil {
				return 0, err
			}
			if flash.Blank(l.cell2[:]) {
				return at, nil
			}
		}
		if first == l.base {
			next = l.base + flash.Sector
		}
	}
	return next, l.dev.Erase(next)
}

// program writes and reads back a part of cell at its place.
func (l *Log) program(at, from, to uint32) error {
	if flash.Blank(l.cell[from:to]) {
		return nil
	}
	if err := l.dev.Program(at+from, l.cell[from:to]); err != nil {
		return err
	}
	return flash.Verify(l.dev, at+from, l.cell[from:to], l.cell2[:])
}

// mark clears bits in one of the newest record's marks: all, or one more for a
// trial.
func (l *Log) mark(off uint32) error {
	if err := l.dev.Read(l.at, l.cell[:]); err != nil {
		return err
	}
	word := l.cell[off : off+flash.Word]
	value := uint32(0)
	if off == offAttempts {
		value = le.U32(word)
		value &= value - 1
	}
	le.Put32(word, value)
	if err := l.dev.Program(l.at+off, word); err != nil {
		return err
	}
	if err := flash.Verify(l.dev, l.at+off, word, l.cell2[:]); err != nil {
		return err
	}
	l.take(l.cell[:], l.at)
	return nil
}
