package ed25519

// element is an integer modulo p = 2^255 - 19 in 16 limbs of 16 bits, least
// significant first. Products leave limbs in [-38, 2^16+38]; the sum or
// difference of two elements, or of two such, may be multiplied again: with
// limbs below 2^18.6 the sums in mul stay below 2^47. Limbs are 32 bits wide
// so that a limb product is one instruction on a 32-bit processor.
type element [16]int32

var (
	one     = element{1}
	curveD  = element{0x78a3, 0x1359, 0x4dca, 0x75eb, 0xd8ab, 0x4141, 0x0a4d, 0x0070, 0xe898, 0x7779, 0x4079, 0x8cc7, 0xfe73, 0x2b6f, 0x6cee, 0x5203}
	curve2D = element{0xf159, 0x26b2, 0x9b94, 0xebd6, 0xb156, 0x8283, 0x149a, 0x00e0, 0xd130, 0xeef3, 0x80f2, 0x198e, 0xfce7, 0x56df, 0xd9dc, 0x2406}
	rootM1  = element{0xa0b0, 0x4a0e, 0x1b27, 0xc4ee, 0xe478, 0xad2f, 0x1806, 0x2f43, 0xd7a7, 0x3dfb, 0x0099, 0x2b4d, 0xdf0b, 0x4fc1, 0x2480, 0x2b83}
)

func (o *element) add(a, b *element) {
	for i := range o {
		o[i] = a[i] + b[i]
	}
}

func (o *element) sub(a, b *element) {
	for i := range o {
		o[i] = a[i] - b[i]
	}
}

func (o *element) negate() {
	for i := range o {
		o[i] = -o[i]
	}
}

// mul sets o to a*b; they may be the same.
func (o *element) mul(a, b *element) {
	var t [32]int64
	for i, x := range a {
		for j, y := range b {
			t[i+j] += int64(x) * int64(y)
		}
	}
	for i := range 16 { // 2^256 = 38 mod p
		t[i] += 38 * t[i+16]
	}
	for range 2 {
		carry := int64(0)
		for i := range 16 {
			t[i] += carry
			carry = t[i] >> 16
			t[i] -= carry << 16
		}
		t[0] += 38 * carry
	}
	for i := range o {
		o[i] = int32(t[i])
	}
}

// root sets o to a^((p-5)/8) = a^(2^252 - 3).
func (o *element) root(a *element) {
	c := *a
	for i := 250; i >= 0; i-- {
		c.mul(&c, &c)
		if i != 1 {
			c.mul(&c, a)
		}
	}
	*o = c
}

// decode reads 255 bits, least significant first; the top bit is not its own.
// As in the standard library, values from p to 2^255-1 are taken modulo p.
func (o *element) decode(b *[32]byte) {
	for i := range o {
		o[i] = int32(b[2*i]) | int32(b[2*i+1])<<8
	}
	o[15] &= 0x7fff
}

// encode writes the value in [0, p).
func (o *element) encode(b *[32]byte) {
	t := *o
	for range 3 {
		carry := int32(0)
		for i := range t {
			t[i] += carry
			carry = t[i] >> 16
			t[i] -= carry << 16
		}
		t[0] += 38 * carry
	}
	for range 2 { // t < 2^256 < 3p
		var m element
		borrow := int32(0)
		for i := range t {
			limb := int32(0xffff) // p is 0x7fff ffff … ffff ffed
			switch i {
			case 0:
				limb = 0xffed
			case 15:
				limb = 0x7fff
			}
			m[i] = t[i] - limb - borrow
			borrow = 0
			if m[i] < 0 {
				borrow = 1
				m[i] += 1 << 16
			}
		}
		if borrow == 0 {
			t = m
		}
	}
	for i, limb := range t {
		b[2*i] = byte(limb)
		b[2*i+1] = byte(limb >> 8)
	}
}
