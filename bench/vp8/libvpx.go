package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// libvpx runs ffmpeg's libvpx as a WebRTC sender sets it up.
func libvpx(c clip, rate int) (result, error) {
	dir, err := os.MkdirTemp("", "vp8")
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(dir)
	stream := filepath.Join(dir, "stream.ivf")
	size := c.pictures[0].Rect.Size()
	var raw []byte
	for _, p := range c.pictures {
		raw = appendPlanes(raw, p)
	}
	bits := strconv.Itoa(rate)
	encode := exec.Command("ffmpeg", "-v", "error", "-benchmark", "-f", "rawvideo", "-pix_fmt", "yuv420p",
		"-s", fmt.Sprintf("%dx%d", size.X, size.Y), "-r", strconv.Itoa(c.fps), "-i", "-",
		"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-threads", "1", "-lag-in-frames", "0",
		"-b:v", bits, "-minrate", bits, "-maxrate", bits, "-bufsize", bits, "-qmin", "2", "-qmax", "56",
		"-g", "100000", "-f", "ivf", stream)
	encode.Stdin = bytes.NewReader(raw)
	if out, err := encode.CombinedOutput(); err != nil {
		return result{}, fmt.Errorf("run ffmpeg: %w: %s", err, out)
	}
	file, err := os.ReadFile(stream)
	if err != nil {
		return result{}, err
	}
	sizes, err := frameSizes(file)
	if err != nil {
		return result{}, err
	}
	decode := exec.Command("ffmpeg", "-v", "error", "-c:v", "libvpx", "-i", stream,
		"-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
	decoded, err := decode.Output()
	if err != nil {
		return result{}, fmt.Errorf("run ffmpeg: %w", err)
	}
	if len(decoded) != len(raw) || len(sizes) != len(c.pictures) {
		return result{}, fmt.Errorf("libvpx gave %d frames of %d", len(sizes), len(c.pictures))
	}
	r := result{key: sizes[0]}
	cpu := encode.ProcessState.UserTime() + encode.ProcessState.SystemTime()
	r.mean = cpu / time.Duration(len(c.pictures))
	total := 0
	for _, n := range sizes {
		total += n
	}
	r.bitRate = float64(total) * 8 * float64(c.fps) / float64(len(sizes))
	var quality meter
	for i, p := range c.pictures {
		quality.add(p, planes(decoded[i*len(decoded)/len(sizes):], size))
	}
	r.psnr = quality.psnr()
	return r, nil
}

func appendPlanes(b []byte, p *image.YCbCr) []byte {
	w, h := p.Rect.Dx(), p.Rect.Dy()
	for y := range h {
		b = append(b, p.Y[y*p.YStride:][:w]...)
	}
	for _, plane := range [][]byte{p.Cb, p.Cr} {
		for y := range (h + 1) / 2 {
			b = append(b, plane[y*p.CStride:][:(w+1)/2]...)
		}
	}
	return b
}

func planes(b []byte, size image.Point) *image.YCbCr {
	cw, ch := (size.X+1)/2, (size.Y+1)/2
	luma := size.X * size.Y
	return &image.YCbCr{
		Y: b[:luma], Cb: b[luma : luma+cw*ch], Cr: b[luma+cw*ch : luma+2*cw*ch],
		YStride: size.X, CStride: cw,
		SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rectangle{Max: size},
	}
}

// frameSizes reads the sizes of the frames out of an IVF file.
func frameSizes(file []byte) ([]int, error) {
	const header, frameHeader = 32, 12
	if len(file) < header {
		return nil, errors.New("ivf file without a header")
	}
	var sizes []int
	for b := file[header:]; len(b) >= frameHeader; {
		n := int(binary.LittleEndian.Uint32(b))
		if len(b) < frameHeader+n {
			return nil, errors.New("ivf file ends within a frame")
		}
		sizes = append(sizes, n)
		b = b[frameHeader+n:]
	}
	return sizes, nil
}
