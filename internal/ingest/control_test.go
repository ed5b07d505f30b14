package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"camrelay/internal/stream"
	"camrelay/internal/wire"
)

// stock is the control server of stock firmware of one generation.
type stock struct {
	t     testing.TB
	cam   *cameraWebServer
	sizes sizeTable
	named bool // ESP32-CAM_MJPEG2SD
	one   sync.Mutex

	mu     sync.Mutex
	values map[string]int
	asked  []string
	refuse string
}

func newStock(t testing.TB, cam *cameraWebServer, sizes sizeTable, number int) *stock {
	return &stock{t: t, cam: cam, sizes: sizes, values: map[string]int{
		"framesize": number, "quality": 12, "brightness": 0, "hmirror": 0, "led_intensity": -1, "xclk": 20, "0x111": 0, "pixformat": 4, "sharpness": 0,
	}}
}

func (s *stock) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.one.TryLock() {
		s.t.Error("two control requests at a time")
		return
	}
	defer s.one.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !r.Close {
		s.t.Error("the connection is to be kept")
	}
	switch r.URL.Path {
	case "/status":
		var out any = s.values
		if s.named {
			text := make(map[string]string)
			for k, v := range s.values {
				text[k] = strconv.Itoa(v)
			}
			out = text
		}
		_ = json.NewEncoder(w).Encode(out)
	case "/control":
		s.asked = append(s.asked, r.URL.RawQuery)
		name, value := r.URL.Query().Get("var"), r.URL.Query().Get("val")
		if s.named {
			name, value, _ = strings.Cut(r.URL.RawQuery, "=")
		}
		n, err := strconv.Atoi(value)
		_, known := s.values[name]
		if err != nil || !known || name == s.refuse {
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		s.values[name] = n
		if name == "framesize" {
			size, _ := wire.FrameSizeNamed(s.sizes[n])
			jpeg := picture(s.t, n, size.Width, size.Height)
			s.cam.jpeg.Store(&jpeg)
		}
	default:
		http.NotFound(w, r)
	}
}

func TestControl(t *testing.T) {
	for generation, sizes := range sizeTables() {
		for _, named := range []bool{false, true} {
			t.Run(fmt.Sprint("generation ", generation, " named ", named), func(t *testing.T) {
				b := newBench(t, stream.Options{})
				b.watch(t)
				number := indexOf(sizes, "QVGA")
				cam := newCameraWebServer(t, picture(t, 1, 320, 240))
				streams := serve(t, cam.ServeHTTP)
				stock := newStock(t, cam, sizes, number)
				stock.named = named
				server := serve(t, stock.ServeHTTP)
				path := map[bool]string{false: "/stream", true: "/sustain?video=1"}[named]
				pull(t, b, PullConfig{URL: streams.URL + path, ControlURL: server.URL + "/"})
				got := b.await(t, "settings", func(c wire.Camera) bool { return len(c.Settings) > 0 })
				want := settings(t, `{"framesize":"QVGA","quality":12,"brightness":0,"hmirror":0}`)
				if !maps.Equal(got.Settings, want) || !got.Control {
					t.Errorf("settings %v, control %v", got.Settings, got.Control)
				}
				for _, name := range []string{"CIF", "VGA", "UXGA", "VGA"} {
					in, err := b.hub.Set(t.Context(), "me", false, settings(t, `{"quality":10,"framesize":"`+name+`"}`))
					if err != nil {
						t.Fatal(err)
					}
					want := settings(t, `{"framesize":"`+name+`","quality":10,"brightness":0,"hmirror":0}`)
					if !maps.Equal(in, want) {
						t.Errorf("%s: %v", name, in)
					}
					size, _ := wire.FrameSizeNamed(name)
					b.await(t, name, func(c wire.Camera) bool { return c.Width == size.Width && c.Height == size.Height })
				}
				stock.mu.Lock()
				defer stock.mu.Unlock()
				first := []string{fmt.Sprintf("val=%d&var=framesize", indexOf(sizes, "CIF")), "val=10&var=quality"}
				if named {
					first = []string{fmt.Sprintf("framesize=%d", indexOf(sizes, "CIF")), "quality=10"}
				}
				if !reflect.DeepEqual(stock.asked[:2], first) {
					t.Errorf("asked %v", stock.asked)
				}
			})
		}
	}
}

func indexOf(sizes sizeTable, name string) int {
	for i, s := range sizes {
		if s == name {
			return i
		}
	}
	return -1
}

func TestControlErrors(t *testing.T) {
	b := newBench(t, stream.Options{})
	b.watch(t)
	cam := newCameraWebServer(t, picture(t, 1, 320, 240))
	streams := serve(t, cam.ServeHTTP)
	stock := newStock(t, cam, sizeTables()[0], 3) // a number that QVGA has nowhere
	server := serve(t, stock.ServeHTTP)
	pull(t, b, PullConfig{URL: streams.URL, ControlURL: server.URL})
	b.await(t, "settings", func(c wire.Camera) bool { return len(c.Settings) > 0 })
	set := func(text string) error {
		_, err := b.hub.Set(t.Context(), "me", false, settings(t, text))
		return err
	}
	if err := set(`{"framesize":"VGA"}`); err == nil || !strings.Contains(err.Error(), "calls its 320x240 pictures number 3, which fits no known firmware") {
		t.Errorf("unknown numbers: %v", err)
	}
	stock.refuse = "hmirror"
	var refused *RefusedError
	if err := set(`{"brightness":1,"hmirror":1,"quality":5}`); !errors.As(err, &refused) || refused.Text != "hmirror 1 (500)" {
		t.Errorf("refused: %v", err)
	}
	if c := b.hub.Camera(); c.Settings["brightness"] != 1 || c.Settings["quality"] != 12 {
		t.Errorf("after a refusal: %v", c.Settings)
	}
	if in, err := b.hub.Set(t.Context(), "me", false, wire.Settings{"fps": 5}); err != nil || len(in) == 0 {
		t.Errorf("a setting that it does not have: %v, %v", in, err)
	}
	server.Close()
	if err := set(`{"quality":5}`); err == nil || !strings.Contains(err.Error(), "control server: connection refused") {
		t.Errorf("gone: %v", err)
	}
}

// Cameras without such a server are not asked for one.
func TestControlAddress(t *testing.T) {
	for text, want := range map[string]string{
		"http://cam:81/stream":                  "http://cam named=false",
		"https://cam:81/stream":                 "https://cam named=false",
		"http://[fe80::1]:81/stream":            "http://[fe80::1] named=false",
		"http://cam/sustain?video=1":            "http://cam named=true",
		"http://cam:81/sustain?stream=0":        "http://cam named=true",
		"http://cam:8080/sustain?video=1":       "http://cam:8080 named=true",
		"http://cam:81/bs.mjpeg":                "none",
		"http://cam:8080/":                      "none",
		"http://cam/stream":                     "none",
		"http://cam/cgi-bin/mjpg/video.cgi?x=1": "none",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		c, err := newStockControl(&PullConfig{}, u)
		got := "none"
		if c != nil {
			got = fmt.Sprintf("%s named=%v", c.base, c.named)
			if c.known.Load() {
				t.Errorf("%s: believed without having been seen", text)
			}
		}
		if err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
}

// A control server that hangs does not hold up the one who asks for longer than
// they want, nor the stream.
func TestControlHangs(t *testing.T) {
	b := newBench(t, stream.Options{})
	b.watch(t)
	cam := newCameraWebServer(t, picture(t, 1, 320, 240))
	streams := serve(t, cam.ServeHTTP)
	release := make(chan struct{})
	server := serve(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	pull(t, b, PullConfig{URL: streams.URL, ControlURL: server.URL, HeaderTimeout: 100 * time.Millisecond})
	for range 10 {
		b.next(t)
	}
	if _, err := b.hub.Set(t.Context(), "me", false, wire.Settings{"quality": 5}); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("got %v", err)
	}
	b.next(t)
}

func TestSizeNumbers(t *testing.T) {
	for _, tt := range []struct {
		number, width, height int
		name                  string
		want                  int
		err                   string
	}{
		{10, 640, 480, "SVGA", 11, ""}, {8, 640, 480, "SVGA", 9, ""}, {6, 640, 480, "SVGA", 7, ""},
		{13, 1600, 1200, "96X96", 0, ""}, {10, 1600, 1200, "QQVGA", 0, ""},
		{1, 160, 120, "96X96", 0, ""}, {1, 160, 120, "VGA", 0, "cannot be told"},
		{0, 160, 120, "VGA", 6, ""}, {8, 640, 480, "320X320", 0, "no framesize 320X320"},
		{7, 640, 480, "VGA", 0, "fits no known firmware"}, {-1, 640, 480, "VGA", 0, "fits no"}, {99, 640, 480, "VGA", 0, "fits no"},
		{8, 0, 0, "VGA", 0, "has to be watched once"}, {8, 123, 456, "VGA", 0, "fits no"},
	} {
		var s sizeNumbers
		s.observe(tt.number, tt.width, tt.height)
		got, err := s.numberOf(tt.name)
		if tt.err == "" && (err != nil || got != tt.want) || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%+v: %d, %v", tt, got, err)
		}
	}
	var s sizeNumbers
	s.observe(1, 160, 120) // two generations
	s.observe(10, 640, 480)
	s.observe(11, 640, 480) // it was just changed, and the pictures lag
	if got, err := s.numberOf("UXGA"); got != 15 || err != nil {
		t.Errorf("narrowed: %d, %v", got, err)
	}
	for _, table := range sizeTables() {
		for _, name := range table {
			if _, ok := wire.FrameSizeNamed(name); name != "" && !ok {
				t.Errorf("%s is no size", name)
			}
		}
	}
}
