package egress

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
)

// Opcodes of RFC 6455 section 5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

// maxControl is the longest payload of a control frame (section 5.5).
const maxControl = 125

// protocolError is a violation of RFC 6455 and the close code it calls for.
type protocolError struct {
	code int
	text string
}

func (e *protocolError) Error() string { return e.text }

// wsReader reads what a WebSocket client sends. It is made for viewers, who say
// little: its buffer holds a few acknowledgements and is part of the viewer.
type wsReader struct {
	conn net.Conn
	r, w int
	buf  [128]byte
}

// wsFrame is a frame's header.
type wsFrame struct {
	fin  bool
	op   byte
	n    int64
	mask [4]byte
}

func (f wsFrame) control() bool { return f.op >= opClose }

// need makes n bytes available at buf[r:].
func (rd *wsReader) need(n int) error {
	if rd.w-rd.r >= n {
		return nil
	}
	rd.w = copy(rd.buf[:], rd.buf[rd.r:rd.w])
	rd.r = 0
	for rd.w < n {
		got, err := rd.conn.Read(rd.buf[rd.w:])
		rd.w += got
		if err != nil && rd.w < n {
			return err
		}
	}
	return nil
}

// header reads a frame's header and checks it as section 5 demands of a server.
func (rd *wsReader) header() (wsFrame, error) {
	var f wsFrame
	if err := rd.need(2); err != nil {
		return f, err
	}
	b0, b1 := rd.buf[rd.r], rd.buf[rd.r+1]
	f.fin, f.op, f.n = b0&0x80 != 0, b0&0x0F, int64(b1&0x7F)
	switch {
	case b0&0x70 != 0:
		return f, &protocolError{1002, "reserved bits are set"}
	case b1&0x80 == 0:
		return f, &protocolError{1002, "a client's frame is not masked"}
	case f.op > opBinary && f.op < opClose || f.op > opPong:
		return f, &protocolError{1002, fmt.Sprintf("opcode %d is not known", f.op)}
	case f.control() && (!f.fin || f.n > maxControl):
		return f, &protocolError{1002, "a control frame is fragmented or too long"}
	}
	extended := 0
	switch f.n {
	case 126:
		extended = 2
	case 127:
		extended = 8
	}
	if err := rd.need(2 + extended + 4); err != nil {
		return f, err
	}
	b := rd.buf[rd.r+2:]
	switch extended {
	case 2:
		f.n = int64(binary.BigEndian.Uint16(b))
	case 8:
		f.n = int64(binary.BigEndian.Uint64(b) & (1<<63 - 1))
	}
	copy(f.mask[:], b[extended:])
	rd.r += 2 + extended + 4
	return f, nil
}

// payload appends n unmasked bytes of a frame to dst.
func (rd *wsReader) payload(dst []byte, f wsFrame) ([]byte, error) {
	for i := int64(0); i < f.n; {
		if err := rd.need(1); err != nil {
			return dst, err
		}
		chunk := rd.buf[rd.r:min(int64(rd.w), int64(rd.r)+f.n-i)]
		for _, b := range chunk {
			dst = append(dst, b^f.mask[i&3])
			i++
		}
		rd.r += len(chunk)
	}
	return dst, nil
}

// errPeerClosed says that the client sent a CLOSE.
var errPeerClosed = errors.New("viewer closed")

// message reads the next data message of at most limit bytes; control frames
// that come before or between its fragments go to control, whose error ends
// the connection.
func (rd *wsReader) message(limit int, control func(op byte, payload []byte) error) (op byte, payload []byte, err error) {
	for {
		f, err := rd.header()
		if err != nil {
			return 0, nil, err
		}
		if f.control() {
			body, err := rd.payload(make([]byte, 0, f.n), f)
			if err != nil {
				return 0, nil, err
			}
			if err := control(f.op, body); err != nil {
				return 0, nil, err
			}
			continue
		}
		switch {
		case (f.op == opContinuation) != (op != 0):
			return 0, nil, &protocolError{1002, "a fragment is out of order"}
		case f.n > int64(limit-len(payload)):
			return 0, nil, &protocolError{1009, fmt.Sprintf("a message is longer than %d bytes", limit)}
		case op == 0:
			op = f.op
		}
		if payload, err = rd.payload(payload, f); err != nil {
			return 0, nil, err
		}
		if f.fin {
			return op, payload, nil
		}
	}
}
