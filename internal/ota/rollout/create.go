package rollout

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"camrelay/internal/ota"
	"camrelay/internal/ota/catalog"
	"camrelay/internal/wire"
)

// maxRunning bounds the rollouts at a time, and maxKept those that are over and
// remembered.
const (
	maxRunning = 16
	maxKept    = 50
)

// Create begins a rollout, or with dry only says which cameras it would have.
// group is what was asked for by MQTT, else empty. A rollout with the id and
// the document of one that there is already is that one.
func (m *Manager) Create(d Document, group, source string, dry bool) (v View, err error) {
	m.do(func() { v, err = m.create(d, group, source, dry) })
	return v, err
}

func (m *Manager) create(d Document, group, source string, dry bool) (View, error) {
	now := m.opt.Now()
	if err := d.check(); err != nil {
		return View{}, refuse(ota.BadRequest, "%v", err)
	}
	if group != "" {
		if len(d.Select.Groups) > 0 && !slices.Equal(d.Select.Groups, []string{group}) || len(d.Select.Cameras) > 0 {
			return View{}, refuse(ota.BadRequest, "the topic says group %s and select says other cameras: leave one of them out", group)
		}
		d.Select.Groups = []string{group}
	}
	if other := m.find(d.ID); other != nil && d.ID != "" {
		if d.Deadline.IsZero() {
			d.Deadline = other.Deadline
		}
		if !dry && same(d, other.Document) {
			return m.view(other, true), nil
		}
		return View{}, refuse(ota.BadRequest, "id %q is that of another rollout", d.ID)
	}
	switch {
	case d.Deadline.IsZero():
		d.Deadline = now.Add(defaultTime).UTC().Truncate(time.Second)
	case !d.Deadline.After(now):
		return View{}, refuse(ota.Expired, "the deadline has passed")
	case d.Deadline.After(now.Add(maxTime)):
		return View{}, refuse(ota.BadRequest, "the deadline is more than 30 days from now")
	}
	r := &rollout{Head: Head{Document: d, Group: group, Source: source, State: Running, Wave: 1, Images: map[string]Image{}, Created: now}}
	r.window, _ = d.Window.parse() // checked
	cameras, err := m.choose(d)
	if err != nil {
		return View{}, err
	}
	if err := m.judge(r, cameras); err != nil {
		return View{}, err
	}
	if r.ID == "" {
		r.ID = m.newID(r.version())
	}
	if dry {
		return m.view(r, true), nil
	}
	if err := m.free(r); err != nil {
		return View{}, err
	}
	r.changed, r.news = true, true
	if !m.commit(r) {
		return View{}, refuse(ota.DiskFull, "the relay cannot write its journal: %v. Make room on its disk; nothing was done", r.broken)
	}
	m.list = append(m.list, r)
	m.opt.Logger.Info("rollout begins", "rollout", r.ID, "to", r.version(), "cameras", len(r.targets), "by", d.By, "source", source)
	view := m.view(r, true)
	m.tick(r)
	return view, nil
}

// same reports whether two documents say the same.
func same(a, b Document) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// free refuses a rollout for cameras of another one: two policies would be at
// odds.
func (m *Manager) free(r *rollout) error {
	running := 0
	for _, other := range m.list {
		if other.State.Final() {
			continue
		}
		running++
		for _, t := range r.targets {
			o := other.target(t.Camera)
			switch {
			case t.done() || o == nil || o.done():
			case other.version() == r.version():
				return refuse(ota.Duplicate, "rollout %s to %s is under way for %s already", other.ID, other.version(), t.Camera)
			default:
				return refuse(ota.BusyJob, "rollout %s to %s is under way for %s: wait for its end, or cancel it", other.ID, other.version(), t.Camera)
			}
		}
	}
	if running >= maxRunning {
		return refuse(TooMany, "%d rollouts are under way, which is as many as there can be", running)
	}
	return nil
}

// choose finds the cameras that a document selects.
func (m *Manager) choose(d Document) ([]string, error) {
	groups, known := map[string]bool{}, map[string]bool{}
	var chosen []string
	for _, c := range m.opt.Fleet.Cameras() {
		known[c.ID] = true
		wanted := len(d.Select.Groups)+len(d.Select.Cameras) == 0 || slices.Contains(d.Select.Cameras, c.ID)
		for _, g := range c.Groups {
			groups[g] = true
			wanted = wanted || slices.Contains(d.Select.Groups, g)
		}
		if !wanted || slices.Contains(d.Select.Exclude, c.ID) {
			continue
		}
		if d.Select.Board != "" {
			if h, ok := m.opt.Updates.Info(c.ID); !ok || h.Board != d.Select.Board {
				continue
			}
		}
		chosen = append(chosen, c.ID)
	}
	for _, g := range d.Select.Groups {
		if !groups[g] {
			return nil, refuse(NoCameras, "no camera is in group %s: groups are given to cameras in the configuration (cameras[].groups) or on their pages", g)
		}
	}
	for _, list := range [][]string{d.Select.Cameras, d.Select.Exclude, d.Canary} {
		for _, id := range list {
			if !known[id] {
				return nil, refuse(ota.UnknownCamera, "there is no camera %s that could be updated", id)
			}
		}
	}
	for _, id := range d.Canary {
		if !slices.Contains(chosen, id) {
			return nil, refuse(ota.BadRequest, "canary %s is not among the selected cameras", id)
		}
	}
	if len(chosen) == 0 {
		return nil, refuse(NoCameras, "no camera is selected")
	}
	slices.Sort(chosen)
	return chosen, nil
}

// judge makes targets of cameras: those for which there is nothing to do are
// done.
func (m *Manager) judge(r *rollout, cameras []string) error {
	var why error
	found := false
	for _, id := range cameras {
		t := &Target{Camera: id, State: Pending, Since: r.Created, changed: true}
		r.targets = append(r.targets, t)
		h, ok := m.opt.Updates.Info(id)
		if !ok {
			found = true // it shows when it comes
			continue
		}
		img, err := m.image(r, h)
		switch {
		case err != nil:
			why = err
			t.enter(Rejected, r.Created, string(codeOf(err)), id+": "+err.Error())
		case h.Build == img.Build:
			found = true
			t.enter(Already, r.Created, string(ota.AlreadyThere), "")
		default:
			found = true
		}
	}
	if !found {
		return refuse(codeOf(why), "%v", why)
	}
	r.Total = r.count(in(Pending))
	return nil
}

var errNotUpdatable = errors.New("its firmware cannot be updated by the relay")

// image is the image for what a camera says it is.
func (m *Manager) image(r *rollout, h wire.Hello) (Image, error) {
	if h.Board == "" || h.Chip == "" || h.Boot == "" {
		return Image{}, errNotUpdatable
	}
	kind := h.Board + " " + h.Chip
	if i, ok := r.Images[kind]; ok {
		return i, nil
	}
	img, err := m.opt.Images.Match(h.Board, h.Chip, catalog.Criteria(r.To))
	if err != nil {
		return Image{}, err
	}
	i := Image{img.Version(), img.Build(), img.SHA256}
	r.Images = maps.Clone(r.Images)
	r.Images[kind] = i
	r.changed = true
	return i, nil
}

// codeOf is the code for an error of image.
func codeOf(err error) ota.Code {
	switch {
	case errors.Is(err, errNotUpdatable):
		return ota.NotUpdatable
	case errors.Is(err, catalog.ErrNone):
		return ota.NoImage
	case errors.Is(err, catalog.ErrOther):
		return ota.WrongBoard
	case errors.Is(err, catalog.ErrWanted):
		return ota.BadRequest
	}
	return ota.UnknownVersion
}

// newID makes an id of a version and the first number that is free.
func (m *Manager) newID(version string) string {
	const most = 18
	base := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' {
			return c
		}
		return '-'
	}, strings.ToLower(version))
	if base = strings.Trim(base[:min(len(base), most)], "-."); base == "" {
		base = "rollout"
	}
	for n := 1; ; n++ {
		if id := fmt.Sprintf("%s-%d", base, n); m.find(id) == nil {
			return id
		}
	}
}
