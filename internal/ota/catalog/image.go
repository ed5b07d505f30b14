package catalog

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"camrelay/firmware/core/image"
)

// Image is an image in the catalog.
type Image struct {
	SHA256 string       // of the whole file, lower-case hexadecimal: its name
	Header image.Header // as it was signed
	Added  time.Time    // zero: not known
	By     string       // who brought it, as Add was told; empty: not known
}

// Board is the board it is for.
func (i Image) Board() string { return i.Header.Board.String() }

// Chip is the chip it is for.
func (i Image) Chip() string { return i.Header.Chip.String() }

// Version is its version for people.
func (i Image) Version() string { return i.Header.Version.String() }

// Build is its build number.
func (i Image) Build() uint32 { return i.Header.Build }

// Size is the length of the file in bytes.
func (i Image) Size() int64 { return int64(i.Header.Length) }

// Made is when it was made by its own word; zero: not said.
func (i Image) Made() time.Time {
	const year9999 = 253402300799 // later ones have no text in RFC 3339
	if i.Header.Made == 0 || i.Header.Made > year9999 {
		return time.Time{}
	}
	return time.Unix(int64(i.Header.Made), 0).UTC()
}

// Key is the id of the key that signed it, in hexadecimal.
func (i Image) Key() string { return hex.EncodeToString(i.Header.Key[:]) }

// String names the image in a sentence.
func (i Image) String() string {
	return fmt.Sprintf("%s (build %d, %s)", i.Version(), i.Build(), i.SHA256[:min(MinPrefix, len(i.SHA256))])
}

// compare orders images for people.
func compare(a, b Image) int {
	return cmp.Or(
		strings.Compare(a.Board(), b.Board()),
		strings.Compare(a.Chip(), b.Chip()),
		cmp.Compare(b.Build(), a.Build()),
		strings.Compare(a.SHA256, b.SHA256),
	)
}

// note is what stands beside an image.
type note struct {
	Added time.Time `json:"added"`
	By    string    `json:"by"`
}

// maxNote is more than a note has, in bytes.
const maxNote = 4096

func (n note) encode() []byte {
	text, _ := json.Marshal(n) // of a time in this century and a string: no error
	return append(text, '\n')
}

// decodeNote reads a note; what cannot be read is not known.
func decodeNote(text []byte) note {
	var n note
	if json.Unmarshal(text, &n) != nil {
		return note{}
	}
	n.By = oneLine(n.By)
	return n
}

// oneLine is at most 100 characters of a name, without what moves a cursor.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	if r := []rune(s); len(r) > 100 {
		return string(r[:100])
	}
	return s
}
