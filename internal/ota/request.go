package ota

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"camrelay/internal/ota/catalog"
)

// trigger deals with a request.
func (d *desk) trigger(t Trigger, source string) (Job, error) {
	if j, err := d.again(t); j != nil || err != nil {
		if err != nil {
			return Job{}, err
		}
		return *j.clone(), nil
	}
	switch t.Action {
	case Cancel:
		return d.cancel(t)
	case Status:
		return d.status()
	case Retry:
		return d.retryLast(t, source)
	case Pause, Resume:
		return Job{}, d.refuse(t, BadRequest, string(t.Action)+" is for rollouts")
	}
	return d.install(t, source)
}

// again recognises a request that came before by the user's id for it.
func (d *desk) again(t Trigger) (*Job, error) {
	if t.ID == "" || t.Action != Install {
		return nil, nil
	}
	all := d.last
	if d.job != nil {
		all = append(slices.Clone(all), d.job)
	}
	for _, j := range all {
		if j.Trigger != t.ID || d.now().Sub(j.Created) > 24*time.Hour {
			continue
		}
		if !fits(t.Want, j.To) {
			return nil, d.refuse(t, BadRequest, fmt.Sprintf("id %q was used for %s", t.ID, j.To.Version))
		}
		if j.State.Final() {
			d.result(j) // once more: the first may have been lost
			return j, nil
		}
		return nil, d.refuse(t, Duplicate, "")
	}
	return nil, nil
}

// fits reports whether a firmware is what is wanted; nothing in particular fits
// all.
func fits(w catalog.Criteria, f Firmware) bool {
	return (w.Version == "" || w.Version == f.Version) && (w.Build == 0 || w.Build == f.Build) &&
		(w.SHA256 == "" || len(w.SHA256) <= len(f.SHA256) && f.SHA256[:len(w.SHA256)] == w.SHA256)
}

func (d *desk) install(t Trigger, source string) (Job, error) {
	if !t.Deadline.IsZero() && !t.Deadline.After(d.now()) {
		return Job{}, d.refuse(t, Expired, "")
	}
	img, code, err := d.pick(t.Want)
	if code != "" {
		return Job{}, d.refuse(t, code, text(err))
	}
	to := firmware(img)
	if j := d.job; j != nil {
		switch {
		case j.To.SHA256 == to.SHA256:
			return Job{}, d.refuse(t, Duplicate, "")
		case t.Action == DryRun, !t.Replace, !j.State.Cancellable():
			return Job{}, d.refuseTo(t, BusyJob, j.To.Version, "")
		}
	}
	if d.known {
		if code, err := d.suits(img); code != "" {
			return Job{}, d.refuseTo(t, code, to.Version, text(err))
		}
	}
	if t.Action == DryRun {
		return Job{}, d.refuseTo(t, Fine, to.Version, "")
	}
	if !t.Force && d.rateLimited() {
		return Job{}, d.refuse(t, RateLimited, "")
	}
	if d.broken != nil {
		return Job{}, d.refuse(t, DiskFull, text(d.broken))
	}
	if d.job != nil {
		d.abort()
		d.finish(Superseded, ReplacedByOther, "")
	}
	return d.accept(t, source, to)
}

// accept makes a job of a request.
func (d *desk) accept(t Trigger, source string, to Firmware) (Job, error) {
	now := d.now()
	j := &Job{
		ID: newID(now), Camera: d.camera, Trigger: t.ID, By: t.By, Reason: t.Reason, Rollout: t.Rollout, Source: source, Force: t.Force,
		From: Firmware{Version: d.info.Firmware, Build: d.info.Build}, To: to,
		Created: now, NotBefore: t.NotBefore, Deadline: t.Deadline, Attempt: 1,
	}
	if j.Deadline.IsZero() {
		j.Deadline = now.Add(d.c.opt.Timing.Queue)
		if t.NotBefore.After(now) {
			j.Deadline = t.NotBefore.Add(d.c.opt.Timing.Queue)
		}
	}
	d.job = j
	d.enter(Queued, "", nil)
	if d.broken != nil { // it would be forgotten by a restart
		d.job = nil
		d.publish()
		return Job{}, d.refuse(t, DiskFull, text(d.broken))
	}
	accepted := *j.clone()
	d.tick()
	return accepted, nil
}

func firmware(i catalog.Image) Firmware {
	return Firmware{Version: i.Version(), Build: i.Build(), SHA256: i.SHA256, Size: i.Size()}
}

// pick finds the image. A camera that has never said what it is gets a job that
// waits only if the catalog leaves no doubt; so it must have said so once.
func (d *desk) pick(w catalog.Criteria) (catalog.Image, Code, error) {
	if !d.known {
		return catalog.Image{}, CameraOffline, nil
	}
	if d.info.Board == "" || d.info.Chip == "" || d.info.Boot == "" {
		return catalog.Image{}, NotUpdatable, nil
	}
	img, err := d.c.opt.Images.Match(d.info.Board, d.info.Chip, w)
	switch {
	case err == nil:
		return img, "", nil
	case errors.Is(err, catalog.ErrNone):
		return img, NoImage, err
	case errors.Is(err, catalog.ErrOther):
		return img, WrongBoard, err
	case errors.Is(err, catalog.ErrWanted):
		return img, BadRequest, err
	}
	return img, UnknownVersion, err
}

// suits checks an image against what the camera runs.
func (d *desk) suits(i catalog.Image) (Code, error) {
	h := d.info
	switch {
	case h.Build == i.Build():
		return AlreadyThere, nil
	case h.State == "trial":
		return OnTrial, nil
	case i.Build() < h.Floor:
		return BelowFloor, nil
	case i.Build() < h.Build:
		return Downgrade, nil
	case h.Build < i.Header.Base:
		return NeedsStep, fmt.Errorf("it needs at least build %d", i.Header.Base)
	}
	return "", nil
}

// rateLimited reports whether the camera was down often enough.
func (d *desk) rateLimited() bool {
	today := 0
	for _, j := range d.last {
		if j.Begun.IsZero() || j.State == Succeeded {
			continue
		}
		if d.now().Sub(j.Ended) < d.c.opt.Between {
			return true
		}
		if d.now().Sub(j.Begun) < 24*time.Hour {
			today++
		}
	}
	return today >= d.c.opt.PerDay
}

func (d *desk) cancel(t Trigger) (Job, error) {
	j := d.job
	switch {
	case j == nil, t.Rollout != "" && j.Rollout != t.Rollout:
		return Job{}, d.refuse(t, NothingToCancel, "")
	case j.State == Cancelling:
		return *j.clone(), nil
	case !j.State.Cancellable():
		return Job{}, d.refuseTo(t, TooLate, j.To.Version, "")
	}
	if j.Begun.IsZero() {
		d.finish(Cancelled, CancelledByUser, "")
		return *j.clone(), nil
	}
	d.enter(Cancelling, "", d.abort)
	return *j.clone(), nil
}

// status publishes how things are once more.
func (d *desk) status() (Job, error) {
	d.publish()
	switch {
	case d.job != nil:
		d.event("status: " + joined(d.job.State, d.job.Step))
		return *d.job.clone(), nil
	case len(d.last) > 0:
		j := d.last[len(d.last)-1]
		d.result(j)
		return *j.clone(), nil
	}
	d.event("status: no update yet")
	return Job{Camera: d.camera}, nil
}

func (d *desk) retryLast(t Trigger, source string) (Job, error) {
	if d.job != nil {
		return Job{}, d.refuseTo(t, BusyJob, d.job.To.Version, "")
	}
	if len(d.last) == 0 {
		return Job{}, d.refuse(t, NothingToRetry, "")
	}
	t.Action = Install
	t.Want = catalog.Criteria{SHA256: d.last[len(d.last)-1].To.SHA256}
	return d.install(t, source)
}

// refuse answers a request that does not become a job.
func (d *desk) refuse(t Trigger, code Code, detail string) error {
	return d.refuseTo(t, code, t.Want.String(), detail)
}

func (d *desk) refuseTo(t Trigger, code Code, to, detail string) error {
	e := &RefusedError{Code: code, Text: sentence(code, d.camera, d.info.Firmware, to, detail)}
	document := resultOfRefusal(d.now(), d.camera, t, e)
	d.then(func() { d.c.opt.Publisher.Result(d.camera, document) })
	return e
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
