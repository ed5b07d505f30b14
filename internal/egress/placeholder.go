package egress

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"time"

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

// notice draws lines of text in the middle of a dark picture.
func notice(width, height int, lines []string) image.Image {
	face := basicfont.Face7x13
	small := image.NewGray(image.Rect(0, 0, width/scaleOf(width), height/scaleOf(width)))
	for i := range small.Pix {
		small.Pix[i] = 0x18
	}
	draw := font.Drawer{Dst: small, Src: image.NewUniform(color.Gray{0xC8}), Face: face}
	y := small.Rect.Dy()/2 - (len(lines)-2)*face.Height*3/4
	for _, line := range lines {
		width := draw.MeasureString(line).Ceil()
		draw.Dot = fixed.P(max(2, (small.Rect.Dx()-width)/2), y)
		draw.DrawString(line)
		y += face.Height * 3 / 2
	}
	return enlarge(small, width, height)
}

// scaleOf keeps the text readable: about forty characters a line.
func scaleOf(width int) int { return max(1, width/300) }

func enlarge(small *image.Gray, width, height int) *image.Gray {
	scale := scaleOf(width)
	big := image.NewGray(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			big.Pix[y*big.Stride+x] = small.GrayAt(min(x/scale, small.Rect.Dx()-1), min(y/scale, small.Rect.Dy()-1)).Y
		}
	}
	return big
}
