// Package auth decides who a request comes from and what they may do: keys of
// cameras, tokens of people, sessions, share links, and the rules about
// origins, proxies and wrong guesses around them. It stores nothing.
package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"strings"
	"time"
)

// Prefixes tell a reader, and a scanner for leaked secrets, what a text is.
const (
	tokenPrefix = "crt_" // token of a person or program
	keyPrefix   = "crk_" // key of a camera
	sharePrefix = "crs_" // share link
)

// secretBytes of randomness, 160 bits, are written as 32 letters. That is far
// beyond guessing, so one round of SHA-256 is enough to store them.
const secretBytes = 20

// maxSecret bounds what is hashed or looked at, in bytes.
const maxSecret = 256

// Token is what is known of a token once its text has been shown.
type Token struct {
	ID      string    `json:"id"` // short, for people to name it by
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	Hash    string    `json:"hash"` // see Hash
	Created time.Time `json:"created"`
}

// NewToken makes a token for a person or a program.
func NewToken() string { return tokenPrefix + random(secretBytes) }

// NewKey makes a key for a camera.
func NewKey() string { return keyPrefix + random(secretBytes) }

// NewID makes a short random id of eight letters and digits. It is no secret.
func NewID() string { return random(5) }

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

// Hash is the SHA-256 of a token or key in lower-case hex: the form in which
// it is stored.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// IsHash reports whether a text has the form of Hash, in either case.
func IsHash(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size
}

// Matches reports in constant time whether a secret has the hash. Nothing
// matches a text that is no hash.
func Matches(secret, hash string) bool {
	if secret == "" || len(secret) > maxSecret || !IsHash(hash) {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(Hash(secret)), []byte(strings.ToLower(hash))) == 1
}

// NewEpoch makes an epoch for a camera's share links.
func NewEpoch() string { return random(secretBytes) }
