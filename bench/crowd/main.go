// Command crowd measures one relay with many plain viewers of one camera, and
// what cameras cost that nobody watches.
//
//	go build -o bin/relay ./cmd/relay && go run ./bench/crowd -relay bin/relay
//
// Viewers and camera run in this process, on the same machine as the relay; the
// age of a frame is from when the camera sent it to when the viewer had its
// last byte, and includes what this process itself was behind. Linux only.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"camrelay/bench/internal/load"
)

// crowd is a relay under measurement.
type crowd struct {
	relay   string
	size    int
	fps     int
	seconds time.Duration
}

func main() {
	c := crowd{}
	flag.StringVar(&c.relay, "relay", "bin/relay", "the relay's `binary`")
	flag.IntVar(&c.size, "size", 8192, "frame size in bytes")
	flag.IntVar(&c.fps, "fps", 5, "frames a second")
	flag.DurationVar(&c.seconds, "time", 5*time.Second, "time of each measurement")
	viewers := flag.String("viewers", "100,1000,5000", "numbers of viewers")
	resting := flag.String("resting", "0,50", "numbers of cameras that nobody watches")
	flag.Parse()
	if err := c.run(numbers(*viewers), numbers(*resting)); err != nil {
		fmt.Fprintln(os.Stderr, "crowd:", err)
		os.Exit(1)
	}
}

func (c crowd) run(viewers, resting []int) error {
	fmt.Printf("one camera, %d frames a second of %d bytes\n", c.fps, c.size)
	fmt.Printf("%7s  %9s  %9s %9s %9s  %12s %6s  %9s\n", "viewers", "delivered", "age p50", "p99", "max", "CPU µs/frame", "CPU %", "KB/viewer")
	for _, n := range viewers {
		if err := c.watched(n); err != nil {
			return fmt.Errorf("%d viewers: %w", n, err)
		}
	}
	fmt.Printf("\ncameras that nobody watches, each with a still every five seconds\n%7s  %8s  %9s\n", "cameras", "CPU %", "RSS MB")
	for _, n := range resting {
		if err := c.unwatched(n); err != nil {
			return fmt.Errorf("%d resting cameras: %w", n, err)
		}
	}
	return nil
}

// start runs a relay until ctx ends.
func (c crowd) start(ctx context.Context, args ...string) (*load.Process, string, error) {
	addr, err := load.FreeAddr()
	if err != nil {
		return nil, "", err
	}
	data, err := os.MkdirTemp("", "crowd")
	if err != nil {
		return nil, "", err
	}
	args = append([]string{
		"serve", "--lab", "--listen", addr, "--data", data, "--mqtt-listen", "",
		"--set", "limits.sockets_per_address=20000", "--set", "log.level=error",
	}, args...)
	p, err := load.Start(addr, c.relay, args...)
	if err != nil {
		os.RemoveAll(data)
		return nil, "", err
	}
	context.AfterFunc(ctx, func() {
		p.Stop()
		os.RemoveAll(data)
	})
	return p, addr, nil
}

// camera runs a camera until ctx ends.
func (c crowd) camera(ctx context.Context, addr, id string, rests bool) {
	camera := load.Camera{URL: "ws://" + addr + "/ws/push/" + id, JPEG: load.JPEG(c.size), FPS: c.fps, Rests: rests}
	go func() {
		if err := camera.Run(ctx); err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "camera:", err)
		}
	}()
}

// watched measures one camera with n viewers.
func (c crowd) watched(n int) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p, addr, err := c.start(ctx)
	if err != nil {
		return err
	}
	c.camera(ctx, addr, "bench", false)
	before, err := p.RSS()
	if err != nil {
		return err
	}
	viewers, err := load.NewViewers()
	if err != nil {
		return err
	}
	go viewers.Run()
	defer viewers.Stop()
	if err := joinAll(viewers, addr, n); err != nil {
		return err
	}
	time.Sleep(2 * time.Second) // until the machine is calm again

	viewers.TakeAges()
	frames, began := viewers.Frames(), time.Now()
	used, err := c.cpu(p)
	if err != nil {
		return err
	}
	took, got, ages := time.Since(began), viewers.Frames()-frames, viewers.TakeAges()
	after, err := p.RSS()
	if err != nil {
		return err
	}
	if dropped := viewers.Closed(); dropped > 0 || len(ages) == 0 {
		return fmt.Errorf("%d viewers were dropped, %d frames came", dropped, got)
	}
	slices.Sort(ages)
	due := took.Seconds() * float64(c.fps) * float64(n)
	fmt.Printf("%7d  %8.1f%%  %9s %9s %9s  %12.2f %6.1f  %9.1f\n", n, 100*float64(got)/due,
		millis(ages[len(ages)/2]), millis(ages[len(ages)*99/100]), millis(ages[len(ages)-1]),
		float64(used.Microseconds())/float64(got), 100*used.Seconds()/took.Seconds(), float64(after-before)/1024/float64(n))
	return nil
}

// joinAll tries again for a while: the camera has to be there first.
func joinAll(viewers *load.Viewers, addr string, n int) (err error) {
	for range 100 {
		if err = viewers.Join(addr, "ws", "/ws/view/bench"); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	for i := 1; i < n && err == nil; i++ {
		err = viewers.Join(addr, "ws", "/ws/view/bench")
	}
	return err
}

// unwatched measures n cameras that rest.
func (c crowd) unwatched(n int) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p, addr, err := c.start(ctx, "--set", "rest.linger=0s")
	if err != nil {
		return err
	}
	for i := range n {
		c.camera(ctx, addr, "rest-"+strconv.Itoa(i), true)
	}
	time.Sleep(2 * time.Second)
	began := time.Now()
	used, err := c.cpu(p)
	if err != nil {
		return err
	}
	rss, err := p.RSS()
	if err != nil {
		return err
	}
	fmt.Printf("%7d  %8.2f  %9.1f\n", n, 100*used.Seconds()/time.Since(began).Seconds(), float64(rss)/(1<<20))
	return nil
}

// cpu is the CPU time that the relay takes during a measurement.
func (c crowd) cpu(p *load.Process) (time.Duration, error) {
	before, err := p.CPU()
	if err != nil {
		return 0, err
	}
	time.Sleep(c.seconds)
	after, err := p.CPU()
	return after - before, err
}

func millis(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64) + " ms"
}

func numbers(list string) (out []int) {
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 0 {
			fmt.Fprintf(os.Stderr, "crowd: %q is not a number\n", field)
			os.Exit(2)
		}
		out = append(out, n)
	}
	return out
}
