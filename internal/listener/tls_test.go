package listener

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"camrelay/internal/testkit"
)

func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func serial(t *testing.T, c *Certificate) int64 {
	t.Helper()
	cert, err := c.get(nil)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf.SerialNumber.Int64()
}

func TestCertificateReload(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := testkit.Certificate(t, dir, 1)
	var errs []error
	c, err := LoadCertificate(certFile, keyFile, func(err error) { errs = append(errs, err) })
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c.now = func() time.Time { return now }
	want := func(number int64, complaints int, when string) {
		t.Helper()
		if got := serial(t, c); got != number || len(errs) != complaints {
			t.Fatalf("%s: certificate %d, complaints %v; want %d and %d", when, got, errs, number, complaints)
		}
	}
	want(1, 0, "at first")

	testkit.Certificate(t, dir, 2)
	want(1, 0, "changed, but looked at just now")
	now = now.Add(lookEvery)
	want(2, 0, "changed a minute ago")

	good, _ := os.ReadFile(certFile)
	write(t, certFile, []byte("nonsense"))
	now = now.Add(lookEvery)
	want(2, 1, "the certificate is broken")
	want(2, 1, "and it is said once a minute")
	now = now.Add(lookEvery)
	want(2, 2, "still broken")
	if !strings.Contains(errs[0].Error(), certFile) {
		t.Errorf("error does not name the file: %v", errs[0])
	}
	write(t, certFile, good)
	now = now.Add(lookEvery)
	want(2, 2, "mended")

	other := t.TempDir()
	testkit.Certificate(t, other, 3)
	half, _ := os.ReadFile(filepath.Join(other, "cert.pem"))
	write(t, certFile, half) // renewed half-way: the key does not fit yet
	now = now.Add(lookEvery)
	want(2, 3, "the certificate is new and the key is not")
	rest, _ := os.ReadFile(filepath.Join(other, "key.pem"))
	write(t, keyFile, rest)
	now = now.Add(lookEvery)
	want(3, 3, "both are new")

	os.Remove(keyFile)
	now = now.Add(lookEvery)
	want(3, 4, "the key is gone")
	testkit.Certificate(t, dir, 4)
	if err := c.Reload(); err != nil {
		t.Fatal(err)
	}
	want(4, 4, "asked to")
	write(t, keyFile, []byte("nonsense"))
	if err := c.Reload(); err == nil {
		t.Error("a broken key is no error")
	}
	want(4, 4, "asked to, but broken")
}

func TestLoadCertificateErrors(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := testkit.Certificate(t, dir, 1)
	for _, c := range []struct{ cert, key, says string }{
		{filepath.Join(dir, "none.pem"), keyFile, "none.pem"},
		{certFile, filepath.Join(dir, "none.pem"), "none.pem"},
		{keyFile, certFile, "key.pem"},
	} {
		if _, err := LoadCertificate(c.cert, c.key, nil); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s and %s: %v", c.cert, c.key, err)
		}
	}
}

// TestReloadDuringHandshakes: the race detector watches.
func TestReloadDuringHandshakes(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := testkit.Certificate(t, dir, 1)
	c, err := LoadCertificate(certFile, keyFile, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	var tasks sync.WaitGroup
	for range 4 {
		tasks.Go(func() {
			for range 200 {
				c.get(nil)
			}
		})
	}
	for range 20 {
		c.Reload()
	}
	tasks.Wait()
}

// serveTLS serves over TLS as the relay does.
func serveTLS(t *testing.T, handshake time.Duration) *Listener {
	t.Helper()
	certFile, keyFile := testkit.Certificate(t, t.TempDir(), 1)
	c, err := LoadCertificate(certFile, keyFile, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	ln, err := Listen(t.Context(), "127.0.0.1:0", Limits{Sockets: 1000, PerAddress: 1000})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }),
		ReadHeaderTimeout: handshake,
	}
	var tasks sync.WaitGroup
	tasks.Go(func() { server.Serve(tls.NewListener(ln, c.Config())) })
	t.Cleanup(func() {
		server.Close()
		tasks.Wait()
		if n := ln.Open(); n != 0 {
			t.Errorf("%d connections are open at the end", n)
		}
	})
	return ln
}

// TestHandshakeEnds: a stranger that does not finish his TLS handshake is let
// go, however far he came.
func TestHandshakeEnds(t *testing.T) {
	const limit = 500 * time.Millisecond
	ln := serveTLS(t, limit)
	hello := clientHello(t)
	for name, sent := range map[string][]byte{
		"nothing": nil, "one byte": hello[:1], "half a ClientHello": hello[:len(hello)/2], "a ClientHello": hello,
	} {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.Write(sent)
		began := time.Now()
		conn.SetReadDeadline(began.Add(10 * time.Second))
		_, err = io.Copy(io.Discard, conn)
		took := time.Since(began)
		if ne, ok := err.(net.Error); ok && ne.Timeout() || took > limit+3*time.Second {
			t.Errorf("%s: still open after %v (%v)", name, took, err)
		}
		t.Logf("%s: closed after %v", name, took.Round(time.Millisecond))
		conn.Close()
	}
	testkit.Eventually(t, 5*time.Second, func() bool { return ln.Open() == 0 }, "no connection is left")
}

// clientHello is the first message of a TLS client.
func clientHello(t *testing.T) []byte {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		tls.Client(far, &tls.Config{ServerName: "localhost"}).Handshake()
		far.Close()
	}()
	b := make([]byte, 4096)
	n, err := near.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(b[:n])
}

// TestNoHTTP2: streams take over their connection.
func TestNoHTTP2(t *testing.T) {
	ln := serveTLS(t, 10*time.Second)
	for _, offer := range [][]string{{"h2", "http/1.1"}, {"http/1.1"}, nil} {
		conn, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: offer})
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.ConnectionState().NegotiatedProtocol; got == "h2" {
			t.Errorf("offered %q, the server chose %q", offer, got)
		}
		conn.Close()
	}
	if _, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true, DisableKeepAlives: true,
	}}
	res, err := client.Get("https://" + ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); string(b) != "HTTP/1.1" {
		t.Errorf("a client that likes HTTP/2 was served by %s", b)
	}
}
