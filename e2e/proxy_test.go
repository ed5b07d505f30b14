package e2e

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"camrelay/internal/testkit"
)

// behind starts a reverse proxy before the relay. The filter may answer a
// request itself, and then returns nil, or change it.
func (r *relay) behind(t testing.TB, filter func(http.ResponseWriter, *http.Request) *http.Request) (address string) {
	t.Helper()
	target, err := url.Parse(r.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.Out.Host = p.In.Host
		},
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) {},
		ErrorLog:      log.New(io.Discard, "", 0),
		FlushInterval: -1,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req = filter(w, req); req == nil {
			return
		}
		defer func() { // a response that is cut ends normally for the client
			if e := recover(); e != nil && e != http.ErrAbortHandler {
				panic(e)
			}
		}()
		proxy.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	return server.URL
}

// signInAt starts a browser and signs in by the address of a proxy.
func (r *relay) signInAt(address string) *page {
	r.t.Helper()
	p := &page{testkit.Browser(r.t), r.t, r}
	p.Allow("WebSocket connection to")
	p.Open(strings.Replace(r.login, r.url, address, 1))
	p.wait(`location.pathname === "/" && document.querySelector(".grid")`)
	p.hideFigures()
	return p
}

// Behind a proxy that lets no WebSocket through the page says so, and a single
// camera is watched by MJPEG without anybody choosing it.
func TestWebSocketBlocked(t *testing.T) {
	r := startRelay(t, "")
	r.vcam("door", r.addCamera("door", "Front door"))
	address := r.behind(t, func(w http.ResponseWriter, req *http.Request) *http.Request {
		if req.Header.Get("Upgrade") != "" {
			http.Error(w, "no upgrades here", http.StatusBadRequest)
			return nil
		}
		return req
	})
	p := r.signInAt(address)
	p.wait(`document.querySelector(".link-notice")?.innerText.includes("WebSocket does not get through")`)
	p.waitState("door", "lost")
	p.OpenNoWait(address + "/cameras/door")
	p.waitState("door", "live")
	if by := p.data("door", "transport"); by != "mjpeg" {
		t.Errorf("the pictures come by %q", by)
	}
	if m := p.mustRead("door"); m.age > maxAge {
		t.Errorf("the picture is %v old", m.age)
	}
}

// A proxy may end a long response. An <img> does not tell; the page sees that
// the picture stands still, and opens the stream anew.
func TestStreamCut(t *testing.T) {
	r := startRelay(t, "")
	r.vcam("door", r.addCamera("door", "Front door"))
	var streams atomic.Int32
	address := r.behind(t, func(w http.ResponseWriter, req *http.Request) *http.Request {
		if !strings.HasSuffix(req.URL.Path, ".mjpg") || streams.Add(1) > 1 {
			return req
		}
		ctx, cancel := context.WithCancel(req.Context())
		time.AfterFunc(time.Second, cancel)
		return req.WithContext(ctx)
	})
	p := r.signInAt(address)
	p.Eval(`localStorage.setItem("camrelay.transport", "mjpeg")`, nil)
	p.OpenNoWait(address + "/cameras/door")
	p.waitState("door", "live")
	p.mustRead("door")
	eventually(t, func() bool { return streams.Load() == 2 }, "the page opens the stream anew")
	began := time.Now()
	eventually(t, func() bool { return p.mustRead("door").Time.After(began) }, "the picture goes on")
}
