package rollout

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"camrelay/internal/ota"
	"camrelay/internal/wire"
)

// answerDocument says what became of a request by MQTT.
type answerDocument struct {
	V        int       `json:"v"`
	Group    string    `json:"group,omitempty"`
	Result   string    `json:"result"` // accepted or rejected; dry_run_ok
	OK       bool      `json:"ok"`
	Rollouts []string  `json:"rollouts,omitempty"` // it is about
	Code     ota.Code  `json:"code,omitempty"`
	Text     string    `json:"text"`
	At       time.Time `json:"at"`
}

// Trigger takes a request by MQTT to all cameras or to a group, and answers it.
func (m *Manager) Trigger(group string, payload []byte) {
	request, err := Parse(payload)
	if errors.Is(err, ota.ErrEmpty) {
		return
	}
	if err != nil {
		err = refuse(ota.BadRequest, "%v", err)
	} else if group != "" && wire.CheckGroup(group) != nil {
		err = refuse(NoCameras, "%.40q cannot be a group", group)
	}
	m.answer(group, request, err)
}

// Refuse answers a request that cannot be taken.
func (m *Manager) Refuse(group string, code ota.Code, text string) {
	m.answer(group, Request{}, refuse(code, "%s", text))
}

func (m *Manager) answer(group string, request Request, err error) {
	doc := answerDocument{V: documentVersion, Group: group, Result: "rejected"}
	if err == nil {
		doc, err = m.take(group, request)
	}
	var e *ota.RefusedError
	if errors.As(err, &e) {
		doc.Code, doc.Text = e.Code, e.Text
	}
	doc.At = m.opt.Now().UTC()
	text, _ := json.Marshal(doc)
	m.do(func() { m.then(func() { m.opt.Publisher.RolloutAnswer(group, text) }) })
}

// take does what a request says.
func (m *Manager) take(group string, request Request) (answerDocument, error) {
	doc := answerDocument{V: documentVersion, Group: group, Result: "rejected"}
	switch request.Action {
	case ota.Install, ota.DryRun:
		v, err := m.Create(request.Document, group, "mqtt", request.Action == ota.DryRun)
		if err != nil {
			return doc, err
		}
		doc.Result, doc.OK, doc.Rollouts, doc.Text = "accepted", true, []string{v.ID}, accepted(v)
		if request.Action == ota.DryRun {
			doc.Result, doc.Rollouts = "dry_run_ok", nil
		}
		return doc, nil
	}
	var err error
	m.do(func() { doc.Rollouts, err = m.each(group, request) })
	if err == nil {
		doc.Result, doc.OK, doc.Text = "accepted", true, string(request.Action)+": done"
	}
	return doc, err
}

// each does something to the rollout that a request names, or to all that were
// asked for by the same topic.
func (m *Manager) each(group string, request Request) (ids []string, err error) {
	for _, r := range m.list {
		if request.Document.ID != "" && r.ID != request.Document.ID || request.Document.ID == "" && (r.State.Final() || group != "" && r.Group != group) {
			continue
		}
		ids = append(ids, r.ID)
		if request.Action == ota.Status {
			r.news = true
		} else if e := m.apply(r, request.Action); e != nil {
			err = e
		}
	}
	if ids == nil {
		return nil, refuse(NotFound, "no rollout is under way that this could be about")
	}
	return ids, err
}

// accepted says in words what a rollout will do.
func accepted(v View) string {
	text := "rollout " + v.ID + " to " + v.Version + " has " + plural(len(v.Cameras), "camera")
	if n := v.Counts[Already]; n > 0 {
		text += "; " + plural(n, "camera") + " have it already"
	}
	if n := v.Counts[Rejected]; n > 0 {
		text += "; " + plural(n, "camera") + " cannot be updated"
	}
	return text + "."
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
