package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"camrelay/internal/scene"
	"camrelay/internal/testkit"
)

func TestZZ(t *testing.T) {
	variants := map[string]func(w http.ResponseWriter, j []byte){
		"A": func(w http.ResponseWriter, j []byte) {
			fmt.Fprintf(w, "Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n--frame\r\n", len(j), j)
		},
		"B": func(w http.ResponseWriter, j []byte) {
			fmt.Fprintf(w, "%s\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n", j)
		},
		"E": func(w http.ResponseWriter, j []byte) {
			fmt.Fprintf(w, "Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n--frame\r\nContent-Type: image/jpeg\r\n", len(j), j)
		},
		"D": func(w http.ResponseWriter, j []byte) {
			for range 2 {
				fmt.Fprintf(w, "Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n--frame\r\n", len(j), j)
			}
		},
	}
	for name, send := range variants {
		mux := http.NewServeMux()
		mux.HandleFunc("/s", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=frame")
			fmt.Fprint(w, "--frame\r\n")
			if name == "B" {
				fmt.Fprint(w, "Content-Type: image/jpeg\r\n\r\n")
			}
			for r.Context().Err() == nil {
				send(w, testkit.JPEGAt(640, 480, 30000, 1, time.Now()))
				w.(http.Flusher).Flush()
				time.Sleep(time.Second)
			}
		})
		mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, `<!doctype html><link rel=icon href="data:,"><body style="margin:0"><img src="/s" style="width:640px;height:480px">`)
		})
		s := httptest.NewServer(mux)
		p := testkit.Browser(t)
		p.OpenNoWait(s.URL)
		var last time.Time
		n := 0
		testkit.Eventually(t, 20*time.Second, func() bool {
			img, areas := p.ScreenshotPage("img")
			if len(areas) == 0 {
				return false
			}
			m, err := scene.ReadMarker(img, areas[0])
			if err == nil && m.Time.After(last) {
				last = m.Time
				n++
				t.Logf("%s: changed, age %v", name, time.Since(m.Time))
			}
			return n >= 4
		}, "x")
		p.Do()
		p.Eval("document.images[0].src=''", nil)
		s.CloseClientConnections()
		s.Close()
	}
}
