package listener

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// authority counts who asks for its directory, and gives no certificates.
func authority(t *testing.T) (url string, asked *atomic.Int32) {
	asked = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.Error(w, "not today", http.StatusServiceUnavailable)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/directory", asked
}

// TestACMEAsksForItsDomainsAlone: whoever connects with another name must not
// make the relay ask the authority, which limits how often that may be done.
func TestACMEAsksForItsDomainsAlone(t *testing.T) {
	url, asked := authority(t)
	a := NewACME(t.TempDir(), []string{"cams.example", "home.example"}, "me@home.example", url)
	get := a.Config().GetCertificate
	for _, name := range []string{"evil.example", "cams.example.evil.example", "localhost", "", "192.0.2.1"} {
		if _, err := get(hello(name)); err == nil {
			t.Errorf("there is a certificate for %q", name)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the authority was asked %d times for names that are not ours", n)
	}
	for _, name := range []string{"cams.example", "home.example"} {
		if err := a.manager.HostPolicy(t.Context(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if a.manager.Client.DirectoryURL != url || a.manager.Email != "me@home.example" {
		t.Errorf("authority %q, address for notices %q", a.manager.Client.DirectoryURL, a.manager.Email)
	}
}

func hello(name string) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{ServerName: name, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}
}

// TestACMEKeepsCertificates in data/acme, where nobody else may read them.
func TestACMEKeepsCertificates(t *testing.T) {
	data := t.TempDir()
	a := NewACME(data, []string{"cams.example"}, "", "http://127.0.0.1:1/directory")
	if err := a.manager.Cache.Put(t.Context(), "cams.example", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"acme", filepath.Join("acme", "cams.example")} {
		info, err := os.Stat(filepath.Join(data, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
}

// TestACMEOffersChallenge: TLS-ALPN-01 (RFC 8737) and no HTTP/2.
func TestACMEOffersChallenge(t *testing.T) {
	protos := NewACME(t.TempDir(), []string{"cams.example"}, "", "http://127.0.0.1:1/").Config().NextProtos
	if !slices.Contains(protos, "acme-tls/1") || slices.Contains(protos, "h2") {
		t.Errorf("protocols are %q", protos)
	}
}

func TestACMERedirects(t *testing.T) {
	h := NewACME(t.TempDir(), []string{"cams.example"}, "", "http://127.0.0.1:1/").Handler()
	ask := func(method, url string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, url, nil))
		return w
	}
	w := ask("GET", "http://cams.example/cameras/door?token=crs_x")
	if got := w.Header().Get("Location"); w.Code/100 != 3 || got != "https://cams.example/cameras/door?token=crs_x" {
		t.Errorf("redirect %d to %q", w.Code, got)
	}
	if w := ask("POST", "http://cams.example/push/door"); w.Code/100 == 2 || w.Code/100 == 3 {
		t.Errorf("POST is answered %d", w.Code)
	}
	if w := ask("GET", "http://cams.example/.well-known/acme-challenge/unknown"); w.Code/100 != 4 || strings.Contains(w.Body.String(), "goroutine") {
		t.Errorf("unknown challenge is answered %d", w.Code)
	}
}
