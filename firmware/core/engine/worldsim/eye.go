package worldsim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"time"

	"camrelay/firmware/core/capture"
	"camrelay/firmware/core/ov2640/ovsim"
	"camrelay/internal/wire"
)

// eye is the sensor, and what it sees: pictures that are all different, in
// pieces while they are read out.
type eye struct {
	*ovsim.Sensor
	world  *World
	queue  capture.Queue
	cells  []uint32
	next   int64 // when something comes
	part   int
	number uint64 // of the picture
	shot   []byte
	views  [][]byte
}

// dark is how long it takes to look again at a sensor that gives nothing.
const dark = 50 * time.Millisecond

// parts is in how many pieces a picture comes; of each torn-th one, only the
// first does.
const (
	parts = 2
	torn  = 37
	night = 4 // times as long as by day a picture takes
)

func newEye(w *World) (*eye, error) {
	e := &eye{world: w, cells: make([]uint32, 16<<10)}
	for i := range 12 {
		view, err := view(i)
		if err != nil {
			return nil, err
		}
		e.views = append(e.views, view)
	}
	return e, nil
}

// view is a JPEG of half a kilobyte to six.
func view(i int) ([]byte, error) {
	img := image.NewGray(image.Rect(0, 0, 32+7*i, 32+4*i))
	x := uint32(i) + 1
	for at := range img.Pix {
		x = x*1664525 + 1013904223
		img.SetGray(at%img.Stride, at/img.Stride, color.Gray{byte(x >> 24)})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 30 + 5*i}); err != nil {
		return nil, fmt.Errorf("make a picture: %w", err)
	}
	return b.Bytes(), nil
}

// restart is a sensor without power, and a queue that is empty.
func (e *eye) restart() error {
	e.Sensor = ovsim.New(e.world.Now)
	e.next, e.part = e.world.now, 0
	return e.queue.Init(e.cells)
}

// look lets come what is due.
func (e *eye) look() {
	w := e.world
	if w.now < e.next || !w.camera.runs() {
		return
	}
	if !e.Receiving() {
		e.next, e.part = w.now+int64(dark), 0
		return
	}
	p, ok := e.State()
	if !ok {
		e.next = w.now + int64(dark)
		return
	}
	interval := int64(float64(night*time.Second) / p.FPS)
	if e.part == 0 {
		e.queue.EndOfFrame(w.now, nil)
		if !e.queue.Taking() {
			e.next = w.now + interval
			return
		}
		e.expose()
	}
	size := (len(e.shot) + parts - 1) / parts
	if e.part == 0 || e.number%torn != 0 {
		e.queue.Write(e.shot[e.part*size : min((e.part+1)*size, len(e.shot))])
	}
	if e.part++; e.part < parts {
		e.next = w.now + interval/4
	} else {
		e.next, e.part = w.now+interval-interval/4*(parts-1), 0
	}
}

// expose takes the next picture: its number stands in a COM segment.
func (e *eye) expose() {
	e.number++
	e.shot = append(append(e.shot[:0], 0xff, 0xd8), mark[:]...)
	e.shot = binary.BigEndian.AppendUint64(e.shot, e.number)
	e.shot = append(e.shot, e.views[e.number%uint64(len(e.views))][2:]...)
	if e.number%5 == 0 {
		e.shot = append(e.shot, 0xff, 0xd9, 0, 0, 0xff, 0xd9) // padding
	}
}

// mark begins the segment.
var mark = [...]byte{0xff, 0xfe, 0, 10}

// same reports whether p is a picture as it was taken, with the camera's segment
// in it, and which one.
func (e *eye) same(p []byte) (number uint64, ok bool) {
	const head = 2 + wire.CaptureSegment
	if len(p) < head+len(mark)+8 || !bytes.Equal(p[head:head+len(mark)], mark[:]) {
		return 0, false
	}
	p = p[head+len(mark):]
	number = binary.BigEndian.Uint64(p)
	view := e.views[number%uint64(len(e.views))]
	return number, bytes.Equal(p[8:], view[2:])
}
