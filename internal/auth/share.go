package auth

import (
	"strings"
	"time"
)

// Shares makes and reads share tokens: they let their holder view one camera
// until they expire. Each camera has an epoch, a random text that is part of
// the signature: a new epoch voids all links of the camera at once.
type Shares struct{ signer signer }

// NewShares takes the relay's secret, at least 32 random bytes.
func NewShares(secret []byte) Shares { return Shares{newSigner(secret, "share v1")} }

// Issue is a token "crs_CAMERA.EXPIRY.MAC" for ?token= or Bearer.
func (s Shares) Issue(camera, epoch string, expires time.Time) string {
	return s.signer.sign(sharePrefix+camera+"."+formatExpiry(expires), epoch)
}

// Verify returns the holder of a token that Issue made with the camera's epoch
// of today. The caller checks Expires. A camera without an epoch has no valid
// links.
func (s Shares) Verify(token string, epoch func(camera string) (string, bool)) (Principal, bool) {
	body, ok := split(token)
	rest, isShare := strings.CutPrefix(body, sharePrefix)
	if !ok || !isShare {
		return Principal{}, false
	}
	camera, expiry, _ := strings.Cut(rest, ".")
	today, ok := epoch(camera)
	if !ok || today == "" || !s.signer.verify(token, body, today) {
		return Principal{}, false
	}
	expires, ok := parseExpiry(expiry)
	return Principal{Name: "share link", Role: RoleViewer, Camera: camera, Expires: expires, epoch: today}, ok
}

// isShare reports whether a credential claims to be a share token.
func isShare(secret string) bool { return strings.HasPrefix(secret, sharePrefix) }
