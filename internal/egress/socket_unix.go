//go:build unix

package egress

import "golang.org/x/sys/unix"

// writeOnce writes what the socket takes now; 0 if it is full.
func writeOnce(fd int, b []byte) (int, error) {
	for {
		n, err := unix.Write(fd, b)
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, nil
		default:
			return 0, err
		}
	}
}
