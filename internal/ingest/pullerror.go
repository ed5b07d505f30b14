package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"camrelay/internal/mpjpeg"
)

// maxErrorBody is how much of an answer that is no stream is read.
const maxErrorBody = 4 << 10

// Why a connection to a camera ended, besides errors of the network.
var (
	errResting  = errors.New("nobody watches")
	errStopped  = errors.New("the relay stops reading this camera")
	errUpdating = errors.New("an update begins")
	errIdle     = errors.New("no picture for too long")
	errEnded    = errors.New("the camera ended the stream")
	errRedirect = errors.New("the camera redirects too often or to something that is not HTTP")
)

// statusError is an answer other than 200.
type statusError struct {
	code int
	body string // its beginning, if it is text
	auth bool   // a password was there to be sent
}

func (e *statusError) Error() string {
	switch e.code {
	case http.StatusUnauthorized:
		if e.auth {
			return "wrong user name or password"
		}
		return "the camera wants a user name and a password"
	case http.StatusForbidden:
		return "the camera refuses access (403 Forbidden)"
	case http.StatusNotFound:
		return "there is no stream at this address (404 Not Found): check the path of the URL"
	}
	text := fmt.Sprintf("the camera answers %d %s", e.code, http.StatusText(e.code))
	if strings.Contains(strings.ToLower(e.body), "no free task") {
		return "camera busy: another client holds its stream (No free task)"
	}
	if e.body != "" {
		text += ": " + e.body
	}
	return text
}

// lasting reports whether trying again soon is no use.
func (e *statusError) lasting() bool { return e.code >= 400 && e.code < 500 }

// notStreamError is an answer 200 that is no motion JPEG.
type notStreamError struct {
	contentType string
	head        []byte
}

func (e *notStreamError) Error() string {
	return fmt.Sprintf("not an MJPEG stream: got %s, which begins with %q", e.contentType, e.head)
}

// newStatusError reads the beginning of an answer.
func newStatusError(res *http.Response, auth bool) error {
	b, _ := io.ReadAll(io.LimitReader(res.Body, 256))
	e := &statusError{code: res.StatusCode, auth: auth}
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] != '<' {
		e.body = fmt.Sprintf("%.120q", b)
	}
	return e
}

// isLasting reports whether trying again soon is no use.
func isLasting(err error) bool {
	var status *statusError
	var not *notStreamError
	return errors.As(err, &status) && status.lasting() || errors.As(err, &not)
}

// sentence says for people why a camera cannot be read. addr is its host and
// port.
func sentence(err error, addr string) string {
	var (
		dns    *net.DNSError
		op     *net.OpError
		outer  *url.Error
		bad    *mpjpeg.PartError
		syntax *mpjpeg.SyntaxError
	)
	if errors.As(err, &outer) {
		err = outer.Err // without the URL, which may hold a secret
	}
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("no address is known for %s: check the name", dns.Name)
	case errors.As(err, &op) && op.Op == "dial":
		return dialSentence(op, addr)
	case errors.Is(err, errRedirect), errors.Is(err, errIdle), errors.Is(err, errEnded), errors.Is(err, errUpdating):
		return err.Error()
	case outer != nil && isTimeout(err):
		return "camera busy: another client holds its stream"
	case outer != nil && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		return addr + " closed the connection without an answer: another client may hold its stream"
	case errors.As(err, &bad):
		return "the camera sends no whole picture: " + bad.Err.Error()
	case errors.As(err, &syntax):
		return "not an MJPEG stream: " + syntax.Error()
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "connection lost"
	case strings.Contains(err.Error(), "malformed HTTP"):
		return addr + " does not speak HTTP: " + err.Error()
	}
	return err.Error()
}

func dialSentence(err *net.OpError, addr string) string {
	switch {
	case err.Timeout():
		return "no answer from " + addr + ": is the camera on?"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused by " + addr + ": is the port right?"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return addr + " cannot be reached from here: is the camera on?"
	}
	return "connect to " + addr + ": " + err.Err.Error()
}
