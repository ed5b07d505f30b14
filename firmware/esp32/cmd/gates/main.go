// Gates says whether a camera's program is what the board needs: how large it is,
// what memory it leaves, and that code which runs when others must not run does
// nothing that it must not. It prints each figure with its limit, and its exit
// status is 0 if all hold.
//
//	gates -elf camera.elf -selector selector.bin -allocs allocs.txt
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/image"
	"camrelay/internal/elfimage"
)

// Limits, in bytes.
const (
	mostImage = 1 << 20
	mostData  = 12 << 10
	leastHeap = 100 << 10
	fifo      = 0x40090000
)

func main() {
	elfName := flag.String("elf", "", "program `file` of the camera, as TinyGo links it; required")
	selector := flag.String("selector", "", "selector.bin `file`")
	allocs := flag.String("allocs", "", "`file` with what tinygo build -print-allocs says of the packages that frames go through")
	flag.Parse()
	if *elfName == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	var g gates
	err := g.run(*elfName, *selector, *allocs)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gates:", err)
	}
	if err != nil || g.failed {
		os.Exit(1)
	}
}

type gates struct{ failed bool }

// say prints a figure.
func (g *gates) say(good bool, format string, args ...any) {
	mark := "ok  "
	if !good {
		mark, g.failed = "FAIL", true
	}
	fmt.Printf("%s  %s\n", mark, fmt.Sprintf(format, args...))
}

func (g *gates) run(elfName, selector, allocs string) error {
	file, err := os.ReadFile(elfName)
	if err != nil {
		return err
	}
	p, err := open(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", elfName, err)
	}
	err = errors.Join(g.sizes(file, p), g.flashRoutine(p), g.interrupts(p))
	if selector != "" {
		err = errors.Join(err, g.selector(selector))
	}
	if allocs != "" {
		err = errors.Join(err, g.heap(allocs))
	}
	return err
}

// sizes are those of the image, and of memory.
func (g *gates) sizes(file []byte, p *program) error {
	packed, err := elfimage.Parse(file)
	if err != nil {
		return err
	}
	var h image.Header
	content, err := packed.Image(&h, boot.SlotSize)
	if err != nil {
		return err
	}
	g.say(len(content) < mostImage, "image: %d bytes, below %d", len(content), mostImage)
	data := p.section(".data")
	g.say(data < mostData, ".data: %d bytes, below %d", data, mostData)
	start, okStart := p.symbol("_heap_start")
	end, okEnd := p.symbol("_heap_end")
	iram, okIRAM := p.symbol("_iram_end")
	if !okStart || !okEnd || !okIRAM {
		return errors.New("one of the symbols _heap_start, _heap_end, _iram_end is missing")
	}
	g.say(end-start >= leastHeap, "heap: %d bytes, at least %d", end-start, leastHeap)
	g.say(iram <= fifo, "_iram_end: %#x, at most %#x", iram, fifo)
	return nil
}

func (g *gates) selector(name string) error {
	rom, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	out, err := elfimage.Selector(rom)
	if err != nil {
		g.say(false, "selector: %v", err)
		return nil
	}
	g.say(true, "selector: %d bytes, at most %d", len(out), boot.SelectorSize)
	return nil
}
