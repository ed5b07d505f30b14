package egress

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"camrelay/internal/wire"
)

// notices are the pictures that MJPEG viewers get instead of frames, made once
// for all viewers of a camera.
type notices map[noticeText][]byte

// noticeText is all that a notice depends on.
type noticeText struct {
	width, height int
	lines         [3]string
}

// maxNotices bounds the pictures that are kept.
const maxNotices = 64

// jpeg is a picture of the camera's size that says that there are no frames.
func (n *notices) jpeg(camera wire.Camera) []byte {
	text := noticeText{camera.Width, camera.Height, [3]string{
		camera.Name,
		camera.State + " since " + time.UnixMicro(camera.Since).Format("15:04:05"),
		camera.Reason,
	}}
	if text.width == 0 || text.width > 1600 || text.height > 1200 {
		text.width, text.height = 640, 480
	}
	if picture := (*n)[text]; picture != nil {
		return picture
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, notice(text.width, text.height, text.lines[:]), &jpeg.Options{Quality: 60}); err != nil {
		panic("egress: " + err.Error()) // a buffer takes all, and the size is valid
	}
	if len(*n) >= maxNotices || *n == nil {
		*n = make(notices)
	}
	(*n)[text] = b.Bytes()
	return b.Bytes()
}

// notice draws lines of text in the middle of a dark picture. It is in the
// format of the cameras' own, 4:2:0, so that players need not adapt.
func notice(width, height int, lines []string) image.Image {
	face := basicfont.Face7x13
	scale := scaleOf(width)
	small := image.NewGray(image.Rect(0, 0, width/scale, height/scale))
	for i := range small.Pix {
		small.Pix[i] = 0x18
	}
	lines = wrap(lines, (small.Rect.Dx()-2*noticeMargin)/face.Advance)
	draw := font.Drawer{Dst: small, Src: image.NewUniform(color.Gray{0xC8}), Face: face}
	step := face.Height * 3 / 2
	if len(lines)*step > small.Rect.Dy() {
		step = face.Height
	}
	y := (small.Rect.Dy()-(len(lines)-1)*step+face.Ascent)/2 - 1
	for _, line := range lines {
		draw.Dot = fixed.P((small.Rect.Dx()-draw.MeasureString(line).Ceil())/2, y)
		draw.DrawString(line)
		y += step
	}
	return enlarge(small, width, height)
}

// noticeMargin is how far text stays from the sides, in its own pixels.
const noticeMargin = 4

// wrap breaks lines at spaces so that each has at most so many characters;
// words that are longer are cut. Empty lines are left out.
func wrap(lines []string, most int) (short []string) {
	for _, line := range lines {
		now := ""
		for word := range strings.FieldsSeq(line) {
			if r := []rune(word); len(r) > most {
				word = string(r[:most])
			}
			switch {
			case now == "":
				now = word
			case utf8.RuneCountInString(now)+1+utf8.RuneCountInString(word) <= most:
				now += " " + word
			default:
				short = append(short, now)
				now = word
			}
		}
		if now != "" {
			short = append(short, now)
		}
	}
	return short
}

// scaleOf keeps the text readable: about forty characters a line.
func scaleOf(width int) int { return max(1, width/300) }

func enlarge(small *image.Gray, width, height int) *image.YCbCr {
	scale := scaleOf(width)
	big := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	for y := range height {
		row := small.Pix[min(y/scale, small.Rect.Dy()-1)*small.Stride:]
		for x := range width {
			big.Y[y*big.YStride+x] = row[min(x/scale, small.Rect.Dx()-1)]
		}
	}
	const grey = 128
	for i := range big.Cb {
		big.Cb[i], big.Cr[i] = grey, grey
	}
	return big
}
