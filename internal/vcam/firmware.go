package vcam

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"camrelay/firmware/core/image"
	"camrelay/internal/signing"
)

// Board and Chip are what images for virtual cameras are for.
const (
	Board = "vcam"
	Chip  = "host"
)

// Behaviour is what a virtual firmware does when it runs. All run the same
// program; a bad one does one thing wrong.
type Behaviour string

// The behaviours.
const (
	Good     Behaviour = "good"
	Panics   Behaviour = "panic"     // as soon as it starts
	NoWiFi   Behaviour = "no-wifi"   // never gets a network
	NoUpdate Behaviour = "no-update" // streams, but could not be updated again
	Hangs    Behaviour = "hang"      // stops doing anything after ten seconds
)

// Behaviours are all of them.
func Behaviours() []Behaviour { return []Behaviour{Good, Panics, NoWiFi, NoUpdate, Hangs} }

// ParseBehaviour checks the name of one.
func ParseBehaviour(s string) (Behaviour, error) {
	if slices.Contains(Behaviours(), Behaviour(s)) {
		return Behaviour(s), nil
	}
	return "", fmt.Errorf("behaviour %q is not known: good, panic, no-wifi, no-update and hang are", s)
}

// payloadHead begins the payload of a virtual firmware. The behaviour and an
// empty line follow.
const payloadHead = "camrelay virtual firmware 1\nbehaviour: "

// UsualSize is about how large a real firmware is, in bytes.
const UsualSize = 640 << 10

// MinPayload is the smallest virtual firmware, in bytes.
const MinPayload = 128

// Payload makes the body of a virtual firmware image: what it does, and filler
// up to size bytes, as large as a real firmware is.
func Payload(b Behaviour, size int) []byte {
	p := fmt.Appendf(nil, "%s%s\n\n", payloadHead, b)
	random := rand.New(rand.NewPCG(1, uint64(size)))
	for len(p) < size {
		p = append(p, byte(random.Uint32()))
	}
	return p
}

// ReadPayload reads the start of such a body.
func ReadPayload(p []byte) (Behaviour, error) {
	rest, ok := bytes.CutPrefix(p, []byte(payloadHead))
	name, _, end := bytes.Cut(rest[:min(len(rest), MinPayload)], []byte("\n\n"))
	if !ok || !end {
		return "", fmt.Errorf("the image holds no virtual firmware: make its payload with vcam firmware")
	}
	return ParseBehaviour(strings.TrimSpace(string(name)))
}

// NewImage makes the unsigned image of a virtual firmware and its header.
func NewImage(version string, build uint32, b Behaviour, size int) ([]byte, image.Header, error) {
	h := image.Header{Build: build}
	for field, value := range map[*image.Text]string{&h.Board: Board, &h.Chip: Chip, &h.Version: version} {
		var ok bool
		if *field, ok = image.NewText(value); !ok {
			return nil, h, fmt.Errorf("firmware version %q is longer than %d bytes", value, image.MaxText)
		}
	}
	content := signing.Pack(&h, Payload(b, size))
	if err := h.Check().Err(); err != nil {
		return nil, h, fmt.Errorf("firmware %s build %d: %w", version, build, err)
	}
	return content, h, nil
}
