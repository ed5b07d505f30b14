package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// HMACWindow is how far a camera's clock may be off.
	HMACWindow = 120 * time.Second
	// maxSeen is how many proofs of one camera are remembered; each is kept
	// until its time is out of the window. A camera that sends more has to
	// wait: forgetting one would let it be replayed.
	maxSeen = 1024
)

// HMACVerifier checks the scheme "CamHMAC" of docs/protocol.md, section 0: a
// proof that the camera knows its key, without the key. Safe for concurrent
// use.
type HMACVerifier struct {
	now func() time.Time

	mu   sync.Mutex
	seen map[string]map[proof]time.Time // by camera: proof → when it may be forgotten
}

// proof identifies an accepted MAC; it covers time and nonce.
type proof [16]byte

// NewHMACVerifier remembers nothing yet.
func NewHMACVerifier(now func() time.Time) *HMACVerifier {
	return &HMACVerifier{now: now, seen: map[string]map[proof]time.Time{}}
}

// SignHMAC is the value of the Authorization header that proves a camera's
// key. Path is that of the request line, without the query; host is the Host
// header as sent.
func SignHMAC(camera, key, method, path, host, nonce string, now time.Time) string {
	hash := sha256.Sum256([]byte(key))
	ts := strconv.FormatInt(now.Unix(), 10)
	sum := mac(hash[:], hmacText(method, path, host, ts, nonce))
	return fmt.Sprintf("CamHMAC id=%s,ts=%s,nonce=%s,mac=%x", camera, ts, nonce, sum)
}

// hmacText is what the MAC is taken of.
func hmacText(method, path, host, ts, nonce string) string {
	return strings.Join([]string{method, path, host, ts, nonce}, "|")
}

// Verify checks the parameters that a request carries after "CamHMAC" against
// the hash of the camera's key. An accepted proof is not accepted again.
func (v *HMACVerifier) Verify(r *http.Request, params, camera, keyHash string) error {
	p, err := parseHMAC(params)
	if err != nil {
		return err
	}
	if p.id != camera {
		return fmt.Errorf("CamHMAC is for camera %q, the request for %q", p.id, camera)
	}
	key, err := hex.DecodeString(keyHash)
	known := err == nil && len(key) == sha256.Size
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if path == "" { // a request that came from no server
		path = r.URL.EscapedPath()
	}
	if right := hmac.Equal(p.mac, mac(key, hmacText(r.Method, path, r.Host, p.ts, p.nonce))); !right || !known {
		return errors.New("CamHMAC: wrong key, or method, path or Host were changed on the way")
	}
	sent := time.Unix(p.unix, 0)
	if off := v.now().Sub(sent).Abs(); off > HMACWindow {
		return fmt.Errorf("CamHMAC: the camera's clock is off by %v, at most %v are allowed: let it set its time by NTP", off.Round(time.Second), HMACWindow)
	}
	return v.remember(camera, proof(p.mac[:16]), sent.Add(HMACWindow))
}

// remember accepts a proof once.
func (v *HMACVerifier) remember(camera string, p proof, until time.Time) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	seen := v.seen[camera]
	if seen == nil {
		seen = map[proof]time.Time{}
		v.seen[camera] = seen
	}
	if _, ok := seen[p]; ok {
		return errors.New("CamHMAC: this nonce was used before")
	}
	if len(seen) >= maxSeen {
		v.prune(seen)
	}
	if len(seen) >= maxSeen {
		return fmt.Errorf("CamHMAC: more than %d requests in %v: keep one connection open instead", maxSeen, 2*HMACWindow)
	}
	seen[p] = until
	return nil
}

// Forget drops what is remembered of a camera that was removed.
func (v *HMACVerifier) Forget(camera string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.seen, camera)
}

func (v *HMACVerifier) prune(seen map[proof]time.Time) {
	now := v.now()
	for p, until := range seen {
		if until.Before(now) {
			delete(seen, p)
		}
	}
}

type hmacParams struct {
	id, ts, nonce string
	unix          int64
	mac           []byte
}

// parseHMAC reads "id=…,ts=…,nonce=…,mac=…" in any order, spaces after commas
// allowed.
func parseHMAC(s string) (hmacParams, error) {
	var p hmacParams
	var macText string
	if len(s) > 2*maxSecret {
		return p, errors.New("CamHMAC: the header is too long")
	}
	for part := range strings.SplitSeq(s, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "id":
			p.id = value
		case "ts":
			p.ts = value
		case "nonce":
			p.nonce = value
		case "mac":
			macText = value
		}
	}
	var err error
	if p.unix, err = strconv.ParseInt(p.ts, 10, 64); err != nil || p.unix < 0 || p.unix > 1<<40 {
		return p, errors.New("CamHMAC: ts is not a time in seconds since 1970")
	}
	if len(p.nonce) < 8 || len(p.nonce) > 64 || strings.Contains(p.nonce, "|") {
		return p, errors.New(`CamHMAC: nonce is not 8 to 64 characters without "|" or ","`)
	}
	if p.mac, err = hex.DecodeString(macText); err != nil || len(p.mac) != sha256.Size {
		return p, errors.New("CamHMAC: mac is not 64 hex digits")
	}
	return p, nil
}
