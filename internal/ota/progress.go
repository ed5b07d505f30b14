package ota

import (
	"cmp"
	"fmt"
	"time"

	"camrelay/internal/wire"
)

// headerSize is what a camera loads before it decides; more is the download.
const headerSize = 4096

// maxSends is how often an order is repeated that nobody answers.
const maxSends = 3

// tick looks at what is due.
func (d *desk) tick() {
	j := d.job
	if j == nil {
		return
	}
	switch j.State {
	case Queued:
		d.queued()
	case Preparing:
		d.preparing()
	case Ready:
		if d.late(d.c.opt.Timing.Start) {
			d.giveUp(NoDownload, "")
		}
	case Downloading:
		d.downloading()
	case Verifying:
		if d.late(d.c.opt.Timing.Verify) { // no failure by itself: what comes back decides
			d.enter(Overdue, "", nil)
		}
	case Activated:
		if d.late(3 * time.Second) {
			d.enter(Rebooting, "", nil)
		}
	case Rebooting:
		if d.late(d.c.opt.Timing.Reboot) {
			d.enter(Overdue, "", nil)
		}
	case Confirming:
		d.confirming()
	case Cancelling:
		if d.late(d.c.opt.Timing.Cancel) {
			d.finish(Cancelled, CancelledByUser, "")
		}
	case Overdue:
		d.overdue()
	}
	if j = d.job; j == nil {
		return
	}
	if d.back != nil && d.late2(j.Stepped, d.c.opt.Timing.CameBack) {
		d.conclude()
		return
	}
	if !j.Begun.IsZero() && j.State != Overdue && j.State != Cancelling && j.Activated.IsZero() && d.late2(j.Begun, d.c.opt.Timing.Job) {
		d.giveUp(JobTimeout, "")
	}
}

// late reports whether the job has been in its step for too long.
func (d *desk) late(limit time.Duration) bool { return d.late2(d.job.Stepped, limit) }

func (d *desk) late2(since time.Time, limit time.Duration) bool {
	now := d.now()
	return now.Sub(since) >= limit && !now.Before(d.grace)
}

// queued waits for what the job needs, or its deadline.
func (d *desk) queued() {
	j, opt := d.job, &d.c.opt
	now := d.now()
	waits, code := "", Code("")
	switch {
	case now.Before(j.NotBefore):
		waits, code = "for "+j.NotBefore.UTC().Format(time.RFC3339), Expired
	case d.connections == 0 && !d.mqtt:
		waits, code = "for the camera to come online", CameraOffline
	case !j.Force && !opt.Window.Open(now):
		waits, code = "for its window", OutOfWindow
	case !j.Force && opt.Window.SpareViewers && opt.Cameras.Viewers(d.camera) > 0:
		waits, code = "until nobody watches", ViewersPresent
	}
	if waits == "" {
		if d.c.acquire(false) {
			d.placed = true
			d.precheck()
			return
		}
		waits, code = "for other updates to end", Expired
	}
	if !now.Before(j.Deadline) {
		d.finish(Failed, code, "")
		return
	}
	if j.Waits != waits {
		j.Waits = waits
		d.event("queued: waits " + waits)
		d.publish()
	}
}

// precheck looks once more at the image and at what the camera runs.
func (d *desk) precheck() {
	j := d.job
	j.From = Firmware{Version: d.info.Firmware, Build: d.info.Build}
	j.Boot, j.Seq = d.info.Boot, 0
	j.Host = cmp.Or(d.c.opt.Host, d.host)
	d.enter(Prechecking, "", nil)
	images := d.c.opt.Images
	unpin, err := images.Pin(j.To.SHA256)
	if err == nil {
		d.unpin = unpin
		err = images.Recheck(j.To.SHA256)
	}
	if err != nil {
		d.finish(Rejected, NoImage, err.Error())
		return
	}
	img, code, err := d.pick(j.To.criteria())
	if code == "" {
		code, err = d.suits(img)
	}
	switch {
	case code == AlreadyThere && j.Retries > 0: // it came back with the new image after all
		d.finish(Succeeded, "", "")
		return
	case code != "":
		d.finish(Rejected, code, text(err))
		return
	}
	j.Begun = d.now()
	d.enter(Preparing, "announced", nil) // a moment for people to read it
}

func (d *desk) preparing() {
	t := &d.c.opt.Timing
	switch d.job.Step {
	case "announced":
		if d.late(t.Banner) {
			d.start()
		}
	case "ordered":
		switch {
		case !d.late(t.Answer):
		case d.job.Sends >= maxSends:
			d.giveUp(PrepareTimeout, "")
		default:
			d.start()
		}
	case "accepted": // the camera closes its stream; else the relay does
		if d.late(t.Answer) {
			d.step("stream_forced", 0)
			d.then(func() { d.c.opt.Cameras.CloseStream(d.camera) })
		}
	case "stream_forced":
		if d.late(t.Answer) {
			d.giveUp(StreamStuck, "")
		}
	case "restarting", "update_mode":
		if d.late(t.Reboot) {
			d.enter(Overdue, "", nil)
		}
	default: // the stream is closed
		if d.late(3 * t.Answer) { // a camera whose server is stuck restarts by itself before
			d.giveUp(ServerStuck, "")
		}
	}
}

// start gives the order, or gives it again.
func (d *desk) start() {
	d.job.Sends++
	d.step("ordered", 0)
	d.send(d.startOrder())
}

func (d *desk) startOrder() wire.Update {
	j, opt := d.job, &d.c.opt
	mode := wire.UpdateInline
	if j.Clean {
		mode = wire.UpdateClean
	}
	return wire.Update{
		Cmd: wire.UpdateStart, Job: j.order(), Image: "/ota/images/" + j.To.SHA256 + ".img", Size: uint32(j.To.Size),
		Host: j.Host, Token: d.c.token(j.order()), Mode: mode, MinHeap: opt.MinHeap, MinLargest: opt.MinLargest,
		Budget: uint32(opt.Budget / time.Second),
	}
}

func (d *desk) downloading() {
	j, t := d.job, &d.c.opt.Timing
	longest := max(2*time.Minute, time.Duration(j.To.Size/t.Slowest)*time.Second)
	switch {
	case d.late2(d.heard, t.Stall):
		d.giveUp(DownloadStalled, fmt.Sprintf("at %d of %d bytes", j.Offset, j.To.Size))
	case d.late2(j.Entered, longest):
		d.giveUp(DownloadSlow, "")
	}
}

// confirming waits for the camera's word, and asks for it: it may have been said
// to a broker that did not yet have the relay back.
func (d *desk) confirming() {
	t := &d.c.opt.Timing
	switch {
	case d.late(t.Confirm):
		d.enter(Overdue, "", nil)
	case d.late(t.Answer) && d.late2(d.asked, t.Answer):
		d.asked = d.now()
		d.send(wire.Update{Cmd: wire.UpdateStatus})
	}
}

func (d *desk) overdue() {
	j := d.job
	since := j.Activated
	if since.IsZero() {
		since = j.Entered
	}
	switch {
	case d.late2(since, d.c.opt.Timing.Lost):
		d.finish(Lost, NotComingBack, "")
	case d.late(d.c.opt.Timing.Answer): // it may be its word that was lost
		j.Stepped = d.now()
		d.send(wire.Update{Cmd: wire.UpdateStatus})
	}
}

// giveUp ends a job that the camera can still go back from, and tells it.
func (d *desk) giveUp(code Code, detail string) {
	d.abort()
	d.finish(Failed, code, detail)
}

func (d *desk) abort() {
	if j := d.job; !j.Begun.IsZero() && j.Sends > 0 {
		d.send(wire.Update{Cmd: wire.UpdateAbort, Job: j.order()})
	}
}

func (d *desk) send(u wire.Update) {
	order, err := u.Encode()
	if err != nil {
		d.c.opt.Logger.Error("the order is not sent", "camera", d.camera, "reason", err)
		return
	}
	d.then(func() { d.c.opt.Cameras.Send(d.camera, order) })
}

// order is what a camera that asks has to do.
func (d *desk) order() []byte {
	j := d.job
	switch {
	case j == nil || j.Sends == 0 || !j.Activated.IsZero():
		return nil
	case j.State == Cancelling:
		return d.abortOrder(j.order())
	}
	order, _ := d.startOrder().Encode()
	return order
}

// answer is what a camera that reports has to do: to stop if its job is not, or
// no longer, wanted.
func (d *desk) answer(order string) []byte {
	if j := d.job; j != nil && j.order() == order && j.State != Cancelling {
		return nil
	}
	return d.abortOrder(order)
}

func (d *desk) abortOrder(order string) []byte {
	b, _ := wire.Update{Cmd: wire.UpdateAbort, Job: order}.Encode()
	return b
}

// streamClosed is the relay's own evidence, which counts more than what the
// camera says.
func (d *desk) streamClosed() {
	if j := d.job; j != nil && j.State == Preparing {
		switch j.Step {
		case "accepted", "stream_forced":
			d.step("stream_closed", 0)
		}
	}
}

// streams says that pictures come.
func (d *desk) streams() {
	j := d.job
	switch {
	case j == nil:
	case j.State == Confirming && j.Step == "":
		d.step("streaming", 0)
	case j.State == Cancelling:
		d.finish(Cancelled, CancelledByUser, "")
	}
}

// served is evidence of the download.
func (d *desk) served(order string, offset int64) {
	j := d.job
	if j == nil || j.order() != order {
		return
	}
	d.heard = d.now()
	if offset < j.Offset && offset <= headerSize && j.State == Downloading {
		j.Resumes++ // from the beginning
	}
	j.Offset = max(j.Offset, offset)
	switch {
	case j.State == Ready || j.State == Preparing && j.Step != "announced":
		if offset > headerSize {
			d.enter(Downloading, "", nil)
		}
	case j.State == Downloading && j.Offset >= j.To.Size:
		d.enter(Verifying, "", nil)
	case j.State == Downloading && d.now().Sub(d.said) >= time.Second && j.Progress() != d.percent:
		d.publish()
	}
}

// criteria names exactly this firmware.
func (f Firmware) criteria() (w criteria) {
	w.SHA256 = f.SHA256
	return w
}
