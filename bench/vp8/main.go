// Command vp8 measures the VP8 encoder beside libvpx in ffmpeg: the same
// pictures of a camera that stands still, the same bit rate, one thread.
package main

import (
	"flag"
	"fmt"
	"image"
	"log"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"camrelay/internal/vp8"
)

func main() {
	log.SetFlags(0)
	width := flag.Int("width", 640, "of the pictures, in pixels")
	height := flag.Int("height", 480, "of the pictures, in pixels")
	fps := flag.Int("fps", 15, "pictures a second")
	frames := flag.Int("frames", 150, "pictures of each stream")
	grain := flag.Float64("noise", 2, "standard deviation of the sensor's noise")
	flag.Parse()

	clips := []clip{}
	for _, c := range []struct {
		name string
		pan  float64
	}{{"still", 0}, {"panning", 1.3}} {
		pictures, err := paint(*width, *height, *frames, *fps, *grain, c.pan)
		if err != nil {
			log.Fatal(err)
		}
		clips = append(clips, clip{name: c.name, pictures: pictures, fps: *fps})
	}
	fmt.Printf("%dx%d, %d pictures at %d a second, noise %.1f, JPEG as from a camera\n\n", *width, *height, *frames, *fps, *grain)
	fmt.Println("| camera | target | encoder | bit rate | PSNR | key frame | ms a frame | slowest |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	for _, c := range clips {
		for _, rate := range []int{300_000, 600_000, 1_200_000, 2_400_000} {
			ours, err := encode(c, rate)
			if err != nil {
				log.Fatal(err)
			}
			theirs, err := libvpx(c, rate)
			if err != nil {
				log.Fatal(err)
			}
			ours.print(c.name, rate, "camrelay")
			theirs.print(c.name, rate, "libvpx")
		}
	}
}

// clip is a stream of pictures.
type clip struct {
	name     string
	pictures []*image.YCbCr
	fps      int
}

// result is what an encoder made of a clip.
type result struct {
	bitRate, psnr float64
	key           int // bytes of the first frame
	mean, slowest time.Duration
}

func (r result) print(name string, rate int, encoder string) {
	slowest := "-"
	if r.slowest > 0 {
		slowest = fmt.Sprintf("%.1f", float64(r.slowest.Microseconds())/1000)
	}
	fmt.Printf("| %s | %d kbit/s | %s | %.0f kbit/s | %.2f dB | %.1f KB | %.1f | %s |\n",
		name, rate/1000, encoder, r.bitRate/1000, r.psnr, float64(r.key)/1000, float64(r.mean.Microseconds())/1000, slowest)
}

// cpuTime is what this thread has used so far. On a machine that others use it
// tells more than the clock.
func cpuTime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// encode runs the project's encoder.
func encode(c clip, rate int) (result, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	e, err := vp8.New(vp8.Options{BitRate: rate, FPS: float64(c.fps), MinQuantizer: 1})
	if err != nil {
		return result{}, err
	}
	var r result
	var quality meter
	var buf []byte
	total := 0
	for i, p := range c.pictures {
		begin := cpuTime()
		buf, _, err = e.Encode(buf[:0], p, time.Duration(i)*time.Second/time.Duration(c.fps), false)
		took := cpuTime() - begin
		if err != nil {
			return result{}, err
		}
		r.mean += took / time.Duration(len(c.pictures))
		r.slowest = max(r.slowest, took)
		if i == 0 {
			r.key = len(buf)
		}
		total += len(buf)
		quality.add(p, e.Reconstruction())
	}
	r.bitRate = float64(total) * 8 * float64(c.fps) / float64(len(c.pictures))
	r.psnr = quality.psnr()
	return r, nil
}
