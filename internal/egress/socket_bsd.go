//go:build unix && !linux

package egress

import "golang.org/x/sys/unix"

func limitSendBuffer(fd int, n int) {
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, n)
}
