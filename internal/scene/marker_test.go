package scene

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/image/draw"

	"camrelay/internal/wire"
)

func newScene(t testing.TB, number uint8, settings wire.Settings) *Scene {
	t.Helper()
	s, err := New("front-door", number)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Set(settings); err != nil {
		t.Fatal(err)
	}
	return s
}

// shot is the scene's JPEG, decoded.
func shot(t testing.TB, s *Scene, at time.Time) image.Image {
	t.Helper()
	b, err := s.Append(nil, at, 12345)
	if err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// page is a page with the picture scaled into a rectangle.
func page(img image.Image, where image.Rectangle, scaler draw.Scaler) image.Image {
	p := image.NewRGBA(image.Rect(0, 0, where.Max.X+40, where.Max.Y+30))
	draw.Draw(p, p.Bounds(), image.NewUniform(color.RGBA{28, 32, 40, 255}), image.Point{}, draw.Src)
	scaler.Scale(p, where, img, img.Bounds(), draw.Src, nil)
	return p
}

// screenshot is an image as PNG and decoded again.
func screenshot(t testing.TB, img image.Image) image.Image {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	decoded, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

// Every size of 160x120 and more at every kind of quality, as it is and scaled
// down by 2 and 3 as long as cells have two pixels, in a page, with the
// rectangle off by a pixel at any edge.
func TestReadMarkerFromPage(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range wire.FrameSizes() {
		if size.Width < 160 || size.Height < 120 {
			continue
		}
		qualities := []int{63} // the worst; the others where they cost little
		if size.Width <= 400 {
			qualities = []int{4, 12, 63}
		}
		for _, quality := range qualities {
			settings := wire.Settings{"quality": quality}
			settings.SetFrameSize(size.Name)
			want := Marker{time.UnixMilli(random.Int64N(1 << 48)), uint8(random.UintN(256))}
			img := shot(t, newScene(t, want.Camera, settings), want.Time)
			for _, divisor := range []int{1, 2, 3} {
				w, h := size.Width/divisor, size.Height/divisor
				if w < 2*gridColumns || h < 2*gridRows {
					continue
				}
				t.Run(fmt.Sprintf("%s/%d/%d", size.Name, quality, divisor), func(t *testing.T) {
					x, y := random.IntN(50), random.IntN(50)
					where := image.Rect(x, y, x+w, y+h)
					checkAround(t, page(img, where, draw.ApproxBiLinear), where, want)
				})
			}
		}
	}
}

// checkAround reads the marker with each edge where it is and a pixel off.
func checkAround(t *testing.T, img image.Image, where image.Rectangle, want Marker) {
	t.Helper()
	for _, off := range [][4]int{
		{0, 0, 0, 0}, {1, 1, 1, 1}, {-1, -1, -1, -1}, {-1, -1, 1, 1}, {1, 1, -1, -1}, {-1, 1, -1, 1}, {1, -1, 0, 0},
	} {
		r := image.Rect(where.Min.X+off[0], where.Min.Y+off[1], where.Max.X+off[2], where.Max.Y+off[3])
		got, err := ReadMarker(img, r)
		if err != nil {
			t.Fatalf("picture in %v, asked for %v: %v", where, r, err)
		}
		if !got.Time.Equal(want.Time) || got.Camera != want.Camera {
			t.Fatalf("picture in %v, asked for %v: got %v, want %v", where, r, got, want)
		}
	}
}

// A screenshot of a tile of the grid page: any size, 160 wide and more, any scaler, any moment.
func TestReadMarkerFromTile(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	scalers := []draw.Scaler{draw.BiLinear, draw.CatmullRom, draw.ApproxBiLinear}
	scenes := map[string]*Scene{}
	for range 24 {
		size := wire.FrameSizes()[random.IntN(12)] // to SVGA
		s := scenes[size.Name]
		if s == nil {
			s = newScene(t, uint8(random.UintN(256)), nil)
			scenes[size.Name] = s
		}
		settings := wire.Settings{"quality": 4 + random.IntN(60)}
		settings.SetFrameSize(size.Name)
		if err := s.Set(settings); err != nil {
			t.Fatal(err)
		}
		w := 160 + random.IntN(200)
		h := max(w*size.Height/size.Width, 90)
		where := image.Rect(7, 9, 7+w, 9+h)
		want := Marker{time.UnixMilli(random.Int64N(1 << 48)), s.number}
		img := screenshot(t, page(shot(t, s, want.Time), where, scalers[random.IntN(len(scalers))]))
		got, err := ReadMarker(img, where)
		if err != nil || !got.Time.Equal(want.Time) || got.Camera != want.Camera {
			t.Errorf("%s at quality %d in a tile of %dx%d: got %v, %v, want %v", size.Name, settings["quality"], w, h, got, err, want)
		}
	}
}

func TestReadMarkerRefuses(t *testing.T) {
	at := time.UnixMilli(1795166000123)
	frame := shot(t, newScene(t, 9, nil), at)
	area := frame.Bounds()

	upsideDown := image.NewRGBA(area)
	for y := range area.Dy() {
		for x := range area.Dx() {
			upsideDown.Set(x, area.Dy()-1-y, frame.At(x, y))
		}
	}
	forged := image.NewYCbCr(area, image.YCbCrSubsampleRatio420)
	c := canvas{img: forged, w: area.Dx(), h: area.Dy()}
	drawMarker(c, Marker{at, 9})
	// The whole of column 20 white: bits that the checksum does not expect.
	w, h := float64(c.w)/gridColumns, float64(c.h)/gridRows
	c.rect((marginLeft+20)*w, marginTop*h, (marginLeft+21)*w, (marginTop+rows)*h, whiteColour, 256)
	bits := Marker{at, 9}.bits()
	if cell(bits, 0, 20) && cell(bits, 1, 20) {
		t.Fatal("choose another column: this one is white already")
	}

	tests := []struct {
		name   string
		img    image.Image
		bounds image.Rectangle
		want   error
	}{
		{"plain grey", image.NewUniform(color.Gray{99}), area, ErrNoMarker},
		{"upside down", upsideDown, area, ErrNoMarker},
		{"elsewhere", frame, area.Add(image.Pt(0, 100)), ErrNoMarker},
		{"outside the image", frame, area.Add(image.Pt(5000, 5000)), ErrNoMarker},
		{"too small", frame, image.Rect(0, 0, 77, 60), ErrNoMarker},
		{"wrong bits", forged, area, ErrChecksum},
	}
	for _, test := range tests {
		if m, err := ReadMarker(test.img, test.bounds); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, %v; want %v", test.name, m, err, test.want)
		}
	}
}

// Noise with the finder's contrast must not pass for a marker.
func TestReadMarkerInNoise(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	found := 0
	for range 200 {
		img := image.NewGray(image.Rect(0, 0, 160, 120))
		for y := 0; y < 120; y += 4 {
			for x := 0; x < 160; x += 4 {
				draw.Draw(img, image.Rect(x, y, x+4, y+4), image.NewUniform(color.Gray{uint8(255 * random.IntN(2))}), image.Point{}, draw.Src)
			}
		}
		if _, err := ReadMarker(img, img.Bounds()); err == nil {
			found++
		}
	}
	if found > 1 {
		t.Errorf("found %d markers in 200 pictures of noise", found)
	}
}

func FuzzMarkerBits(f *testing.F) {
	f.Add(int64(1795166000123), uint8(7), uint8(3))
	f.Fuzz(func(t *testing.T, ms int64, camera, flip uint8) {
		ms &= 1<<48 - 1
		want := Marker{time.UnixMilli(ms), camera}
		bits := want.bits()
		if got, ok := markerOf(bits); !ok || got != want {
			t.Fatalf("got %v, %v, want %v", got, ok, want)
		}
		if got, ok := markerOf(bits ^ 1<<(flip%64)); ok {
			t.Fatalf("one wrong bit was taken for %v", got)
		}
	})
}

func BenchmarkReadMarker(b *testing.B) {
	img := shot(b, newScene(b, 1, nil), time.Now())
	for b.Loop() {
		if _, err := ReadMarker(img, img.Bounds()); err != nil {
			b.Fatal(err)
		}
	}
}
