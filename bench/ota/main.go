// Command ota measures how long viewers of a camera see nothing while it is
// updated: from the last live frame before to the first after, as a plain
// WebSocket viewer gets them.
//
//	go build -o bin/ ./cmd/... && go run ./bench/ota -bin bin
//
// Relay and virtual camera are programs of their own on this machine; the
// camera takes as long to start as a real one. What the radio of a real camera
// adds is the time of its download: 700 KB at 150 KB/s are five seconds.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/gorilla/websocket"

	"camrelay/bench/internal/load"
)

// patience bounds each wait.
const patience = time.Minute

// bench is a relay and a camera that is updated.
type bench struct {
	bin     string
	dir     string
	size    int
	updates int
	addr    string
	frames  chan time.Time // when a frame came
}

func main() {
	var b bench
	flag.StringVar(&b.bin, "bin", "bin", "`directory` with relay and vcam")
	flag.IntVar(&b.size, "size", 700<<10, "size of the firmware in bytes")
	flag.IntVar(&b.updates, "updates", 10, "updates, one after another")
	most := flag.Duration("most", 5*time.Second, "the longest median that is no failure")
	flag.Parse()
	median, err := b.run()
	if err == nil && median > *most {
		err = fmt.Errorf("the median is above %v", *most)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ota:", err)
		os.Exit(1)
	}
}

func (b *bench) run() (median time.Duration, err error) {
	if b.dir, err = os.MkdirTemp("", "bench-ota"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(b.dir)
	if err := b.build(); err != nil {
		return 0, err
	}
	if b.addr, err = load.FreeAddr(); err != nil {
		return 0, err
	}
	relay, err := load.Start(b.addr, filepath.Join(b.bin, "relay"), "serve", "--lab", "--listen", b.addr, "--mqtt-listen", "",
		"--data", b.dir, "--set", "ota.keys="+b.file("release.pub.pem"), "--set", "log.level=error")
	if err != nil {
		return 0, err
	}
	defer relay.Stop()
	for n := range b.updates {
		if err := b.upload(b.file(strconv.Itoa(n+2) + ".img")); err != nil {
			return 0, err
		}
	}
	camera := exec.Command(filepath.Join(b.bin, "vcam"), "--relay", "ws://"+b.addr, "--id", "door", "--key", "bench-bench", "--ring", b.file("release.pub.pem"))
	if err := camera.Start(); err != nil {
		return 0, err
	}
	defer func() { camera.Process.Kill(); camera.Wait() }()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := b.watch(ctx); err != nil {
		return 0, err
	}
	return b.measure()
}

func (b *bench) file(name string) string { return filepath.Join(b.dir, name) }

// build makes a key and the images.
func (b *bench) build() error {
	tool := func(name string, args ...string) error {
		if out, err := exec.Command(filepath.Join(b.bin, name), args...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s %s: %w: %s", name, args[0], err, out)
		}
		return nil
	}
	if err := tool("relay", "image", "keygen", "--out", b.file("release.pem")); err != nil {
		return err
	}
	if err := tool("vcam", "firmware", "--behaviour", "good", "--size", strconv.Itoa(b.size), "--out", b.file("payload.bin")); err != nil {
		return err
	}
	for n := range b.updates {
		build := strconv.Itoa(n + 2)
		if err := tool("relay", "image", "build", "--board", "vcam", "--chip", "host", "--version", "1."+build, "--build", build,
			"--key", b.file("release.pem"), "--out", b.file(build+".img"), b.file("payload.bin")); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) upload(name string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return b.ask("POST", "/api/v1/ota/images", content, nil)
}

// ask makes a request and decodes the answer.
func (b *bench) ask(method, path string, body []byte, answer any) error {
	req, err := http.NewRequest(method, "http://"+b.addr+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return err
	case res.StatusCode >= 300:
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, text)
	case answer == nil:
		return nil
	}
	return json.Unmarshal(text, answer)
}

// watch is the viewer.
func (b *bench) watch(ctx context.Context) error {
	var c *websocket.Conn
	var err error
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if c, _, err = websocket.DefaultDialer.DialContext(ctx, "ws://"+b.addr+"/ws/view/door", nil); err == nil {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("watch: %w", err)
		}
	}
	context.AfterFunc(ctx, func() { c.Close() })
	b.frames = make(chan time.Time, 1<<12)
	go func() {
		defer close(b.frames)
		for {
			if _, _, err := c.ReadMessage(); err != nil {
				return
			}
			b.frames <- time.Now()
		}
	}()
	return nil
}

// measure updates again and again, and prints the outages.
func (b *bench) measure() (median time.Duration, err error) {
	var outages []time.Duration
	for n := range b.updates {
		d, err := b.outage(fmt.Sprintf("1.%d", n+2))
		if err != nil {
			return 0, fmt.Errorf("update %d: %w", n+1, err)
		}
		outages = append(outages, d)
	}
	slices.Sort(outages)
	median = (outages[len(outages)/2] + outages[(len(outages)-1)/2]) / 2
	fmt.Printf("%d updates of %d KB: no picture for %.1f s (median; %.1f to %.1f s)\n", len(outages), b.size>>10,
		median.Seconds(), outages[0].Seconds(), outages[len(outages)-1].Seconds())
	return median, nil
}

// outage is the longest time without a frame while the camera is updated.
func (b *bench) outage(version string) (longest time.Duration, err error) {
	last, err := b.next()
	if err != nil {
		return 0, err
	}
	began := last
	if err := b.ask("POST", "/api/v1/ota/cameras/door", []byte(version), nil); err != nil {
		return 0, err
	}
	looked := began
	for {
		at, err := b.next()
		if err != nil {
			return 0, err
		}
		longest, last = max(longest, at.Sub(last)), at
		if at.Sub(looked) < time.Second/4 {
			continue
		}
		looked = at
		var camera struct {
			State string
			Job   *struct{ State, Text string }
		}
		if err := b.ask("GET", "/api/v1/ota/cameras/door", nil, &camera); err != nil {
			return 0, err
		}
		switch j := camera.Job; {
		case j != nil && j.State == "succeeded" && camera.State == "confirmed":
			return longest, nil
		case j != nil && (j.State == "failed" || j.State == "rolled_back" || j.State == "lost" || j.State == "rejected"):
			return 0, fmt.Errorf("%s: %s", j.State, j.Text)
		}
	}
}

func (b *bench) next() (time.Time, error) {
	select {
	case at, ok := <-b.frames:
		if !ok {
			return at, fmt.Errorf("the viewer was cut off")
		}
		return at, nil
	case <-time.After(patience):
		return time.Time{}, fmt.Errorf("no frame for %v", patience)
	}
}
