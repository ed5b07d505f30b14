package egress

import (
	"encoding/binary"
	"strconv"
	"time"

	"camrelay/internal/stream"
	"camrelay/internal/wire"
)

// Opcodes of RFC 6455 section 5.2, with FIN.
const (
	finText   = 0x81
	finBinary = 0x82
	finClose  = 0x88
	finPing   = 0x89
	finPong   = 0x8A
)

const maxWSHeader = 10

// appendWSHeader writes a server's frame header (RFC 6455 section 5.2).
func appendWSHeader(dst []byte, op byte, n int) []byte {
	switch {
	case n < 126:
		return append(dst, op, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, op, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, op, 127), uint64(n))
	}
}

func wsMessage(op byte, body []byte) []byte {
	return append(appendWSHeader(make([]byte, 0, maxWSHeader+len(body)), op, len(body)), body...)
}

// closeMessage is a CLOSE frame (section 5.5.1); the reason is at most 123
// bytes long.
func closeMessage(code int, reason string) []byte {
	body := binary.BigEndian.AppendUint16(nil, uint16(code))
	return wsMessage(finClose, append(body, reason...))
}

// plainWrapping makes a frame one binary message.
func plainWrapping() *stream.Wrapping {
	return &stream.Wrapping{
		Overhead: maxWSHeader,
		Append: func(dst []byte, f *stream.Frame) []byte {
			dst = appendWSHeader(dst, finBinary, len(f.JPEG()))
			return append(dst, f.JPEG()...)
		},
	}
}

// viewWrapping makes a frame a binary message of camrelay.view.v1.
func viewWrapping() *stream.Wrapping {
	return &stream.Wrapping{
		Overhead: maxWSHeader + wire.FrameHeaderLen,
		Append: func(dst []byte, f *stream.Frame) []byte {
			header := wire.FrameHeader{
				Stream: f.Stream, Seq: f.Seq, Width: uint16(f.Width), Height: uint16(f.Height),
				Received: f.Received.UnixMicro(),
			}
			if !f.Captured.IsZero() {
				header.Captured = f.Captured.UnixMicro()
			}
			if f.Still {
				header.Flags |= wire.FlagStill
			}
			dst = appendWSHeader(dst, finBinary, wire.FrameHeaderLen+len(f.JPEG()))
			return append(header.Append(dst), f.JPEG()...)
		},
	}
}

// boundary separates the parts of a multipart stream; every client copes with
// this one.
const boundary = "frame"

// partWrapping makes a frame a part of a multipart stream. The boundary line
// that ends the part goes with it, for clients that wait for it.
// Content-Length is there because go2rtc and OpenCV want it.
func partWrapping() *stream.Wrapping {
	return &stream.Wrapping{
		Overhead: 160,
		Append: func(dst []byte, f *stream.Frame) []byte {
			return appendPart(dst, f.JPEG(), f.Received, f.Seq)
		},
	}
}

// imageHead begins each part of a stream that a browser paints.
const imageHead = "Content-Type: image/jpeg\r\n\r\n"

// imageWrapping is partWrapping for browsers. Chromium paints a part when it has
// read the whole head of the next one, so that goes with the part. It cannot
// have a Content-Length, which browsers have no use for.
func imageWrapping() *stream.Wrapping {
	return &stream.Wrapping{
		Overhead: len("\r\n--" + boundary + "\r\n" + imageHead),
		Append: func(dst []byte, f *stream.Frame) []byte {
			return appendImage(dst, f.JPEG())
		},
	}
}

func appendImage(dst, jpeg []byte) []byte {
	dst = append(dst, jpeg...)
	return append(dst, "\r\n--"+boundary+"\r\n"+imageHead...)
}

func appendPart(dst, jpeg []byte, at time.Time, seq uint32) []byte {
	dst = append(dst, "Content-Type: image/jpeg\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(jpeg)), 10)
	dst = append(dst, "\r\nX-Timestamp: "...)
	dst = strconv.AppendInt(dst, at.Unix(), 10)
	micros := strconv.AppendInt(nil, 1_000_000+int64(at.Nanosecond()/1000), 10)
	micros[0] = '.' // six digits, zeros in front
	dst = append(dst, micros...)
	dst = append(dst, "\r\nX-Sequence: "...)
	dst = strconv.AppendUint(dst, uint64(seq), 10)
	dst = append(dst, "\r\n\r\n"...)
	dst = append(dst, jpeg...)
	return append(dst, "\r\n--"+boundary+"\r\n"...)
}
