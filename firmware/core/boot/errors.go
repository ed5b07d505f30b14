package boot

// Error is why an image is not taken, or the log not changed. It allocates
// nothing.
type Error uint8

// Errors of this package.
const (
	ErrNotThat   Error = iota + 1 // another image than the one looked for
	ErrTrial                      // the running image is on trial itself
	ErrUnsettled                  // the newest record is not about the running image
	ErrRunning                    // the slot is the one the running image is in
	ErrRejected                   // the image has been rejected
)

func (e Error) Error() string {
	switch e {
	case ErrNotThat:
		return "boot: another image is in the slot than the record names"
	case ErrTrial:
		return "boot: the running image is on trial and must be confirmed first"
	case ErrUnsettled:
		return "boot: the newest record is not about the running image; settle it first"
	case ErrRunning:
		return "boot: the running image cannot replace itself"
	case ErrRejected:
		return "boot: the image has been rejected"
	}
	return "boot: unknown error"
}
