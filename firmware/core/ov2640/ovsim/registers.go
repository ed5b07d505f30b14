package ovsim

// registersOf are the registers that are documented, or in the maker's own
// tables.
var registersOf = [2]string{
	DSP: "\x05\x2c\x2e\x33\x3c\x41\x42\x43\x44\x4c\x50\x51\x52\x53\x54\x55\x56\x57\x5a\x5b\x5c\x76\x7c\x7d\x7f\x86\x87\x88\x8c" +
		"\x90\x91\x92\x93\x96\x97\xa4\xa8\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xbf\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9" +
		"\xcc\xcd\xce\xd3\xd7\xd9\xda\xdd\xdf\xe0\xe1\xe5\xeb\xf0\xf7\xf8\xf9\xfa\xfb\xfc\xfd\xfe",
	Timing: "\x00\x03\x04\x06\x07\x08\x09\x0c\x0d\x0e\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x20\x21\x22\x23\x24\x25\x26\x28" +
		"\x2a\x2b\x2c\x2d\x2e\x2f\x30\x31\x32\x33\x34\x35\x37\x39\x3a\x3b\x3c\x3d\x3e\x42\x43\x45\x46\x47\x48\x49\x4a\x4b\x4c\x4e\x4f" +
		"\x50\x5a\x5c\x5d\x5e\x5f\x60\x61\x62\x63\x6c\x6d\x6e\x70\x71\x73\x7c",
}

func known(bank, register uint8) bool {
	for i := range len(registersOf[bank]) {
		if registersOf[bank][i] == register {
			return true
		}
	}
	return false
}

// portsOf are pairs of registers of the DSP through which others are reached: one
// takes an address, the other values, one after another.
var portsOf = [...]struct {
	address, data uint8
	size          int
}{{0x7c, 0x7d, 16}, {0x90, 0x91, 16}, {0x92, 0x93, 13}, {0x96, 0x97, 13}}

// The port of the special effects.
const effects = 0

// port is one such pair.
type port struct {
	at     int
	open   bool // an address has been given
	values [16]uint8
}

// port moves what is behind a register that was written.
func (s *Sensor) port(register, value uint8) {
	for i := range s.ports {
		p, of := &s.ports[i], portsOf[i]
		switch {
		case register == of.address:
			p.at, p.open = int(value), true
		case register != of.data:
		case !p.open || p.at >= of.size:
			s.blame("register 0:%02X has no address %d behind it", register, p.at)
		default:
			p.values[p.at] = value
			p.at++
		}
	}
}

// check finds fault with the order of steps.
func (s *Sensor) check(register, value uint8) {
	d := &s.banks[DSP]
	if s.bank == Timing {
		// COM7's colour bar may change at any time.
		if register == 0x12 && s.started && d[0x05]&1 == 0 && (value^s.banks[Timing][0x12])&^0x02 != 0 {
			s.blame("the mode changes while the DSP works")
		}
		return
	}
	switch register {
	case 0x51, 0x52, 0x53, 0x54, 0x55, 0x57, 0x5a, 0x5b, 0x5c, 0xc0, 0xc1, 0x8c:
		s.stale = true
		if d[0x05]&1 == 0 {
			s.blame("the size changes while the DSP works: register 0:%02X", register)
		}
		if s.receiving {
			s.blame("the size changes while data are received: register 0:%02X", register)
		}
	case 0x05:
		if d[0x05]&1 == 1 && value&1 == 0 {
			s.started, s.enabled = true, s.now()
		}
	case 0xe0:
		if value&0x10 != 0 && s.started && s.now() < s.enabled+wait {
			s.blame("JPEG is set up %d us too early after the size", (s.enabled+wait-s.now())/1000)
		}
		if value&0x10 == 0 && d[0xe0]&0x10 != 0 && d[0xda]&0x10 != 0 {
			s.stale, s.ready = false, s.now()+wait
		}
	case 0xda:
		if value&0x10 != 0 && d[0xe0]&0x10 == 0 {
			s.blame("JPEG is switched on while its encoder is not in reset")
		}
	}
}
