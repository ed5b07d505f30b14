package imageserver

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"camrelay/internal/testkit"
)

// curl runs curl and returns its exit status and what it wrote.
func curl(t *testing.T, args ...string) (status int, out string) {
	t.Helper()
	cmd := exec.Command(testkit.Tool(t, "curl"), append([]string{"-sS", "--noproxy", "*", "--max-time", "30"}, args...)...)
	text, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(text)
}

// curl resumes from wherever a file ends.
func TestCurlResumes(t *testing.T) {
	d := newDepot(t, imageSize, Options{})
	file := filepath.Join(t.TempDir(), "camera.img")
	for _, n := range []int{0, 1, 4095, 4096, 4097, imageSize / 2, imageSize - 1} {
		if err := os.WriteFile(file, d.image[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		status, out := curl(t, "--fail", "-C", "-", "-H", "If-Range: "+d.tag(), "-w", "%{http_code} %{size_download}", "-o", file, d.http.URL+d.path())
		want := fmt.Sprintf("206 %d", imageSize-n)
		if n == 0 {
			want = fmt.Sprintf("200 %d", imageSize) // curl asks for all
		}
		if got, _ := os.ReadFile(file); status != 0 || out != want || !bytes.Equal(got, d.image) {
			t.Errorf("from %d: status %d, %s, %d bytes", n, status, out, len(got))
		}
	}
	status, out := curl(t, "--fail", "-C", "-", "-w", "%{http_code}", "-o", file, d.http.URL+d.path())
	if got, _ := os.ReadFile(file); !strings.HasSuffix(out, "416") || !bytes.Equal(got, d.image) {
		t.Errorf("from the end: status %d, %s, %d bytes", status, out, len(got))
	}
}

// curl gets an image whose download is cut again and again, in the end.
func TestCurlResumesAfterCuts(t *testing.T) {
	d := newDepot(t, imageSize, Options{})
	d.serveAs(func(*http.Request) Download {
		done := make(chan struct{})
		return Download{Camera: "door", Rate: 1, Done: done, Progress: func(int64, int64) { close(done) }} // one piece, and the limit is reached
	})
	file := filepath.Join(t.TempDir(), "camera.img")
	for try := 1; ; try++ {
		status, out := curl(t, "--fail", "-C", "-", "-o", file, d.http.URL+d.path())
		got, _ := os.ReadFile(file)
		if !bytes.HasPrefix(d.image, got) || status != 0 && status != 18 || try > imageSize/pieceSize+1 { // 18: partial file
			t.Fatalf("try %d: status %d, %s, %d bytes", try, status, out, len(got))
		}
		if status == 0 {
			if len(got) != imageSize || try != imageSize/pieceSize+1 {
				t.Errorf("done after %d tries with %d bytes", try, len(got))
			}
			return
		}
	}
}

// A connection that breaks anywhere costs nothing but a request for the rest.
func TestResumeFromEveryPlace(t *testing.T) {
	d := newDepot(t, imageSize, Options{TotalRate: -1})
	for _, n := range []int{0, 1, 4095, 4096, imageSize / 2, imageSize - 1, imageSize} {
		conn := d.dial()
		d.request(conn, "GET", d.path()+"?camera=door", "HTTP/1.1")
		got := make([]byte, 0, imageSize)
		head, body := d.headAndBody(conn, n)
		if !strings.HasPrefix(head, "HTTP/1.1 200 ") {
			t.Fatal(head)
		}
		got = append(got, body...)
		conn.(*net.TCPConn).SetLinger(0) // RST
		conn.Close()
		if n < imageSize {
			testkit.Eventually(t, 20*time.Second, func() bool {
				a := d.raw("GET", d.path()+"?camera=door", fmt.Sprintf("Range: bytes=%d-", n), "If-Range: "+d.tag())
				if a.status == 206 {
					got = append(got, a.body...)
				}
				return a.status == 206
			}, "the rest from %d", n)
		}
		if !bytes.Equal(got, d.image) {
			t.Errorf("broken at %d: %d bytes", n, len(got))
		}
	}
}

// headAndBody reads the head of an answer and n bytes of its body.
func (d *depot) headAndBody(conn io.Reader, n int) (head string, body []byte) {
	d.Helper()
	one := make([]byte, 1)
	for !strings.HasSuffix(head, "\r\n\r\n") {
		if _, err := io.ReadFull(conn, one); err != nil {
			d.Fatal(err)
		}
		head += string(one)
	}
	body = make([]byte, n)
	if _, err := io.ReadFull(conn, body); err != nil {
		d.Fatal(err)
	}
	return head, body
}

// openFiles counts this process's descriptors.
func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// A thousand requests at once, of clients of each kind: who is served gets the
// right bytes, others a clean refusal, and nothing is left.
func TestManyClients(t *testing.T) {
	testkit.Leaks(t)
	d := newDepotOf(t, nil, imageSize, Options{TotalRate: -1, Takeover: long})
	before := openFiles(t)
	d.http.Start()
	var (
		wg              sync.WaitGroup
		served, refused atomic.Int64
		start           = make(chan struct{})
	)
	for i := range 1000 {
		wg.Go(func() {
			<-start
			conn, err := net.Dial("tcp", d.addr())
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(60 * time.Second))
			method, header := "GET", "X: y"
			switch i % 5 {
			case 1:
				method = "HEAD"
			case 2:
				header = "Range: bytes=5000-"
			}
			io.WriteString(conn, fmt.Sprintf("%s %s?camera=c%d HTTP/1.1\r\nHost: relay\r\n%s\r\n\r\n", method, d.path(), i%300, header))
			switch i % 5 {
			case 3: // hangs up
				return
			case 4: // reads a little
				io.ReadFull(conn, make([]byte, 1000))
				return
			}
			all, err := io.ReadAll(conn)
			if err != nil {
				t.Error(err)
			}
			head, body, _ := bytes.Cut(all, []byte("\r\n\r\n"))
			switch line, _, _ := strings.Cut(string(head), "\r\n"); line {
			case "HTTP/1.1 200 OK", "HTTP/1.1 206 Partial Content":
				served.Add(1)
				want := map[int][]byte{0: d.image, 1: {}, 2: d.image[5000:]}[i%5]
				if !bytes.Equal(body, want) {
					t.Errorf("%s with %d bytes", line, len(body))
				}
			case "HTTP/1.1 503 Service Unavailable", "HTTP/1.1 409 Conflict":
				refused.Add(1)
			default:
				t.Errorf("%q", line)
			}
		})
	}
	close(start)
	wg.Wait()
	if served.Load() < 200 { // the HEADs at least
		t.Errorf("%d served, %d refused", served.Load(), refused.Load())
	}
	t.Logf("%d served, %d refused, %+v", served.Load(), refused.Load(), d.srv.Stats())
	testkit.Eventually(t, 20*time.Second, func() bool { return d.srv.Stats().Active == 0 }, "the end of all downloads")
	d.stop()
	testkit.Eventually(t, 20*time.Second, func() bool { return openFiles(t) <= before }, "all files closed: %d before, %d now", before, openFiles(t))
}
