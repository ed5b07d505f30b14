package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"camrelay/firmware/core/image"
)

// Errors that callers tell apart.
var (
	// ErrNotFound means that the catalog has no such image.
	ErrNotFound = errors.New("image not found")
	// ErrDamaged means that the file of an image is not what it was. It has been
	// taken out of the catalog; adding the image again mends it.
	ErrDamaged = errors.New("image damaged on disk")
	// ErrPinned means that an update needs the image.
	ErrPinned = errors.New("image in use by an update")
	// ErrFull means that there are Options.MaxImages or MaxBytes.
	ErrFull = errors.New("the catalog is full")
	// ErrNone means that there is no image at all for the board and chip.
	ErrNone = errors.New("no image")
	// ErrUnknown means that there are images for the board and chip, but not
	// the wanted one.
	ErrUnknown = errors.New("unknown image")
	// ErrOther means that the wanted image is for another board or chip.
	ErrOther = errors.New("image for another board")
	// ErrWanted means that what is wanted cannot name an image.
	ErrWanted = errors.New("bad name of an image")
)

// RefusedError is why an image is not taken. It unwraps to its image.Reason.
type RefusedError struct{ Reason image.Reason }

// Error is a sentence with the code of the reason.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("image refused (%s): %s", e.Reason.Code(), e.Reason.Text())
}

// Unwrap returns the reason.
func (e *RefusedError) Unwrap() error { return e.Reason }

// refuse makes an error of package image one of this package.
func refuse(err error) error {
	var reason image.Reason
	if errors.As(err, &reason) {
		return &RefusedError{reason}
	}
	return err
}

// AmbiguousError means that a name fits more than one image.
type AmbiguousError struct {
	Want       string
	Candidates []Image
}

// Error names the candidates.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%q can be any of %s; name it by its sha256", e.Want, list(e.Candidates))
}

// list names a few images in a sentence.
func list(images []Image) string {
	const few = 5
	var names []string
	for _, i := range images[:min(few, len(images))] {
		names = append(names, i.String())
	}
	text := strings.Join(names, ", ")
	if more := len(images) - few; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Code is a word for an error of this package, for messages between programs:
// an image.Reason's code, or not_found, damaged, pinned, full, no_image,
// unknown_version, other_board, ambiguous, bad_request, disk_full, cancelled,
// internal.
func Code(err error) string {
	var (
		refused   *RefusedError
		ambiguous *AmbiguousError
	)
	switch {
	case errors.Is(err, ErrDamaged):
		return "damaged"
	case errors.As(err, &refused):
		return refused.Reason.Code()
	case errors.As(err, &ambiguous):
		return "ambiguous"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "disk_full"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "cancelled"
	}
	for _, c := range []struct {
		err  error
		code string
	}{
		{ErrNotFound, "not_found"}, {ErrPinned, "pinned"}, {ErrFull, "full"}, {ErrNone, "no_image"},
		{ErrUnknown, "unknown_version"}, {ErrOther, "other_board"}, {ErrWanted, "bad_request"},
	} {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return "internal"
}

func notFound(sha string) error { return fmt.Errorf("%w: %.64q", ErrNotFound, sha) }
