package roster

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"camrelay/internal/config"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

// mjpegCamera is a camera with a stream of its own that counts its readers.
type mjpegCamera struct {
	*httptest.Server
	open, came func() int
}

func newMJPEGCamera(t *testing.T) *mjpegCamera {
	var mu sync.Mutex
	open, came := 0, 0
	jpeg := testkit.JPEG(160, 120, 5000)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		open, came = open+1, came+1
		mu.Unlock()
		defer func() {
			mu.Lock()
			open--
			mu.Unlock()
		}()
		w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=b")
		for r.Context().Err() == nil {
			fmt.Fprintf(w, "--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", len(jpeg), jpeg)
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}))
	t.Cleanup(s.Close)
	read := func(n *int) func() int {
		return func() int {
			mu.Lock()
			defer mu.Unlock()
			return *n
		}
	}
	return &mjpegCamera{s, read(&open), read(&came)}
}

func TestPullCameraChanges(t *testing.T) {
	one, two := newMJPEGCamera(t), newMJPEGCamera(t)
	f := start(t, settings(pull("yard", one.URL+"/stream")))
	viewer := f.view("yard")
	frames := func(n int) {
		t.Helper()
		for range n {
			if _, err := viewer.Read(5 * time.Second); err != nil {
				t.Fatal(err)
			}
		}
	}
	frames(3)
	for range 10 { // nothing changed: the connection stays
		f.Apply(settings(pull("yard", one.URL+"/stream")))
	}
	frames(3)
	if one.came() != 1 {
		t.Errorf("%d connections after reloads without a change", one.came())
	}
	f.Apply(settings(pull("yard", two.URL+"/stream"))) // the viewer stays
	testkit.Eventually(t, 5*time.Second, func() bool { return one.open() == 0 && two.open() == 1 }, "the other camera is read")
	frames(3)
	slower := settings(pull("yard", two.URL+"/stream"))
	slower.Pull.IdleTimeout = 3 * time.Second // holds for pullers that run
	f.Apply(slower)
	testkit.Eventually(t, 5*time.Second, func() bool { return two.came() == 2 && two.open() == 1 }, "the camera is read anew")
	frames(3)
	f.Apply(settings())
	wantClose(t, viewer, wire.CloseNoCamera)
	testkit.Eventually(t, 5*time.Second, func() bool { return two.open() == 0 }, "nobody reads the camera")
}

// takeSettings acknowledges commands and counts those that set something.
func takeSettings(c *testkit.Camera, sets chan<- wire.Settings) {
	for {
		frame, err := c.Read(20 * time.Second)
		if err != nil {
			return
		}
		command, err := wire.ParseCommand(frame.Payload)
		if frame.Opcode != 1 || err != nil || command.T != wire.KindSet {
			continue
		}
		c.Text(fmt.Sprintf(`{"t":"ack","id":%d,"ok":true}`, command.ID))
		sets <- command.Settings
	}
}

// TestSettingsOncePerConnection: however often something about the camera
// changes.
func TestSettingsOncePerConnection(t *testing.T) {
	door := push("door")
	door.Settings = config.Settings{"quality": 20}
	f := start(t, settings(door))
	sets := make(chan wire.Settings, 100)
	want := func(quality int) {
		t.Helper()
		select {
		case s := <-sets:
			if s["quality"] != quality {
				t.Fatalf("camera was sent %v", s)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("camera was not sent its settings")
		}
	}
	hub := f.reg.Get("door")
	for range 3 {
		c := f.connect("door", wire.CameraProtocol)
		go takeSettings(c, sets)
		want(20)
		for i := range 50 {
			hub.Rename(fmt.Sprint(i))
		}
		c.Close()
		testkit.Eventually(t, 5*time.Second, func() bool { return hub.Camera().State == "offline" }, "camera has gone")
	}
	f.connect("door").Close() // one that takes no commands is sent none
	testkit.Eventually(t, 5*time.Second, func() bool { return hub.Camera().State == "offline" }, "camera has gone")

	c := f.connect("door", wire.CameraProtocol)
	go takeSettings(c, sets)
	want(20)
	f.Apply(settings(door)) // the same again
	door.Settings = config.Settings{"quality": 30}
	f.Apply(settings(door)) // others go out at once
	want(30)
	door.Settings = nil
	f.Apply(settings(door))
	hub.Rename("x")
	if len(sets) != 0 {
		t.Errorf("camera was also sent %v", <-sets)
	}
	c.Close()
}
