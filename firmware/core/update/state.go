package update

import (
	"camrelay/firmware/core/config"
	"camrelay/firmware/core/text"
)

// outcome is how far the last job has come, as it is kept.
type outcome struct {
	phase  Phase  // Accepted, Failed, Confirmed or RolledBack
	build  uint32 // that ran when the job was accepted
	at     Phase  // of Failed
	code   code
	untold bool // the relay has not been told
}

// state is what an Updater keeps without power: the last job, its outcome, and
// the security floor.
type state struct {
	store   *config.Store
	values  *config.Values
	job     [maxJob]byte
	outcome outcome
	unread  bool // it could not be loaded: then it must not be overwritten
	scratch []byte
	buf     [80]byte
}

// load reads what was kept, unless that has been done. A job that has begun since
// stays.
func (s *state) load() error {
	if !s.unread {
		return nil
	}
	n, err := s.store.Load(s.scratch)
	if err == nil {
		err = s.values.Decode(s.scratch[:n])
	}
	if err != nil && err != config.ErrEmpty && err != config.ErrMalformed {
		return err
	}
	s.unread = false
	if job := s.values.Get(config.Job); s.job[0] == 0 && len(job) <= len(s.job) {
		copy(s.job[:], job)
		s.outcome.decode(s.values.Get(config.Outcome))
	}
	return nil
}

func (s *state) floor() uint32 { return s.values.Number(config.Floor) }

// save keeps the job with its outcome.
func (s *state) save(o outcome) error {
	err := s.load()
	if s.outcome = o; err != nil {
		return err
	}
	if err := s.values.Set(config.Job, trim(s.job[:])); err != nil {
		return err
	}
	if err := s.values.Set(config.Outcome, o.encode(s.buf[:0])); err != nil {
		return err
	}
	return s.store.Save(s.values.Bytes())
}

// raise makes build the floor, if that is higher.
func (s *state) raise(build uint32) error {
	if err := s.load(); err != nil || build <= s.floor() {
		return err
	}
	if err := s.values.SetNumber(config.Floor, build); err != nil {
		return err
	}
	return s.store.Save(s.values.Bytes())
}

// encode writes words: the phase; the build of an accepted job; where a failed
// one failed; the code; untold.
func (o *outcome) encode(b []byte) []byte {
	b = append(b, o.phase.String()...)
	switch o.phase {
	case Accepted:
		b = text.AppendUint(append(b, ' '), uint64(o.build))
	case Failed:
		b = append(append(b, ' '), o.at.String()...)
		b = append(append(b, ' '), o.code...)
	case RolledBack:
		b = append(append(b, ' '), o.code...)
	}
	if o.untold {
		b = append(b, " untold"...)
	}
	return b
}

// decode reads what encode wrote; what it does not understand is left out.
func (o *outcome) decode(p []byte) {
	*o = outcome{}
	word, rest := cutWord(p)
	o.phase = phaseOf(word)
	word, rest = cutWord(rest)
	switch o.phase {
	case Accepted:
		build, _ := text.ParseUint(word, 1<<32-1)
		o.build = uint32(build)
		word, _ = cutWord(rest)
	case Failed:
		o.at = phaseOf(word)
		word, rest = cutWord(rest)
		o.code = code(word) // once, at a start
		word, _ = cutWord(rest)
	case RolledBack:
		o.code = code(word)
		word, _ = cutWord(rest)
	}
	o.untold = text.Equal(word, "untold")
}

func cutWord(p []byte) (word, rest []byte) {
	for i, c := range p {
		if c == ' ' {
			return p[:i], p[i+1:]
		}
	}
	return p, nil
}
