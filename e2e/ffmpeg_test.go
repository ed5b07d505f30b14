package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"camrelay/internal/testkit"
)

// ffmpeg reads a stream for as many frames as asked, and has nothing to
// complain of.
func TestFFmpegReads(t *testing.T) {
	r := startRelay(t, "")
	r.vcam("door", r.addCamera("door", "Front door"))
	r.waitState("door", "online")
	url := r.url + "/cameras/door/stream.mjpg?token=" + r.addToken("ffmpeg")
	out := filepath.Join(t.TempDir(), "out.mkv")
	runProgram(t, patience, testkit.Tool(t, "ffmpeg"), "-hide_banner", "-xerror", "-loglevel", "error", "-f", "mpjpeg", "-i", url, "-frames:v", "20", "-c", "copy", out)
	info := runProgram(t, patience, testkit.Tool(t, "ffprobe"), "-v", "error", "-count_frames", "-show_streams", "-of", "json", out)
	var found struct {
		Streams []struct {
			Codec  string `json:"codec_name"`
			Frames string `json:"nb_read_frames"`
			Width  int
			Height int
		}
	}
	if err := json.Unmarshal(info, &found); err != nil {
		t.Fatal(err)
	}
	if len(found.Streams) != 1 || found.Streams[0].Codec != "mjpeg" || found.Streams[0].Frames != "20" || found.Streams[0].Width != 640 || found.Streams[0].Height != 480 {
		t.Errorf("ffmpeg got %+v", found.Streams)
	}
	// What a person types: the format is found by looking.
	frames := runProgram(t, patience, testkit.Tool(t, "ffmpeg"), "-hide_banner", "-xerror", "-loglevel", "error", "-i", url, "-frames:v", "5", "-f", "framecrc", "-")
	if n := bytes.Count(frames, []byte("\n0,")); n != 5 {
		t.Errorf("ffmpeg decoded %d frames:\n%s", n, frames)
	}
}

// ffmpeg pushes a video as a camera does; ffmpeg and a page watch it.
func TestFFmpegPushes(t *testing.T) {
	r := startRelay(t, "")
	key := r.addCamera("film", "Film")
	push := start(t, testkit.Tool(t, "ffmpeg"), "-hide_banner", "-nostdin", "-re", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=10",
		"-c:v", "mjpeg", "-q:v", "6", "-f", "mpjpeg", "-headers", "Authorization: Bearer "+key, r.url+"/push/film")
	r.waitState("film", "online")
	if c := r.camera("film"); c.Width != 320 || c.Height != 240 {
		t.Errorf("the camera is %dx%d", c.Width, c.Height)
	}
	url := r.url + "/cameras/film/stream.mjpg?token=" + r.addToken("ffmpeg")
	frames := runProgram(t, patience, testkit.Tool(t, "ffmpeg"), "-hide_banner", "-xerror", "-loglevel", "error", "-i", url, "-frames:v", "10", "-f", "framecrc", "-")
	if n := bytes.Count(frames, []byte("\n0,")); n != 10 {
		t.Errorf("ffmpeg decoded %d frames:\n%s", n, frames)
	}
	p := r.signIn()
	p.waitState("film", "live")
	push.kill()
	p.waitState("film", "offline")
}

// OpenCV's VideoCapture, as Frigate and many scripts use it.
func TestOpenCVReads(t *testing.T) {
	r := startRelay(t, "")
	r.vcam("door", r.addCamera("door", "Front door"))
	url := r.url + "/cameras/door/stream.mjpg?token=" + r.addToken("opencv")
	out := runProgram(t, patience, python, "-c", `
import cv2, sys
stream = cv2.VideoCapture(sys.argv[1])
shapes = [stream.read()[1].shape for _ in range(10)]
print(len(shapes), set(shapes))`, url)
	if got := strings.TrimSpace(string(out)); got != "10 {(480, 640, 3)}" {
		t.Errorf("OpenCV read %q", got)
	}
}

// ffmpeg serves a stream, the relay fetches it.
func TestFFmpegServes(t *testing.T) {
	addr := freeAddr(t)
	r := startRelay(t, fmt.Sprintf("cameras: [{id: film, name: Film, url: 'http://%s/film'}]\npull: {backoff_min: 100ms, backoff_max: 300ms}", addr))
	start(t, testkit.Tool(t, "ffmpeg"), "-hide_banner", "-nostdin", "-re", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=10",
		"-c:v", "mjpeg", "-q:v", "6", "-f", "mpjpeg", "-content_type", "multipart/x-mixed-replace;boundary=ffmpeg", "-listen", "1", "http://"+addr+"/film")
	p := r.signIn()
	p.waitState("film", "live")
	if c := r.camera("film"); c.Width != 320 || c.Height != 240 {
		t.Errorf("the camera is %dx%d", c.Width, c.Height)
	}
}
