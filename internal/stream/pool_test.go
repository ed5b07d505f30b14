package stream

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

func TestClassHolds(t *testing.T) {
	check := func(n int) {
		class := classFor(n)
		size := classSize(class)
		if size < n {
			t.Fatalf("%d bytes: class %d holds %d", n, class, size)
		}
		if class > 0 && classSize(class-1) >= n {
			t.Fatalf("%d bytes: class %d is not the smallest", n, class)
		}
		if n > minBlock && 3*(size-n) > size {
			t.Fatalf("%d bytes: more than a third of %d is unused", n, size)
		}
		if class >= numClasses {
			t.Fatalf("%d bytes: class %d of %d", n, class, numClasses)
		}
	}
	for n := range 70_000 {
		check(n)
	}
	for class := range numClasses {
		for d := -1; d <= 1; d++ {
			if n := classSize(class) + d; n <= maxBlock {
				check(n)
			}
		}
	}
	if size := classSize(numClasses - 1); size != maxBlock {
		t.Errorf("the last class holds %d bytes, want %d", size, maxBlock)
	}
}

func TestFrameTooBigForPool(t *testing.T) {
	p := NewPool()
	d := p.Draft(maxBlock + 1)
	d.Append([]byte("abc"))
	f := d.Frame(3, Meta{})
	if string(f.JPEG()) != "abc" || p.Live() != 1 {
		t.Errorf("got %q, %d live", f.JPEG(), p.Live())
	}
	f.Release()
	if p.Live() != 0 {
		t.Errorf("%d live", p.Live())
	}
}

func TestDraftGrows(t *testing.T) {
	p := NewPool()
	want := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
	d := p.Draft(0)
	for rest := want; len(rest) > 0; {
		n := min(len(rest), 1000)
		d.Append(rest[:n])
		rest = rest[n:]
	}
	if !bytes.Equal(d.Bytes(), want) {
		t.Error("bytes changed while the draft grew")
	}
	f := d.Frame(len(want)-5, Meta{})
	if !bytes.Equal(f.JPEG(), want[:len(want)-5]) {
		t.Error("the frame is not the beginning of the draft")
	}
	f.Release()
	d = p.Draft(100)
	d.Discard()
	if p.Live() != 0 {
		t.Errorf("%d live", p.Live())
	}
}

// nothing returns no bytes and no error.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

// inFull returns its error together with the last bytes.
type inFull struct {
	b   []byte
	err error
}

func (r *inFull) Read(p []byte) (int, error) {
	n := copy(p, r.b)
	if r.b = r.b[n:]; len(r.b) == 0 {
		return n, r.err
	}
	return n, nil
}

func TestReadAll(t *testing.T) {
	broken := errors.New("broken")
	text := strings.Repeat("x", 10_000)
	tests := []struct {
		name  string
		r     io.Reader
		limit int
		want  string
		err   error
	}{
		{"empty", strings.NewReader(""), 10, "", nil},
		{"short", strings.NewReader("abc"), 10, "abc", nil},
		{"exactly the limit", strings.NewReader("abc"), 3, "abc", nil},
		{"exactly a block", strings.NewReader(text[:minBlock]), minBlock, text[:minBlock], nil},
		{"one too many", strings.NewReader("abcd"), 3, "", ErrFrameTooBig},
		{"one too many, with EOF", &inFull{[]byte("abcd"), io.EOF}, 3, "", ErrFrameTooBig},
		{"the limit, with EOF", &inFull{[]byte("abc"), io.EOF}, 3, "abc", nil},
		{"error with bytes", &inFull{[]byte("abc"), broken}, 10, "", broken},
		{"error", iotest.ErrReader(broken), 10, "", broken},
		{"byte by byte", iotest.OneByteReader(strings.NewReader(text)), len(text), text, nil},
		{"byte by byte, too many", iotest.OneByteReader(strings.NewReader(text)), len(text) - 1, "", ErrFrameTooBig},
		{"EOF with the last byte", iotest.DataErrReader(strings.NewReader(text)), len(text), text, nil},
		{"endless", iotest.DataErrReader(io.MultiReader(endless{})), 50_000, "", ErrFrameTooBig},
		{"never anything", nothing{}, 10, "", io.ErrNoProgress},
	}
	for _, test := range tests {
		d := NewPool().Draft(64)
		err := d.ReadAll(test.r, test.limit)
		if !errors.Is(err, test.err) || test.err == nil && string(d.Bytes()) != test.want {
			t.Errorf("%s: got %d bytes, %v; want %d, %v", test.name, len(d.Bytes()), err, len(test.want), test.err)
		}
	}
}

// endless never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestReadAllLeavesTheRest(t *testing.T) {
	r := strings.NewReader(strings.Repeat("x", 1<<20))
	d := NewPool().Draft(0)
	if err := d.ReadAll(r, 1000); !errors.Is(err, ErrFrameTooBig) || !strings.Contains(err.Error(), "1000") {
		t.Errorf("got %v", err)
	}
	if read := 1<<20 - r.Len(); read > 2*minBlock {
		t.Errorf("%d bytes were read for a limit of 1,000", read)
	}
}

func TestReleaseTwicePanics(t *testing.T) {
	p := NewPool()
	d := p.Draft(10)
	f := d.Frame(0, Meta{})
	f.Retain()
	f.Release()
	f.Release()
	defer func() {
		if recover() == nil {
			t.Error("a frame could be released twice")
		}
	}()
	f.Release()
}

// All that ask at the same time get the same wrapping, made once.
func TestWrappedOnce(t *testing.T) {
	p := NewPool()
	for round := range 200 {
		d := p.Draft(10)
		d.Append([]byte("picture"))
		f := d.Frame(7, Meta{Seq: uint32(round)})
		var made [maxWraps]int
		var wraps [maxWraps]*Wrapping
		for i := range wraps {
			wraps[i] = &Wrapping{Overhead: 2, Append: func(dst []byte, f *Frame) []byte {
				made[i]++ // unguarded: the race detector sees two at a time
				return append(append(dst, byte(i), byte(f.Seq)), f.JPEG()...)
			}}
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for i, w := range wraps {
					if b := f.Wrapped(w); string(b) != string([]byte{byte(i), byte(round)})+"picture" {
						t.Errorf("wrapping %d: got %q", i, b)
					}
				}
			})
		}
		wg.Wait()
		f.Release()
		for i, n := range made {
			if n != 1 {
				t.Fatalf("wrapping %d was made %d times", i, n)
			}
		}
	}
	if p.Live() != 0 {
		t.Errorf("%d live", p.Live())
	}
}

// A frame that is used again knows nothing of the one before.
func TestFrameIsReusedClean(t *testing.T) {
	p := NewPool()
	wrap := &Wrapping{Append: func(dst []byte, f *Frame) []byte { return append(dst, f.JPEG()...) }}
	for i := range 1000 {
		d := p.Draft(10)
		d.Append([]byte{byte(i)})
		f := d.Frame(1, Meta{Width: i})
		if b := f.Wrapped(wrap); len(b) != 1 || b[0] != byte(i) || f.Width != i || f.Seq != 0 {
			t.Fatalf("frame %d: wrapped %v, %+v", i, b, f.Meta)
		}
		f.Seq = 7
		f.Release()
	}
}
