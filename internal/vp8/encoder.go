// Package vp8 encodes pictures as VP8 (RFC 6386), the codec that every WebRTC
// browser decodes. It is made for cameras that stand still: what has not
// changed since the last frame costs next to nothing.
//
// Key frames use all intra modes; the others refer to the frame before, with
// motion in quarters of a pixel.
package vp8

import (
	"errors"
	"fmt"
	"image"
	"time"
)

// Limits of a picture: the format's own, and one on the area, which keeps the
// modes of a frame within their partition and the memory of an encoder below
// 300 MB.
const (
	MaxDimension = 1<<14 - 1
	MaxArea      = 1 << 24
)

// Options are those of one stream.
type Options struct {
	// BitRate is the target, in bits a second; 0 stands for 1 Mbit/s. It is met
	// over about a second; a frame is never dropped for it.
	BitRate int
	// FPS is how many pictures a second are to be expected; 0 stands for 15.
	// Only the first frames depend on it: after that their times tell.
	FPS float64
	// MinQuantizer and MaxQuantizer bound the quantizer index, 1 to 127, the
	// lower the finer; 0 stands for 16 and 112. The minimum keeps an encoder from
	// spending the bit rate on a sensor's noise; where the maximum does not
	// suffice for the bit rate, the stream exceeds it.
	MinQuantizer, MaxQuantizer int
	// KeyInterval is the longest time between key frames; 0 for no limit.
	KeyInterval time.Duration
}

// Info tells about an encoded frame.
type Info struct {
	Key           bool // can be decoded without those before
	Width, Height int  // pixels
	Quantizer     int  // index, 1 to 127
	Empty         int  // macroblocks of 16x16 pixels without coefficients
	Macroblocks   int  // of all
}

// Encoder encodes one stream of pictures. It is not safe for concurrent use.
type Encoder struct {
	options Options
	rate    rateControl

	width, height int // pixels
	columns, rows int // macroblocks
	span          int // macroblocks from one row to the next, with one at the left
	source        frame
	current       frame // being reconstructed
	last          frame // what a decoder shows, and the next frame refers to
	blocks        []macroblock

	key      bool
	noSub    bool // modeSub is not to be used
	started  bool // last holds a frame
	lastKey  time.Duration
	quant    quantizerSet
	strength filterStrength
	probs    probabilities // before the frame
	next     probabilities // after it
	tally    tally
	tokens   tokenBuffer
	writer   boolWriter
	coder    coder
	work     work
	costs    modeCosts
	motion   motion
	still    still

	emptyProb, interProb uint8
	maxPartition         int // bytes: lower in tests
}

// New returns the encoder of a stream. The error names an option out of range.
func New(o Options) (*Encoder, error) {
	if o.BitRate == 0 {
		o.BitRate = 1_000_000
	}
	if o.FPS == 0 {
		o.FPS = 15
	}
	if o.MinQuantizer == 0 {
		o.MinQuantizer = 16
	}
	if o.MaxQuantizer == 0 {
		o.MaxQuantizer = max(112, o.MinQuantizer)
	}
	switch {
	case !(o.FPS > 0 && o.FPS <= 1000):
		return nil, fmt.Errorf("vp8: frame rate %v is not within 0 to 1000 a second", o.FPS)
	case o.MinQuantizer < 1 || o.MaxQuantizer >= quantizers || o.MinQuantizer > o.MaxQuantizer:
		return nil, fmt.Errorf("vp8: quantizers %d to %d are not a range within 1 to %d", o.MinQuantizer, o.MaxQuantizer, quantizers-1)
	case o.KeyInterval < 0:
		return nil, fmt.Errorf("vp8: key interval %v is negative", o.KeyInterval)
	}
	e := &Encoder{options: o, maxPartition: maxPartition}
	e.rate.fps = o.FPS
	if err := e.SetBitRate(o.BitRate); err != nil {
		return nil, err
	}
	e.costs.setKeySub()
	return e, nil
}

// Bounds of a bit rate, in bits a second.
const (
	MinBitRate = 1_000
	MaxBitRate = 1_000_000_000
)

// SetBitRate changes the target from the next frame on.
func (e *Encoder) SetBitRate(bits int) error {
	if bits < MinBitRate || bits > MaxBitRate {
		return fmt.Errorf("vp8: bit rate %d is not within %d to %d bits a second", bits, MinBitRate, MaxBitRate)
	}
	e.options.BitRate = bits
	e.rate.setBitRate(bits)
	return nil
}

// Encode appends a picture as one VP8 frame to dst. The first frame, one of
// another size than the last, and one that is asked for is a key frame. Pictures
// of any subsampling ratio are taken; none is kept. The time is that of the
// capture; where it does not grow, one frame's worth is assumed. On an error dst
// comes back as it was.
//
// Buffers are reused: once they have grown, and dst has room, nothing is
// allocated.
func (e *Encoder) Encode(dst []byte, img *image.YCbCr, at time.Duration, key bool) ([]byte, Info, error) {
	if err := e.resize(img.Rect.Dx(), img.Rect.Dy()); err != nil {
		return dst, Info{}, err
	}
	if err := checkPlanes(img); err != nil {
		return dst, Info{}, err
	}
	if k := e.options.KeyInterval; k > 0 && at-e.lastKey >= k {
		key = true
	}
	e.key = key || !e.started
	e.source.load(img)
	e.rate.begin(at, e.key, e.columns*e.rows)

	begin := len(dst)
	quantizer := e.rate.quantizer(e.options.MinQuantizer, e.options.MaxQuantizer)
	for try := 0; ; try++ {
		e.encode(quantizer)
		out, err := e.write(dst)
		if errors.Is(err, errPartition) && !e.noSub {
			e.noSub = true
			continue
		}
		if err != nil {
			e.noSub, e.started = false, false
			return dst, Info{}, fmt.Errorf("vp8: frame of %dx%d pixels: %w", e.width, e.height, err)
		}
		again := e.rate.retry(try, (len(out)-begin)*8, quantizer, e.options.MaxQuantizer)
		if again == quantizer {
			dst = out
			break
		}
		dst, quantizer = out[:begin], again
	}
	e.rate.end((len(dst)-begin)*8, quantizer)
	e.finish(at)
	return dst, e.info(), nil
}

// encode decides on every macroblock and reconstructs the frame.
func (e *Encoder) encode(quantizer int) {
	e.quant.set(quantizer)
	e.strength.set(filterLevel(quantizer), e.key)
	e.next = e.probs
	if e.key {
		e.next.reset()
	}
	e.tokens.begin(&e.next.coeffs)
	e.costs.set(&e.next, e.key, e.interProb, e.emptyProb)
	e.current.setEdges()
	e.coder.beginFrame(e.columns)
	e.still.begin()
	for y := range e.rows {
		e.coder.left = contextSet{}
		for x := range e.columns {
			e.encodeMacroblock(x, y)
		}
		e.current[0].extendRow(16*y + 15)
	}
}

// finish makes the frame the reference of the next.
func (e *Encoder) finish(at time.Duration) {
	if e.strength.level > 0 {
		for y := range e.rows {
			for x := range e.columns {
				mb := &e.blocks[e.place(x, y)]
				e.strength.filterMacroblock(&e.current, x, y, !mb.empty || mb.mode == modeSub)
			}
		}
	}
	e.current.extend()
	e.last, e.current = e.current, e.last
	e.probs = e.next
	if !e.key {
		e.still.end()
	}
	e.started, e.noSub = true, false
	if e.key {
		e.lastKey = at
	}
}

func (e *Encoder) info() Info {
	return Info{
		Key: e.key, Width: e.width, Height: e.height, Quantizer: e.quant.index,
		Empty: int(e.tally.empty[1]), Macroblocks: e.columns * e.rows,
	}
}

// Reconstruction is the last frame as a decoder shows it. It is valid until the
// next call of Encode, and nil before the first.
func (e *Encoder) Reconstruction() *image.YCbCr {
	if !e.started {
		return nil
	}
	return e.last.picture(e.width, e.height)
}

// resize makes the frames for another size.
func (e *Encoder) resize(width, height int) error {
	if width < 1 || height < 1 || width > MaxDimension || height > MaxDimension {
		return fmt.Errorf("vp8: picture of %dx%d pixels: each side must be within 1 to %d", width, height, MaxDimension)
	}
	columns, rows := (width+15)/16, (height+15)/16
	if columns*rows > MaxArea/256 {
		return fmt.Errorf("vp8: picture of %dx%d pixels is larger than %d in all", width, height, MaxArea)
	}
	if width == e.width && height == e.height {
		return nil
	}
	e.width, e.height, e.started = width, height, false
	if columns == e.columns && rows == e.rows {
		return nil
	}
	e.columns, e.rows, e.span = columns, rows, columns+1
	e.source, e.current, e.last = newFrame(columns, rows), newFrame(columns, rows), newFrame(columns, rows)
	e.blocks = make([]macroblock, e.span*(rows+1))
	e.coder.above = make([]contextSet, columns)
	return nil
}

// place is the index of a macroblock. A row above and a column to the left are
// outside the frame and stay zero, as the format has it.
func (e *Encoder) place(x, y int) int {
	return (y+1)*e.span + x + 1
}

func (e *Encoder) surveyAt(x, y int) neighbours {
	i := e.place(x, y)
	l := limitsAt(x, y, e.columns, e.rows)
	return survey(&e.blocks[i-e.span], &e.blocks[i-1], &e.blocks[i-e.span-1], &l)
}
