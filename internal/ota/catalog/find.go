package catalog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	// Latest names the image with the highest build.
	Latest = "latest"
	// MinPrefix is how many digits of a SHA-256 name an image.
	MinPrefix = 8
)

// Find returns the image for a board and chip that a person names: Latest, a
// version, a build number, or the first MinPrefix or more digits of a SHA-256.
// Of several builds with a version it is the highest. The error is ErrNone,
// ErrUnknown, ErrOther, ErrWanted, or an *AmbiguousError when the name fits
// images in more than one way.
func (c *Catalog) Find(board, chip, want string) (Image, error) {
	all := c.List()
	switch {
	case strings.EqualFold(want, Latest):
		return pick(all, board, chip, Latest, highest)
	case want == "":
		return Image{}, fmt.Errorf("%w: it is empty", ErrWanted)
	}
	return pick(all, board, chip, want, func(list []Image) []Image {
		found := highest(filter(list, func(i Image) bool { return i.Version() == want }))
		for _, i := range list {
			if (isBuild(i, want) || hasPrefix(i, want)) && !slices.Contains(found, i) {
				found = append(found, i)
			}
		}
		return found
	})
}

// Criteria are what must all be true of an image. The zero value means the
// latest.
type Criteria struct {
	Version string
	Build   uint32
	SHA256  string // MinPrefix or more digits
}

// String is what is wanted, in words.
func (w Criteria) String() string {
	var words []string
	if w.Version != "" {
		words = append(words, "version "+w.Version)
	}
	if w.Build != 0 {
		words = append(words, fmt.Sprintf("build %d", w.Build))
	}
	if w.SHA256 != "" {
		words = append(words, "sha256 "+w.SHA256)
	}
	if words == nil {
		return Latest
	}
	return strings.Join(words, ", ")
}

// Match returns the image for a board and chip of which all criteria are true;
// of several the highest build. Errors are like Find's.
func (c *Catalog) Match(board, chip string, w Criteria) (Image, error) {
	if w.SHA256 != "" && !isPrefix(w.SHA256) {
		return Image{}, fmt.Errorf("%w: sha256 %.64q has to be %d to 64 hexadecimal digits", ErrWanted, w.SHA256, MinPrefix)
	}
	return pick(c.List(), board, chip, w.String(), func(list []Image) []Image {
		return highest(filter(list, func(i Image) bool {
			return (w.Version == "" || i.Version() == w.Version) && (w.Build == 0 || i.Build() == w.Build) && (w.SHA256 == "" || hasPrefix(i, w.SHA256))
		}))
	})
}

// pick chooses among the images for a board and chip, and finds the words when
// there is not exactly one.
func pick(all []Image, board, chip, want string, choose func([]Image) []Image) (Image, error) {
	fit := filter(all, func(i Image) bool { return i.Header.Board.Is(board) && i.Header.Chip.Is(chip) })
	found := choose(fit)
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return Image{}, &AmbiguousError{want, found}
	}
	if others := choose(all); want != Latest && len(others) > 0 {
		o := others[0]
		return Image{}, fmt.Errorf("%w: %s is for board %s with chip %s, not for board %q with chip %q", ErrOther, o, o.Board(), o.Chip(), board, chip)
	}
	if len(fit) == 0 {
		return Image{}, fmt.Errorf("%w for board %q with chip %q", ErrNone, board, chip)
	}
	return Image{}, fmt.Errorf("%w: no version, build or sha256 for board %q with chip %q is %.100q; there are %s", ErrUnknown, board, chip, want, list(fit))
}

func filter(list []Image, keep func(Image) bool) []Image {
	var kept []Image
	for _, i := range list {
		if keep(i) {
			kept = append(kept, i)
		}
	}
	return kept
}

// highest are the images with the highest build: more than one if a build was
// signed with two keys.
func highest(list []Image) []Image {
	var top uint32
	for _, i := range list {
		top = max(top, i.Build())
	}
	return filter(list, func(i Image) bool { return i.Build() == top })
}

func isBuild(i Image, want string) bool {
	n, err := strconv.ParseUint(want, 10, 32)
	return err == nil && uint32(n) == i.Build() && want == strconv.FormatUint(n, 10)
}

func isPrefix(want string) bool {
	return len(want) >= MinPrefix && len(want) <= 64 && strings.Trim(want, "0123456789abcdefABCDEF") == ""
}

func hasPrefix(i Image, want string) bool {
	return isPrefix(want) && strings.HasPrefix(i.SHA256, strings.ToLower(want))
}
