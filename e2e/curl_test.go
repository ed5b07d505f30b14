package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"camrelay/internal/testkit"
)

// answer is what curl got.
type answer struct {
	status int
	header map[string]string // names in lower case
	body   []byte
}

func curl(t testing.TB, args ...string) answer {
	t.Helper()
	out := runProgram(t, patience, testkit.Tool(t, "curl"), append([]string{"-sS", "-i", "--max-time", "20", "-H", "Expect:"}, args...)...)
	head, body, ok := bytes.Cut(out, []byte("\r\n\r\n"))
	lines := strings.Split(string(head), "\r\n")
	words := strings.Fields(lines[0])
	if !ok || len(words) < 2 {
		t.Fatalf("curl %q got %q", args, out)
	}
	status, err := strconv.Atoi(words[1])
	if err != nil {
		t.Fatalf("curl %q got %q", args, lines[0])
	}
	a := answer{status, map[string]string{}, body}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		a.header[strings.ToLower(name)] = value
	}
	return a
}

func TestCurlSnapshot(t *testing.T) {
	r := startRelay(t, "")
	r.vcam("door", r.addCamera("door", "Front door"), "--fps", "5")
	r.waitState("door", "online")
	token := r.addToken("curl")
	url := r.url + "/cameras/door/snapshot.jpg"
	bearer := []string{"-H", "Authorization: Bearer " + token}

	for how, args := range map[string][]string{
		"Bearer":    append(bearer, url),
		"Basic":     {"-u", "anybody:" + token, url},
		"?token=":   {url + "?token=" + token},
		"?max_age=": append(bearer, url+"?max_age=60"),
		"?fresh=1":  append(bearer, url+"?fresh=1"),
		"HEAD":      append(bearer, "-I", url),
	} {
		a := curl(t, args...)
		age, err := strconv.ParseFloat(a.header["x-frame-age"], 64)
		switch {
		case a.status != 200 || a.header["content-type"] != "image/jpeg" || a.header["cache-control"] != "no-store":
			t.Errorf("%s: %d %v", how, a.status, a.header)
		case err != nil || age < 0 || age > 10:
			t.Errorf("%s: X-Frame-Age %q", how, a.header["x-frame-age"])
		case how == "?fresh=1" && age > 1:
			t.Errorf("a fresh snapshot is %v s old", age)
		case how != "HEAD" && !(bytes.HasPrefix(a.body, []byte("\xff\xd8")) && bytes.HasSuffix(a.body, []byte("\xff\xd9"))):
			t.Errorf("%s: a body of %d bytes is no JPEG", how, len(a.body))
		}
	}
	for _, args := range [][]string{{url}, {"-H", "Authorization: Bearer crt_wrong", url}, {r.url + "/cameras/door/stream.mjpg"}, {r.url + "/api/v1/cameras"}, {r.url + "/cameras/none/snapshot.jpg"}} {
		if a := curl(t, args...); a.status != 401 || !strings.Contains(string(a.body), `{"error":"`) {
			t.Errorf("%q: %d %s", args, a.status, a.body)
		}
	}
	if a := curl(t, append(bearer, r.url+"/cameras/none/snapshot.jpg")...); a.status != 404 {
		t.Errorf("a camera that is not there: %d %s", a.status, a.body)
	}
}

// curl pushes single pictures, and gets them back.
func TestCurlPush(t *testing.T) {
	r := startRelay(t, "")
	key := r.addCamera("still", "Still")
	files := pictures(t, 2)
	bearer := []string{"-H", "Authorization: Bearer " + key}
	push := func(args ...string) answer { return curl(t, append(args, r.url+"/push/still")...) }
	snapshot := []string{"-H", "Authorization: Bearer " + r.addToken("curl"), r.url + "/cameras/still/snapshot.jpg"}

	if a := curl(t, snapshot...); a.status != 503 || a.header["retry-after"] == "" {
		t.Errorf("a snapshot of a camera without a frame: %d %s", a.status, a.body)
	}
	if a := push(append(bearer, "--data-binary", "@"+files[0])...); a.status != 204 {
		t.Errorf("push: %d %s", a.status, a.body)
	}
	got := curl(t, snapshot...)
	if want, _ := os.ReadFile(files[0]); got.status != 200 || !bytes.Equal(got.body, want) {
		t.Errorf("the snapshot is another picture: %d, %d bytes", got.status, len(got.body))
	}
	unchanged := append(snapshot, "-H", "If-None-Match: "+got.header["etag"])
	if a := curl(t, unchanged...); a.status != 304 || len(a.body) > 0 {
		t.Errorf("If-None-Match: %d with %d bytes", a.status, len(a.body))
	}
	if a := push("-u", "still:"+key, "-H", "Content-Type: image/jpeg", "--data-binary", "@"+files[1]); a.status != 204 {
		t.Errorf("push with Basic: %d %s", a.status, a.body)
	}
	if a := curl(t, unchanged...); a.status != 200 {
		t.Errorf("If-None-Match after a new frame: %d", a.status)
	}

	wrong := filepath.Join(t.TempDir(), "wrong.txt")
	if err := os.WriteFile(wrong, []byte("this is no picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[int][]string{
		401: {"--data-binary", "@" + files[0]},
		415: append(bearer, "--data-binary", "@"+wrong),
	} {
		if a := push(args...); a.status != want || !strings.Contains(string(a.body), `{"error":"`) {
			t.Errorf("%q: %d %s, want %d", args, a.status, a.body, want)
		}
	}
	if a := push("-H", "Authorization: Bearer crk_wrongwrongwrongwrong", "--data-binary", "@"+files[0]); a.status != 401 {
		t.Errorf("a wrong key: %d %s", a.status, a.body)
	}
}
