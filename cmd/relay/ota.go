package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"

	"camrelay/internal/ota"
)

const otaUsage = `relay ota asks a running relay to update cameras.

  relay ota                         lists cameras: what runs, what is newest, and their updates
  relay ota CAMERA                  says more about one
  relay ota CAMERA latest           updates it to the newest image for it
  relay ota CAMERA 1.5.0            or to a version
  relay ota CAMERA dry-run          says whether that could be done
  relay ota CAMERA cancel           cancels a running update
  relay ota CAMERA retry            tries the last one again

  --wait        shows each step and waits for the result
  --force       against window, viewers and rate; never against safety
  --replace     instead of an update that is running
  --reason TEXT for the log
  --relay URL   address of the relay                    (http://127.0.0.1:8080)
  --token TOKEN an admin's, or $CAMRELAY_TOKEN

Exit status with --wait: 0 the camera runs it, 3 it failed, was cancelled or is
lost, 4 it went back to the old firmware; 1 for all other errors.
`

// Exit codes of relay ota --wait.
const (
	exitFailed     = 3
	exitRolledBack = 4
)

// exitError ends the program with a status of its own.
type exitError struct {
	status int
	text   string
}

func (e *exitError) Error() string { return e.text }

// otaTool is relay ota.
func otaTool(args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("ota", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	connect := apiFlags(f)
	wait := f.Bool("wait", false, "")
	force := f.Bool("force", false, "")
	replace := f.Bool("replace", false, "")
	reason := f.String("reason", "", "")
	words, err := parseMixed(f, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, otaUsage)
		return nil
	}
	if err != nil {
		fmt.Fprintf(stderr, "relay ota: %v\n\n%s", err, otaUsage)
		return errUsage
	}
	client, err := connect()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	switch len(words) {
	case 0:
		return client.listUpdates(ctx, stdout)
	case 1:
		return client.showCamera(ctx, stdout, words[0])
	case 2:
	default:
		return fmt.Errorf("%q is one word too many: see relay ota --help", words[2])
	}
	t, err := ota.ParseTrigger([]byte(words[1]))
	if err != nil {
		return err
	}
	return client.trigger(ctx, stdout, words[0], request{Action: t.Action, Version: t.Want.Version, Force: *force, Replace: *replace, Reason: *reason}, *wait)
}

// request is a trigger as JSON.
type request struct {
	Action  ota.Action `json:"action"`
	Version string     `json:"version,omitempty"`
	Force   bool       `json:"force,omitempty"`
	Replace bool       `json:"replace,omitempty"`
	Reason  string     `json:"reason,omitempty"`
}

// parseMixed parses flags before, between and after the other arguments.
func parseMixed(f *flag.FlagSet, args []string) (words []string, err error) {
	for len(args) > 0 {
		if err := f.Parse(args); err != nil {
			return nil, err
		}
		if args = f.Args(); len(args) > 0 {
			words = append(words, args[0])
			args = args[1:]
		}
	}
	return words, nil
}

// otaCamera is a camera in the API's answers.
type otaCamera struct {
	Camera    string    `json:"camera"`
	Updatable bool      `json:"updatable"`
	Firmware  string    `json:"firmware"`
	Build     uint32    `json:"build"`
	Board     string    `json:"board"`
	Slot      string    `json:"slot"`
	State     string    `json:"state"`
	Newest    string    `json:"newest"`
	Job       *ota.Job  `json:"job"`
	Jobs      []ota.Job `json:"jobs"`
}

func (c *apiClient) listUpdates(ctx context.Context, out io.Writer) error {
	var answer struct{ Cameras []otaCamera }
	if err := c.do(ctx, "GET", "/api/v1/ota/cameras", nil, &answer); err != nil {
		return err
	}
	for _, cam := range answer.Cameras {
		fmt.Fprintln(out, cam.line())
	}
	if len(answer.Cameras) == 0 {
		fmt.Fprintln(out, "no cameras")
	}
	return nil
}

// line is a camera in one line.
func (c otaCamera) line() string {
	if !c.Updatable {
		return fmt.Sprintf("%-24s cannot be updated by the relay, or was not there yet", c.Camera)
	}
	text := fmt.Sprintf("%-24s %s (build %d)", c.Camera, c.Firmware, c.Build)
	switch {
	case c.Newest == "":
		text += ", no image for it"
	case c.Newest != c.Firmware:
		text += ", newest " + c.Newest
	}
	if c.Job != nil && !c.Job.State.Final() {
		text += fmt.Sprintf(": %s to %s, %d %%", c.Job.State, c.Job.To.Version, c.Job.Progress())
	}
	return text
}

func (c *apiClient) showCamera(ctx context.Context, out io.Writer, camera string) error {
	var cam otaCamera
	if err := c.do(ctx, "GET", "/api/v1/ota/cameras/"+camera, nil, &cam); err != nil {
		return err
	}
	fmt.Fprintln(out, cam.line())
	for _, j := range cam.Jobs {
		text := j.Text
		if text == "" {
			text = fmt.Sprintf("%s to %s", j.State, j.To.Version)
		}
		fmt.Fprintf(out, "  %s  %s\n", j.Created.Local().Format(time.DateTime), text)
	}
	return nil
}

// trigger asks, and shows how it goes if it is to wait.
func (c *apiClient) trigger(ctx context.Context, out io.Writer, camera string, r request, wait bool) error {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	var answer struct {
		ota.Job
		Text string `json:"text"`
	}
	if err := c.do(ctx, "POST", "/api/v1/ota/cameras/"+camera, body, &answer); err != nil {
		return err
	}
	if answer.ID == "" { // nothing to do, or a dry run
		fmt.Fprintln(out, answer.Text)
		return nil
	}
	if !wait || r.Action != ota.Install && r.Action != ota.Retry {
		fmt.Fprintf(out, "%s: %s, from %s to %s; relay ota %s shows how it goes\n", camera, answer.State, answer.From.Version, answer.To.Version, camera)
		return nil
	}
	return c.follow(ctx, out, camera, answer.ID)
}

// follow prints each step of a job until it has ended. A relay that restarts
// meanwhile is waited for.
func (c *apiClient) follow(ctx context.Context, out io.Writer, camera, id string) error {
	const patience = 2 * time.Minute
	shown, percent, since := 0, 0, time.Now()
	for {
		job, err := c.job(ctx, camera, id)
		var answered *apiError
		switch {
		case ctx.Err() != nil:
			return errors.New("interrupted; the update goes on")
		case err == nil:
			since = time.Now()
		case errors.As(err, &answered) && answered.status < 500, time.Since(since) > patience:
			return err
		}
		if err == nil {
			for ; shown < len(job.Steps); shown++ {
				fmt.Fprintf(out, "%s  %s\n", job.Steps[shown].At.Local().Format(time.TimeOnly), job.Steps[shown].Name)
			}
			if p := job.Progress(); job.State == ota.Downloading && p >= percent+10 {
				percent = p
				fmt.Fprintf(out, "          %d %%\n", p)
			}
			if job.State.Final() {
				return verdict(out, job)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(300 * time.Millisecond):
		}
	}
}

func (c *apiClient) job(ctx context.Context, camera, id string) (ota.Job, error) {
	var cam otaCamera
	if err := c.do(ctx, "GET", "/api/v1/ota/cameras/"+camera, nil, &cam); err != nil {
		return ota.Job{}, err
	}
	for _, j := range cam.Jobs {
		if j.ID == id {
			return j, nil
		}
	}
	return ota.Job{}, fmt.Errorf("the relay has forgotten the update of %s", camera)
}

func verdict(out io.Writer, j ota.Job) error {
	switch j.State {
	case ota.Succeeded:
		fmt.Fprintln(out, j.Text)
		return nil
	case ota.RolledBack:
		return &exitError{exitRolledBack, j.Text}
	}
	return &exitError{exitFailed, j.Text}
}
