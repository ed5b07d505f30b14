package ed25519

// order is L = 2^252 + 27742317777372353535851937790883648493, least
// significant byte first.
var order = [32]byte{
	0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10,
}

// canonical reports whether s < L. Without this anyone could make a second
// signature, S+L, from a first.
func canonical(s []byte) bool {
	for i := len(order) - 1; i >= 0; i-- {
		if s[i] != order[i] {
			return s[i] < order[i]
		}
	}
	return false
}

// reduce sets out to the 64-byte number in, modulo L. x is scratch.
func reduce(out *[32]byte, in *[64]byte, x *[64]int64) {
	for i, b := range in {
		x[i] = int64(b)
	}
	// 2^252 = -(L - 2^252) mod L: take each upper byte away with 16 L, whose top is 2^256.
	for i := 63; i >= 32; i-- {
		carry := int64(0)
		j := i - 32
		for ; j < i-12; j++ {
			x[j] += carry - 16*x[i]*int64(order[j-(i-32)])
			carry = (x[j] + 128) >> 8
			x[j] -= carry << 8
		}
		x[j] += carry
		x[i] = 0
	}
	carry, top := int64(0), x[31]>>4
	for j := range 32 {
		x[j] += carry - top*int64(order[j])
		carry = x[j] >> 8
		x[j] &= 0xff
	}
	for j := range 32 {
		x[j] -= carry * int64(order[j])
	}
	carry = 0
	for j := range 32 {
		x[j] += carry
		carry = x[j] >> 8
		out[j] = byte(x[j])
	}
}
