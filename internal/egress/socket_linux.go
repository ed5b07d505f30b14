package egress

import "golang.org/x/sys/unix"

// notSent is how many bytes may wait in the kernel unsent before the socket
// counts as full (TCP_NOTSENT_LOWAT).
const notSent = 16 << 10

func limitSendBuffer(fd int, n int) {
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, n)
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, notSent)
}
