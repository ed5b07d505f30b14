package vcam

import (
	"bytes"
	"encoding/json"
	"image"
	"image/jpeg"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"camrelay/internal/scene"
	"camrelay/internal/wire"
)

// frame is a camera's newest picture.
func (l *lab) frame(id string) image.Image {
	l.t.Helper()
	var img image.Image
	l.eventually(func() bool {
		res, err := http.Get(l.url + "/cameras/" + id + "/snapshot.jpg?fresh=1")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			return false
		}
		img, err = jpeg.Decode(bytes.NewReader(b))
		if err != nil {
			l.t.Errorf("a picture is none: %v", err)
		}
		return err == nil
	}, "a picture of %s", id)
	return img
}

// luma is the mean brightness of a picture.
func luma(img image.Image) float64 {
	y, ok := img.(*image.YCbCr)
	if !ok {
		return 0
	}
	sum, n := 0, 0
	r := img.Bounds()
	for row := r.Min.Y; row < r.Max.Y; row += 3 {
		for col := r.Min.X; col < r.Max.X; col += 3 {
			sum += int(y.Y[y.YOffset(col, row)])
			n++
		}
	}
	return float64(sum) / float64(n)
}

// change sets what the relay's pages set.
func (l *lab) change(id string, settings map[string]any) {
	l.t.Helper()
	b, err := json.Marshal(map[string]any{"settings": settings})
	if err != nil {
		l.t.Fatal(err)
	}
	if status, text := l.do("PATCH", "/api/v1/cameras/"+id+"/settings", b, nil); status != http.StatusOK {
		l.t.Fatalf("settings %s: %d %s", b, status, text)
	}
}

// What is set in the relay goes into the sensor's registers and shows in the
// picture.
func TestSettingsShow(t *testing.T) {
	l := startLab(t)
	cfg := l.config("door", newDiary(nil))
	cfg.Flash = filepath.Join(t.TempDir(), "door.flash")
	addr := freeAddr(t)
	cfg.Port = portOf(t, addr)
	camera := power(t, cfg)
	l.online("door", 1)
	if b := l.frame("door").Bounds(); b.Dx() != 640 || b.Dy() != 480 {
		t.Fatalf("the picture is %v", b)
	}
	before := luma(l.frame("door"))
	l.change("door", map[string]any{"framesize": "SVGA", "brightness": 2})
	l.eventually(func() bool { b := l.frame("door").Bounds(); return b.Dx() == 800 && b.Dy() == 600 }, "the picture is 800x600")
	l.eventually(func() bool { return luma(l.frame("door")) > before+10 }, "the picture is brighter than %.0f", before)
	if _, err := scene.ReadMarker(l.frame("door"), l.frame("door").Bounds()); err != nil {
		t.Errorf("the marker: %v", err)
	}

	// What the camera's own server is told to save is there after a restart.
	put, err := http.NewRequest("PUT", "http://"+addr+"/settings", strings.NewReader(`{"save":true}`))
	if err != nil {
		t.Fatal(err)
	}
	put.SetBasicAuth("", cfg.Key)
	res, err := http.DefaultClient.Do(put)
	if err != nil {
		t.Fatal(err)
	}
	if res.Body.Close(); res.StatusCode != http.StatusOK {
		t.Errorf("the camera's own server answers %s", res.Status)
	}
	camera.cut(t)
	power(t, cfg)
	l.online("door", 1)
	img := l.frame("door")
	if img.Bounds().Dx() != 800 || luma(img) < before+10 {
		t.Errorf("after a restart the picture is %v, brightness %.0f", img.Bounds(), luma(img))
	}
	l.change("door", map[string]any{"hmirror": 1})
	l.eventually(func() bool { return mirrored(img, l.frame("door")) }, "the picture is mirrored")
	l.change("door", map[string]any{"hmirror": 0})
	l.eventually(func() bool { return !mirrored(img, l.frame("door")) }, "the picture is not mirrored any more")
}

// mirrored reports whether b is more like a from right to left than like a
// itself. Both have things that move, and a marker that is never mirrored.
func mirrored(a, b image.Image) bool {
	var same, other int
	ya, yb := a.(*image.YCbCr), b.(*image.YCbCr)
	w, h := a.Bounds().Dx(), a.Bounds().Dy()
	for y := 0; y < h; y += 4 {
		for x := 0; x < w; x += 4 {
			v := int(ya.Y[ya.YOffset(x, y)])
			same += difference(v, int(yb.Y[yb.YOffset(x, y)]))
			other += difference(v, int(yb.Y[yb.YOffset(w-1-x, y)]))
		}
	}
	return other < same
}

func difference(a, b int) int { return max(a-b, b-a) }

// Settings that are given at the start win over those in the flash.
func TestSettingsGiven(t *testing.T) {
	l := startLab(t)
	cfg := l.config("door", newDiary(nil))
	cfg.Settings = wire.Settings{"fps": 5}
	cfg.Settings.SetFrameSize("QVGA")
	power(t, cfg)
	l.online("door", 1)
	if b := l.frame("door").Bounds(); b.Dx() != 320 || b.Dy() != 240 {
		t.Errorf("the picture is %v", b)
	}
}

func portOf(t testing.TB, addr string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// The camera's own server answers on its port.
func TestOwnServer(t *testing.T) {
	l := startLab(t)
	addr := freeAddr(t)
	cfg := l.config("door", newDiary(nil))
	cfg.Port = portOf(t, addr)
	camera := power(t, cfg)
	l.online("door", 1)
	status := func() (int, string) {
		res, err := http.Get("http://" + addr + "/status")
		if err != nil {
			return 0, err.Error()
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(b)
	}
	code, text := status()
	var known map[string]any
	if code != http.StatusOK || json.Unmarshal([]byte(text), &known) != nil || known["id"] != "door" || known["version"] != "1.0.0" {
		t.Errorf("/status: %d %s", code, text)
	}
	camera.cut(t)
	if code, text := status(); code != 0 {
		t.Errorf("without power it answers %d %s", code, text)
	}
}
