package rollout

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"camrelay/internal/ota/journal"
)

const (
	// maxJournal is the size at which a journal is shortened, in bytes, beside
	// what one line with everything takes.
	maxJournal = 256 << 10
	// keep is how long the state of a rollout that is over is published.
	keep = 7 * 24 * time.Hour
)

// line is one of a journal: what has changed. The first has everything.
type line struct {
	Head    *Head     `json:"head,omitempty"`
	Targets []*Target `json:"targets,omitempty"`
}

const journalPrefix = "rollout-"

// journalName is the name of a rollout's journal: ids have no "_".
func journalName(id string) string { return journalPrefix + strings.ReplaceAll(id, ".", "_") }

// commit appends what has changed to the journal, and reports whether all is in
// it.
func (m *Manager) commit(r *rollout) bool {
	var l line
	if r.changed {
		l.Head = &r.Head
	}
	for _, t := range r.targets {
		if t.changed {
			l.Targets = append(l.Targets, t)
		}
	}
	if l.Head == nil && l.Targets == nil {
		return true
	}
	text, err := json.Marshal(l)
	if err == nil {
		err = m.opt.Journal.Append(journalName(r.ID), text)
	}
	if err != nil {
		if r.broken == nil {
			m.opt.Logger.Error("the rollout is not journalled", "rollout", r.ID, "reason", err)
			r.news = true
		}
		r.broken, r.retry = err, m.opt.Now().Add(mendTime)
		return false
	}
	r.news = r.news || r.broken != nil
	r.broken, r.changed = nil, false
	for _, t := range l.Targets {
		t.changed = false
	}
	m.shorten(r)
	return true
}

// shorten leaves one line.
func (m *Manager) shorten(r *rollout) {
	if m.opt.Journal.Size(journalName(r.ID)) < maxJournal+int64(len(r.targets))*512 {
		return
	}
	text, err := json.Marshal(line{&r.Head, r.targets})
	if err == nil {
		err = m.opt.Journal.Replace(journalName(r.ID), [][]byte{text})
	}
	if err != nil {
		m.opt.Logger.Warn("the journal of a rollout is not shortened", "rollout", r.ID, "reason", err)
	}
}

// settle journals and publishes what was decided.
func (m *Manager) settle(r *rollout) {
	if r.broken == nil || !m.opt.Now().Before(r.retry) {
		m.commit(r)
	}
	if r.news {
		r.news = false
		m.publish(r)
	}
}

// load reads all journals.
func (m *Manager) load() error {
	names, err := m.opt.Journal.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, journalPrefix) {
			continue
		}
		r, err := m.read(name)
		switch {
		case errors.Is(err, journal.ErrDamaged) || errors.Is(err, errLine):
			m.opt.Logger.Error("a rollout does not go on", "journal", name, "reason", err)
		case err != nil:
			return err
		case r != nil:
			m.list = append(m.list, r)
		}
	}
	slices.SortStableFunc(m.list, func(a, b *rollout) int { return a.Created.Compare(b.Created) })
	return nil
}

var errLine = errors.New("a line is not understood")

// read reads a journal; nil if it is empty.
func (m *Manager) read(name string) (*rollout, error) {
	lines, err := m.opt.Journal.Read(name)
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	r := new(rollout)
	for _, text := range lines {
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return nil, fmt.Errorf("%w: %w", errLine, err)
		}
		if l.Head != nil {
			r.Head = *l.Head
		}
		for _, t := range l.Targets {
			if old := r.target(t.Camera); old != nil {
				*old = *t
				continue
			}
			i, _ := slices.BinarySearchFunc(r.targets, t.Camera, byCamera)
			r.targets = slices.Insert(r.targets, i, t)
		}
	}
	if r.window, err = r.Window.parse(); err != nil || journalName(r.ID) != name || r.Images == nil || r.Wave < 1 || r.Wave > r.waves() {
		return nil, fmt.Errorf("%w: it is not of rollout %q", errLine, r.ID)
	}
	return r, nil
}

// forget clears what was over long ago.
func (m *Manager) forget() {
	now, over := m.opt.Now(), 0
	for _, r := range m.list {
		if !r.State.Final() {
			continue
		}
		over++
		if !r.Cleared && now.Sub(r.Ended) >= keep {
			r.Cleared, r.changed, r.news = true, true, false
			m.clear(r.ID)
		}
	}
	m.list = slices.DeleteFunc(m.list, func(r *rollout) bool {
		if over <= maxKept || !r.State.Final() {
			return false
		}
		over--
		if err := m.opt.Journal.Remove(journalName(r.ID)); err != nil {
			m.opt.Logger.Warn("the journal of a rollout is not removed", "rollout", r.ID, "reason", err)
		}
		m.clear(r.ID)
		return true
	})
}

func (m *Manager) clear(id string) {
	m.then(func() { m.opt.Publisher.RolloutState(id, nil) })
}
