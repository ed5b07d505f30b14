package main

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"camrelay/firmware/esp32/xtensa"
)

// flashName works on the flash, while nothing can be read from it.
const flashName = "romflash_do"

// flashRoutine must be in memory, and so must be all that it reads.
func (g *gates) flashRoutine(p *program) error {
	f, err := p.named(flashName)
	if err != nil {
		return err
	}
	steps, err := p.steps(f)
	if err != nil {
		return err
	}
	constants, calls := 0, 0
	for _, s := range steps {
		switch {
		case s.Kind == xtensa.Const:
			constants++
			fmt.Printf("      l32r at %#x of %#x\n", s.pc, s.Target)
		case s.Kind == xtensa.Call, s.Kind == xtensa.Jump && (s.Target < f.start || s.Target >= f.end):
			calls++
		}
	}
	end, _ := p.symbol("_iram_end")
	g.say(f.start >= 0x40080000 && f.end <= end, "%s: from %#x to %#x, in memory", flashName, f.start, f.end)
	g.say(constants == 0, "%s: %d l32r, none", flashName, constants)
	g.say(calls == 0, "%s: %d calls but through its table, none", flashName, calls)
	return nil
}

// roots are the interrupts of the sensor.
var roots = []string{
	"camrelay/firmware/esp32/sensor.filled",
	"camrelay/firmware/esp32/sensor.frameEnded",
}

// Functions of the ROM that interrupts may not call, because they use what is not
// saved; others of the ROM are not known, and may not be called either.
const romEnd = 0x40070000

// banned are functions that may stop the program or need the heap.
var banned = regexp.MustCompile(`^(runtime\.(alloc|GC|chan|deadlock)|malloc$|free$|mem(cpy|set|move)$)`)

// interrupts must not use floating point, loops of the processor, the ROM's
// functions, or the heap.
func (g *gates) interrupts(p *program) error {
	seen := map[uint32]bool{}
	var todo []function
	for _, name := range roots {
		f, err := p.named(name)
		if err != nil {
			return err
		}
		todo = append(todo, f)
	}
	found := map[string]int{}
	var unknown []string
	for len(todo) > 0 {
		f := todo[0]
		todo = todo[1:]
		if seen[f.start] {
			continue
		}
		seen[f.start] = true
		steps, err := p.steps(f)
		if err != nil {
			return err
		}
		for _, s := range steps {
			what, next, ok := p.judge(f, s)
			if what != "" {
				found[what]++
				fmt.Printf("      %s: at %#x in %s, to %#x\n", what, s.pc, f.name, s.Target)
			}
			if ok {
				todo = append(todo, next)
			}
			if s.Kind == xtensa.CallX && !s.known { // jumps are those of a switch
				unknown = append(unknown, f.name)
			}
		}
	}
	for _, what := range []string{"floating point", "loop instructions", "calls of the ROM or of mem*", "calls of the heap"} {
		g.say(found[what] == 0, "interrupts, %d functions: %d %s, none", len(seen), found[what], what)
	}
	slices.Sort(unknown)
	if unknown = slices.Compact(unknown); len(unknown) > 0 {
		fmt.Printf("      calls through pointers, not followed, in: %s\n", strings.Join(unknown, ", "))
	}
	return nil
}

// judge says what is wrong with an instruction in an interrupt, and where it
// leads.
func (p *program) judge(f function, s step) (what string, next function, ok bool) {
	switch s.Kind {
	case xtensa.Float:
		return "floating point", next, false
	case xtensa.Loop:
		return "loop instructions", next, false
	case xtensa.Call, xtensa.CallX, xtensa.Jump, xtensa.JumpX:
	default:
		return "", next, false
	}
	switch {
	case !s.known, s.Target >= f.start && s.Target < f.end:
		return "", next, false
	case s.Target < romEnd:
		return "calls of the ROM or of mem*", next, false
	}
	next, ok = p.function(s.Target)
	switch {
	case !ok:
		return "", next, false
	case strings.HasPrefix(next.name, "mem"):
		return "calls of the ROM or of mem*", next, false
	case banned.MatchString(next.name):
		return "calls of the heap", next, false
	}
	return "", next, true
}

// frames are the files that frames go through, from the sensor to the radio.
// What lneto does for a connection, a name or an address is elsewhere in it.
var frames = regexp.MustCompile(`firmware/core/(capture|jpegscan|streamer)/|core/ws/(close|conn|frame|mask|receive|send|watch)\.go|esp32/(sensor|romflash)/|` +
	`netlneto/(network|stream|flow)\.go|lneto/tcp/(conn|handler|txqueue|rto|reassembly)\.go|lneto/(ethernet|ipv4)/|lneto/internet/stack`)

// heap looks for what is made on the heap for each frame.
func (g *gates) heap(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	all, bad := 0, 0
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := lines.Text()
		if !strings.Contains(line, "allocated on the heap") {
			continue
		}
		all++
		if frames.MatchString(line) {
			bad++
			fmt.Println("     ", line)
		}
	}
	g.say(all > 0 && bad == 0, "heap: of %d places that allocate, %d are on the way of a frame, none", all, bad)
	return lines.Err()
}
