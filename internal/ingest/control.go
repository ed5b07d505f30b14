package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"camrelay/internal/wire"
)

// controlTimeout bounds one request to /control or /status.
const controlTimeout = 5 * time.Second

// stockControl speaks with the control server of stock firmware: /control to
// set one variable, /status to read them all. These servers have one task:
// they get one request at a time.
type stockControl struct {
	client *http.Client
	base   *url.URL
	// named is the dialect of ESP32-CAM_MJPEG2SD, /control?quality=10, where
	// CameraWebServer has /control?var=quality&val=10.
	named bool
	known atomic.Bool   // there is such a server
	turn  chan struct{} // held during a request

	mu    sync.Mutex
	sizes sizeNumbers
}

// newStockControl returns the control of the camera whose stream is at u, nil
// if it has none.
func newStockControl(cfg *PullConfig, u *url.URL) (*stockControl, error) {
	c := &stockControl{named: strings.HasSuffix(u.Path, "/sustain"), turn: make(chan struct{}, 1)}
	switch {
	case cfg.ControlURL != "":
		base, err := parseHTTP(cfg.ControlURL)
		if err != nil {
			return nil, err
		}
		base.User = nil
		c.base = base
		c.known.Store(true)
	case u.Port() == "81" && (c.named || u.Path == "/stream"):
		c.base = &url.URL{Scheme: u.Scheme, Host: strings.TrimSuffix(u.Host, ":81")}
	case c.named:
		c.base = &url.URL{Scheme: u.Scheme, Host: u.Host}
	default:
		return nil, nil
	}
	c.client = newClient(cfg, c.base)
	return c, nil
}

// get makes one request and returns the beginning of its answer.
func (c *stockControl) get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, controlTimeout, ErrNoAnswer)
	defer cancel()
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "camrelay")
	res, err := c.client.Do(req)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 4*maxErrorBody))
	switch {
	case err != nil:
		return nil, c.explain(ctx, err)
	case res.StatusCode >= http.StatusInternalServerError:
		return nil, &statusError{code: res.StatusCode}
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the camera's control server answers %d %s", res.StatusCode, http.StatusText(res.StatusCode))
	}
	return b, nil
}

// explain turns an error of the network into a sentence; one of time stays
// what it is.
func (c *stockControl) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if isTimeout(err) {
		return ErrNoAnswer
	}
	return fmt.Errorf("the camera's control server: %s", sentence(err, c.base.Host))
}

// set sets one variable.
func (c *stockControl) set(ctx context.Context, name string, value int) error {
	text := strconv.Itoa(value)
	query := url.Values{"var": {name}, "val": {text}}
	if c.named {
		query = url.Values{name: {text}}
	}
	_, err := c.get(ctx, "control", query)
	var status *statusError
	if errors.As(err, &status) { // what CameraWebServer says when the sensor will not
		return &RefusedError{fmt.Sprintf("%s %s (%d)", name, text, status.code)}
	}
	return err
}

// status reads the variables, those that are numbers.
func (c *stockControl) status(ctx context.Context) (map[string]int, error) {
	b, err := c.get(ctx, "status", nil)
	if err != nil {
		return nil, err
	}
	var all map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("read /status of the camera: %w", err)
	}
	numbers := make(map[string]int, len(all))
	for name, v := range all {
		switch v := v.(type) {
		case float64:
			numbers[name] = int(v)
		case string: // ESP32-CAM_MJPEG2SD
			if n, err := strconv.Atoi(v); err == nil {
				numbers[name] = n
			}
		}
	}
	if _, ok := numbers[wire.FrameSizeSetting]; !ok {
		return nil, errors.New("read /status of the camera: it has no framesize")
	}
	return numbers, nil
}

// settings picks what the relay knows from what /status says. A value out of
// range is one that the camera does not have, like a led_intensity of -1.
func (c *stockControl) settings(numbers map[string]int) wire.Settings {
	out := make(wire.Settings)
	for name, v := range numbers {
		if r, ok := wire.SettingNamed(name); ok && v >= r.Min && v <= r.Max {
			out[name] = v
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if name, ok := c.sizes.nameOf(numbers[wire.FrameSizeSetting]); ok {
		out.SetFrameSize(name)
	}
	return out
}

func (c *stockControl) observe(number, width, height int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sizes.observe(number, width, height)
}

// forget drops what is known of the camera's numbers: its firmware may have
// changed since the last connection.
func (c *stockControl) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sizes = sizeNumbers{}
}

// valueOf is the number for a setting in the camera's own terms; ok is false
// for those that it does not have.
func (c *stockControl) valueOf(settings wire.Settings, name string) (value int, ok bool, err error) {
	switch name {
	case "fps":
		return settings[name], c.named, nil
	case wire.FrameSizeSetting:
		size, _ := settings.FrameSize()
		c.mu.Lock()
		defer c.mu.Unlock()
		value, err = c.sizes.numberOf(size.Name)
		return value, true, err
	}
	return settings[name], true, nil
}

// take waits for the control server to be free.
func (c *stockControl) take(ctx context.Context) (release func(), err error) {
	select {
	case c.turn <- struct{}{}:
		return func() { <-c.turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
