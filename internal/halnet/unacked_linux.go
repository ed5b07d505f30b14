package halnet

import (
	"net"

	"golang.org/x/sys/unix"
)

// unacked is how many bytes of a connection are in the kernel and not
// acknowledged by the peer.
func unacked(conn net.Conn) int {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return 0
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0
	}
	n := 0
	_ = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) })
	return max(n, 0)
}
