package imageserver

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// object is what a request is answered with.
type object struct {
	sha     string // of the whole
	size    int64
	content io.ReaderAt
}

// tag is the strong entity tag.
func (o *object) tag() string { return `"` + o.sha + `"` }

// digest is the value of Repr-Digest (RFC 9530): always of the whole, also
// where a part is sent.
func (o *object) digest() string {
	sum, _ := hex.DecodeString(o.sha)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum) + ":"
}

// cacheFor is said of what never changes. A year is what caches take for ever.
const cacheFor = "private, immutable, max-age=31536000"

// serve answers a request for an object.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, o object, t *ticket, opt *Options) Result {
	control := http.NewResponseController(w)
	if err := control.SetWriteDeadline(time.Now().Add(opt.WriteStall)); err != nil { // one client could hold a download for ever
		result := fail(w, http.StatusInternalServerError, errors.New("the relay cannot bound the time of this download"))
		result.Err = fmt.Errorf("bound the time of writing: %w", err)
		return result
	}
	header, tag := w.Header(), o.tag()
	header.Set("Connection", "close")
	header.Set("Accept-Ranges", "bytes")
	if list := r.Header.Values("If-Match"); len(list) > 0 && !matches(list, tag, false) {
		return fail(w, http.StatusPreconditionFailed, errors.New("the image is not the one in If-Match"))
	}
	if list := r.Header.Values("If-None-Match"); len(list) > 0 && matches(list, tag, true) {
		header.Set("ETag", tag)
		header.Set("Cache-Control", cacheFor)
		w.WriteHeader(http.StatusNotModified)
		return Result{Status: http.StatusNotModified, Size: o.size}
	}
	part, partial, satisfiable := wanted(r, o.size, tag)
	if !satisfiable {
		header.Set("Content-Range", fmt.Sprintf("bytes */%d", o.size))
		result := fail(w, http.StatusRequestedRangeNotSatisfiable, fmt.Errorf("the image has %d bytes, and the range begins behind them", o.size))
		result.Size = o.size
		return result
	}
	result := Result{Status: http.StatusOK, Offset: part.first, Size: o.size}
	if partial {
		result.Status = http.StatusPartialContent
		header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", part.first, part.end-1, o.size))
	}
	header.Set("Content-Type", "application/octet-stream")
	header.Set("Content-Length", strconv.FormatInt(part.end-part.first, 10))
	header.Set("ETag", tag)
	header.Set("Repr-Digest", o.digest())
	header.Set("Cache-Control", cacheFor)
	w.WriteHeader(result.Status)
	if r.Method == http.MethodHead {
		return result
	}
	result.Sent, result.Err = s.send(w, control, o.content, part, t, opt)
	s.bytes.Add(uint64(result.Sent))
	if result.Err != nil {
		s.broken.Add(1)
	} else {
		s.completed.Add(1)
	}
	return result
}

// fail answers {"error":"…"}.
func fail(w http.ResponseWriter, status int, err error) Result {
	body, _ := json.Marshal(map[string]string{"error": err.Error()})
	header := w.Header()
	header.Set("Connection", "close")
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)+1))
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
	return Result{Status: status, Err: err}
}

func readable(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead
}

func notAllowed(w http.ResponseWriter, r *http.Request) Result {
	w.Header().Set("Allow", "GET, HEAD")
	return fail(w, http.StatusMethodNotAllowed, fmt.Errorf("an image can be read with GET and HEAD, not with %.20q", r.Method))
}
