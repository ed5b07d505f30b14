// Command fanout measures what the relay adds to the cost of delivering a
// frame. In the same run it measures a bare server that does one write of
// prebuilt bytes per viewer and frame, and prints the CPU time per delivered
// frame of both and their ratio, the median of interleaved rounds.
//
//	go build -o bin/relay ./cmd/relay && go run ./bench/fanout -relay bin/relay
//
// Linux only: it reads other processes' CPU clocks.
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

type scenario struct {
	transport string
	size      int
	viewers   int
	fps       int
}

type result struct {
	perFrame  time.Duration // CPU time per delivered frame
	perViewer int           // resident bytes a viewer added
	delivered float64       // share of the frames that were due
}

type bench struct {
	relay   string
	seconds time.Duration
	fps     int
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "bare" {
		exit(bareMain(os.Args[2:]))
		return
	}
	relay := flag.String("relay", "bin/relay", "the relay's `binary`")
	rounds := flag.Int("rounds", 3, "rounds of each measurement")
	seconds := flag.Duration("time", 4*time.Second, "time of each measurement")
	fps := flag.Int("fps", 25, "frames a second")
	viewers := flag.String("viewers", "1,100,1000", "numbers of viewers")
	sizes := flag.String("sizes", "8192,40960", "frame sizes in bytes")
	transports := flag.String("transports", "ws,mjpeg", "ws, mjpeg")
	flag.Parse()
	b := &bench{*relay, *seconds, *fps}
	fmt.Printf("%-10s %7s %7s  %10s %10s %6s  %9s %9s\n", "transport", "bytes", "viewers", "bare µs", "relay µs", "ratio", "delivered", "KB/viewer")
	for _, transport := range strings.Split(*transports, ",") {
		for _, size := range numbers(*sizes) {
			for _, n := range numbers(*viewers) {
				exit(b.compare(scenario{transport, size, n, *fps}, *rounds))
			}
		}
	}
}

func bareMain(args []string) error {
	set := flag.NewFlagSet("bare", flag.ExitOnError)
	addr := set.String("addr", "", "address to listen on")
	transport := set.String("transport", "ws", "ws or mjpeg")
	size := set.Int("size", 8192, "frame size")
	fps := set.Int("fps", 25, "frames a second")
	set.Parse(args)
	return serveBare(*addr, *transport, *size, *fps)
}

// compare measures both servers in turn and prints the medians.
func (b *bench) compare(s scenario, rounds int) error {
	var bare, relay []result
	var ratios []float64
	for range rounds {
		r1, err := b.measure(s, b.startBare)
		if err != nil {
			return fmt.Errorf("bare server: %w", err)
		}
		r2, err := b.measure(s, b.startRelay)
		if err != nil {
			return fmt.Errorf("relay: %w", err)
		}
		bare, relay = append(bare, r1), append(relay, r2)
		ratios = append(ratios, float64(r2.perFrame)/float64(r1.perFrame))
	}
	mid := func(rs []result) result {
		slices.SortFunc(rs, func(a, b result) int { return int(a.perFrame - b.perFrame) })
		return rs[len(rs)/2]
	}
	slices.Sort(ratios)
	r1, r2 := mid(bare), mid(relay)
	fmt.Printf("%-10s %7d %7d  %10.2f %10.2f %6.2f  %8.1f%% %9.1f\n", s.transport, s.size, s.viewers,
		micros(r1.perFrame), micros(r2.perFrame), ratios[len(ratios)/2], 100*r2.delivered, float64(r2.perViewer)/1024)
	return nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// server starts a server and, if it needs one, its camera.
type server func(ctx context.Context, s scenario, addr string) (p *load.Process, path string, err error)

func (b *bench) startBare(_ context.Context, s scenario, addr string) (*load.Process, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	p, err := load.Start(addr, self, "bare", "-addr", addr, "-transport", s.transport, "-size", strconv.Itoa(s.size), "-fps", strconv.Itoa(s.fps))
	return p, "/", err
}

func (b *bench) startRelay(ctx context.Context, s scenario, addr string) (*load.Process, string, error) {
	data, err := os.MkdirTemp("", "fanout")
	if err != nil {
		return nil, "", err
	}
	context.AfterFunc(ctx, func() { os.RemoveAll(data) })
	p, err := load.Start(addr, b.relay, "serve", "--lab", "--listen", addr, "--data", data, "--mqtt-listen", "",
		"--set", "limits.sockets_per_address=20000", "--set", "log.level=error")
	if err != nil {
		return nil, "", err
	}
	go func() {
		camera := load.Camera{URL: "ws://" + addr + "/ws/push/bench", JPEG: load.JPEG(s.size), FPS: s.fps}
		if err := camera.Run(ctx); err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "camera:", err)
		}
	}()
	time.Sleep(300 * time.Millisecond)
	if s.transport == "mjpeg" {
		return p, "/cameras/bench/stream.mjpg", nil
	}
	return p, "/ws/view/bench", nil
}

func (b *bench) measure(s scenario, launch server) (result, error) {
	var r result
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	addr, err := load.FreeAddr()
	if err != nil {
		return r, err
	}
	p, path, err := launch(ctx, s, addr)
	if err != nil {
		return r, err
	}
	defer p.Stop()
	before, err := p.RSS()
	if err != nil {
		return r, err
	}
	l, err := load.NewViewers()
	if err != nil {
		return r, err
	}
	go l.Run()
	defer l.Stop()
	for range s.viewers {
		if err := l.Join(addr, s.transport, path); err != nil {
			return r, fmt.Errorf("viewer: %w", err)
		}
	}
	time.Sleep(time.Second)
	frames, began := l.Frames(), time.Now()
	cpu, err := p.CPU()
	if err != nil {
		return r, err
	}
	time.Sleep(b.seconds)
	used, err := p.CPU()
	if err != nil {
		return r, err
	}
	got, took := l.Frames()-frames, time.Since(began)
	after, err := p.RSS()
	if err != nil {
		return r, err
	}
	if n := l.Closed(); n > 0 {
		return r, fmt.Errorf("%d viewers were dropped", n)
	}
	if got == 0 {
		return r, fmt.Errorf("no frame was delivered")
	}
	r.perFrame = (used - cpu) / time.Duration(got)
	r.delivered = float64(got) / (took.Seconds() * float64(s.fps) * float64(s.viewers))
	r.perViewer = (after - before) / s.viewers
	return r, nil
}

func numbers(list string) []int {
	var out []int
	for _, field := range strings.Split(list, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 {
			exit(fmt.Errorf("%q is not a number above 0", field))
		}
		out = append(out, n)
	}
	return out
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "fanout:", err)
		os.Exit(1)
	}
}
