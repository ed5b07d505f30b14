package mpjpeg

import (
	"fmt"
	"io"

	"camrelay/internal/stream"
)

// maxShown is how many bytes of what is wrong an error shows.
const maxShown = 32

// PartError says that one part was no whole JPEG. The stream goes on: Next may
// be called again.
type PartError struct {
	Part  int          // which one, counted from 1
	Fault stream.Fault // how it is counted
	Err   error
}

func (e *PartError) Error() string { return fmt.Sprintf("frame %d: %v", e.Part, e.Err) }
func (e *PartError) Unwrap() error { return e.Err }

// SyntaxError says that there is no JPEG to be found, and what there is.
type SyntaxError struct {
	Offset int64  // of Got in the stream
	Got    []byte // the first bytes of it
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("no boundary, part header or JPEG at byte %d: %q", e.Offset, e.Got)
}

// unexpected turns an end of the stream within a part into an error.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
