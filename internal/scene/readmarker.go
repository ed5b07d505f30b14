package scene

import (
	"errors"
	"fmt"
	"image"
	"math"
)

// Errors of ReadMarker, wrapped with the place.
var (
	ErrNoMarker = errors.New("no marker")
	ErrChecksum = errors.New("marker with a wrong checksum")
)

const (
	// minMarkerWidth and minMarkerHeight are the least size, in pixels, at
	// which cells are still told apart: two pixels each, and bounds may be two
	// pixels short.
	minMarkerWidth, minMarkerHeight = 2*gridColumns - 2, 2*gridRows - 2
	// minContrast is the least difference of luma between white and black.
	minContrast = 48
	// searchSpan and searchStep are how far the true edges of the picture may
	// be from the given ones, and how finely that is searched, in pixels.
	searchSpan, searchStep = 1.5, 0.5
)

// ReadMarker reads the marker of a frame that fills bounds of img, scaled in
// any way to at least 80x60 pixels; 160x120 and more is reliable also at the
// worst JPEG quality. Each edge of bounds may be off by a pixel. The error is
// ErrNoMarker or ErrChecksum, wrapped.
func ReadMarker(img image.Image, bounds image.Rectangle) (Marker, error) {
	if bounds.Dx() < minMarkerWidth || bounds.Dy() < minMarkerHeight {
		return Marker{}, fmt.Errorf("read marker: %w: picture of %dx%d pixels, %dx%d are needed",
			ErrNoMarker, bounds.Dx(), bounds.Dy(), minMarkerWidth, minMarkerHeight)
	}
	band := bounds.Inset(-2)
	band.Max.Y = bounds.Min.Y + int(float64(bounds.Dy())*(bandRows+1)/gridRows) + 2
	sums := sumLuma(img, band.Intersect(img.Bounds()))

	best, margin := uint64(0), 0.0
	for top := -searchSpan; top <= searchSpan; top += searchStep {
		for left := -searchSpan; left <= searchSpan; left += searchStep {
			for right := -searchSpan; right <= searchSpan; right += searchStep {
				g := newGrid(sums, bounds, left, top, right)
				if bits, m := g.read(margin); m > margin {
					best, margin = bits, m
				}
			}
		}
	}
	if margin == 0 {
		return Marker{}, fmt.Errorf("read marker: %w in %v", ErrNoMarker, bounds)
	}
	m, ok := markerOf(best)
	if !ok {
		return Marker{}, fmt.Errorf("read marker: %w in %v: %016x", ErrChecksum, bounds, best)
	}
	return m, nil
}

// grid is one guess at where the cells are.
type grid struct {
	sums          *lumaSums
	x, y          float64 // of the first cell
	width, height float64 // of a cell
}

func newGrid(sums *lumaSums, bounds image.Rectangle, left, top, right float64) grid {
	x0, x1 := float64(bounds.Min.X)+left, float64(bounds.Max.X)+right
	w, h := (x1-x0)/gridColumns, float64(bounds.Dy())/gridRows
	return grid{sums, x0 + marginLeft*w, float64(bounds.Min.Y) + top + marginTop*h, w, h}
}

// at is the luma of the middle of a cell.
func (g grid) at(row, column int) float64 {
	x, y := g.x+float64(column)*g.width, g.y+float64(row)*g.height
	return g.sums.mean(x+g.width/4, y+g.height/4, x+g.width*3/4, y+g.height*3/4)
}

// read returns the payload and by how much the least certain cell was certain,
// 0 if the finder is not there or the margin is not above least.
func (g grid) read(least float64) (bits uint64, margin float64) {
	middle, margin := g.findEnds()
	for row := 0; row < rows && margin > least; row++ {
		for column := finderWidth; column < columns-finderWidth && margin > least; column++ {
			v := g.at(row, column) - middle
			margin = min(margin, math.Abs(v))
			bits <<= 1
			if v > 0 {
				bits |= 1
			}
		}
	}
	if margin <= least {
		return 0, 0
	}
	return bits, margin
}

// findEnds checks the finder and returns the luma between its white and black.
func (g grid) findEnds() (middle, margin float64) {
	var cells [rows][2 * finderWidth]float64
	darkest, brightest := math.Inf(1), math.Inf(-1)
	for row := range cells {
		for i := range cells[row] {
			column := i
			if i >= finderWidth {
				column += columns - 2*finderWidth
			}
			v := g.at(row, column)
			cells[row][i] = v
			darkest, brightest = min(darkest, v), max(brightest, v)
		}
	}
	if brightest-darkest < minContrast {
		return 0, 0
	}
	middle, margin = (darkest+brightest)/2, brightest-darkest
	for row, ends := range finder() {
		for i, white := range ends {
			v := cells[row][i] - middle
			if white != (v > 0) {
				return 0, 0
			}
			margin = min(margin, math.Abs(v))
		}
	}
	return middle, margin
}

// lumaSums is an integral image: the sum of all luma above and left of a point.
type lumaSums struct {
	area   image.Rectangle
	stride int
	sums   []float64
}

func sumLuma(img image.Image, area image.Rectangle) *lumaSums {
	s := &lumaSums{area: area, stride: area.Dx() + 1}
	s.sums = make([]float64, s.stride*(area.Dy()+1))
	for y := range area.Dy() {
		line := 0.0
		for x := range area.Dx() {
			r, g, b, _ := img.At(area.Min.X+x, area.Min.Y+y).RGBA()
			line += (0.299*float64(r) + 0.587*float64(g) + 0.114*float64(b)) / 257
			s.sums[(y+1)*s.stride+x+1] = s.sums[y*s.stride+x+1] + line
		}
	}
	return s
}

// upTo interpolates, so that the edges of a mean may lie between pixels.
func (s *lumaSums) upTo(x, y float64) float64 {
	x = min(max(x-float64(s.area.Min.X), 0), float64(s.area.Dx()))
	y = min(max(y-float64(s.area.Min.Y), 0), float64(s.area.Dy()))
	ix, iy := min(int(x), max(s.area.Dx()-1, 0)), min(int(y), max(s.area.Dy()-1, 0))
	fx, fy := x-float64(ix), y-float64(iy)
	i := iy*s.stride + ix
	if s.area.Empty() {
		return 0
	}
	top := s.sums[i]*(1-fx) + s.sums[i+1]*fx
	bottom := s.sums[i+s.stride]*(1-fx) + s.sums[i+s.stride+1]*fx
	return top*(1-fy) + bottom*fy
}

func (s *lumaSums) mean(x0, y0, x1, y1 float64) float64 {
	return (s.upTo(x1, y1) - s.upTo(x0, y1) - s.upTo(x1, y0) + s.upTo(x0, y0)) / ((x1 - x0) * (y1 - y0))
}
