package scene

import (
	"fmt"
	"image"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

const (
	clockRunes   = "0123456789:."
	captionRunes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:#/ ?"
)

// typeface holds the coverage of a few characters, all of one width, at one
// size: drawing text is then copying.
type typeface struct {
	width, height int // of every character, pixels
	glyphs        map[rune][]uint8
}

// newTypeface draws the characters in Go Mono Bold, size pixels to the em.
func newTypeface(size float64, runes string) (*typeface, error) {
	parsed, err := opentype.Parse(gomonobold.TTF)
	if err != nil {
		return nil, fmt.Errorf("parse font: %w", err)
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return nil, fmt.Errorf("scale font to %.1f px: %w", size, err)
	}
	defer face.Close()
	metrics := face.Metrics()
	advance, _ := face.GlyphAdvance('0')
	f := &typeface{
		width:  advance.Ceil(),
		height: metrics.Ascent.Ceil() + metrics.Descent.Ceil(),
		glyphs: make(map[rune][]uint8, len(runes)),
	}
	for _, r := range runes {
		mask := image.NewAlpha(image.Rect(0, 0, f.width, f.height))
		d := font.Drawer{Dst: mask, Src: image.White, Face: face, Dot: fixed.P(0, metrics.Ascent.Ceil())}
		d.DrawString(string(r))
		f.glyphs[r] = mask.Pix
	}
	return f, nil
}

// glyph is the coverage of r, or of ? where the typeface has no r.
func (f *typeface) glyph(r rune) []uint8 {
	if g, ok := f.glyphs[r]; ok {
		return g
	}
	return f.glyphs['?']
}

// size is the width and height of a text in pixels.
func (f *typeface) size(s string) (width, height int) {
	return f.width * len([]rune(s)), f.height
}
