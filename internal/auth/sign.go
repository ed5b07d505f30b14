package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// signer makes and checks texts "body.mac". Each purpose has its own key, so
// that a session can never pass as a share link.
type signer struct{ key []byte }

func newSigner(secret []byte, purpose string) signer {
	return signer{mac(secret, "camrelay "+purpose)}
}

// sign covers the body and the extra text that both sides know.
func (s signer) sign(body, extra string) string {
	sum := mac(s.key, body+"\x00"+extra)
	return body + "." + base64.RawURLEncoding.EncodeToString(sum)
}

// split takes a signed text apart without checking it.
func split(text string) (body string, ok bool) {
	i := strings.LastIndexByte(text, '.')
	if i < 0 || len(text) > maxSecret {
		return "", false
	}
	return text[:i], true
}

// verify reports in constant time whether text is body, signed.
func (s signer) verify(text, body, extra string) bool {
	return hmac.Equal([]byte(text), []byte(s.sign(body, extra)))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// formatExpiry and parseExpiry are Unix seconds in decimal.
func formatExpiry(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

func parseExpiry(s string) (time.Time, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(n, 0), err == nil && n > 0
}
