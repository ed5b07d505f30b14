package ed25519

// point is a point of the curve -x² + y² = 1 + dx²y² in extended coordinates:
// x = X/Z, y = Y/Z, xy = T/Z.
type point struct{ x, y, z, t element }

// base is the generator of the prime-order group (RFC 8032, 5.1).
var base = point{
	x: element{0xd51a, 0x8f25, 0x2d60, 0xc956, 0xa7b2, 0x9525, 0xc760, 0x692c, 0xdc5c, 0xfdd6, 0xe231, 0xc0a4, 0x53fe, 0xcd6e, 0x36d3, 0x2169},
	y: element{0x6658, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666},
	z: element{1},
	t: element{0xdda3, 0xa5b7, 0x8ab3, 0x6dde, 0x52f5, 0x7751, 0x9f80, 0x20f0, 0xe37d, 0x64ab, 0x4e8e, 0x66ea, 0x7665, 0xd78b, 0x5f0f, 0x6787},
}

// work is what the point formulas need besides their operands.
type work struct {
	a, b, c, d, e, f, g, h element
	code                   [32]byte
}

// add sets p to p+q (add-2008-hwcd-3; complete, so q may be anything).
func (w *work) add(p, q *point) {
	w.a.sub(&p.y, &p.x)
	w.e.sub(&q.y, &q.x)
	w.a.mul(&w.a, &w.e)
	w.b.add(&p.y, &p.x)
	w.e.add(&q.y, &q.x)
	w.b.mul(&w.b, &w.e)
	w.c.mul(&p.t, &curve2D)
	w.c.mul(&w.c, &q.t)
	w.d.mul(&p.z, &q.z)
	w.d.add(&w.d, &w.d)
	w.e.sub(&w.b, &w.a)
	w.f.sub(&w.d, &w.c)
	w.g.add(&w.d, &w.c)
	w.h.add(&w.b, &w.a)
	w.finish(p)
}

// double sets p to 2p (dbl-2008-hwcd).
func (w *work) double(p *point) {
	w.e.add(&p.x, &p.y)
	w.e.mul(&w.e, &w.e)
	w.a.mul(&p.x, &p.x)
	w.b.mul(&p.y, &p.y)
	w.c.mul(&p.z, &p.z)
	w.c.add(&w.c, &w.c)
	w.g.sub(&w.b, &w.a)
	w.f.sub(&w.g, &w.c)
	w.h.add(&w.a, &w.b)
	w.e.sub(&w.e, &w.h)
	w.h.negate()
	w.finish(p)
}

func (w *work) finish(p *point) {
	p.x.mul(&w.e, &w.f)
	p.y.mul(&w.g, &w.h)
	p.z.mul(&w.f, &w.g)
	p.t.mul(&w.e, &w.h)
}

// decodeNegated sets p to the negative of the point that b encodes, and reports
// whether there is such a point.
func (w *work) decodeNegated(p *point, b *[32]byte) bool {
	p.y.decode(b)
	p.z = one
	w.a.mul(&p.y, &p.y)
	w.b.mul(&w.a, &curveD)
	w.a.sub(&w.a, &one) // u = y² - 1
	w.b.add(&w.b, &one) // v = dy² + 1

	// x = u v³ (u v⁷)^((p-5)/8), or that times √-1 (RFC 8032, 5.1.3)
	w.c.mul(&w.b, &w.b)
	w.d.mul(&w.c, &w.b) // v³
	w.c.mul(&w.d, &w.d)
	w.c.mul(&w.c, &w.b) // v⁷
	w.c.mul(&w.c, &w.a)
	w.e.root(&w.c)
	w.e.mul(&w.e, &w.d)
	p.x.mul(&w.e, &w.a)

	w.c.mul(&p.x, &p.x)
	w.c.mul(&w.c, &w.b) // v x² is u, or -u, or there is no root
	w.d.sub(&w.c, &w.a)
	if !w.zero(&w.d) {
		w.d.add(&w.c, &w.a)
		if !w.zero(&w.d) {
			return false
		}
		p.x.mul(&p.x, &rootM1)
	}
	p.x.encode(&w.code)
	if w.code[0]&1 == b[31]>>7 { // equal, because the negative is wanted
		p.x.negate()
	}
	p.t.mul(&p.x, &p.y)
	return true
}

// encode writes the point as RFC 8032, 5.1.2 has it.
func (w *work) encode(p *point, out *[32]byte) {
	// 1/Z = Z^(p-2) = (Z^((p-5)/8))^8 Z^3
	w.a.root(&p.z)
	for range 3 {
		w.a.mul(&w.a, &w.a)
	}
	w.b.mul(&p.z, &p.z)
	w.b.mul(&w.b, &p.z)
	w.a.mul(&w.a, &w.b)
	w.b.mul(&p.x, &w.a)
	w.c.mul(&p.y, &w.a)
	w.b.encode(&w.code)
	w.c.encode(out)
	out[31] |= w.code[0] << 7
}

func (w *work) zero(e *element) bool {
	e.encode(&w.code)
	return w.code == [32]byte{}
}
