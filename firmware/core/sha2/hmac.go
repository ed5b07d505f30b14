package sha2

// HMAC256 computes an HMAC-SHA-256 (RFC 2104). The zero value is not ready:
// Begin first.
type HMAC256 struct {
	hash  Hash256
	block [Block256]byte // the key
}

// Begin begins a message under a key of any length.
func (m *HMAC256) Begin(key []byte) {
	clear(m.block[:])
	m.hash.Reset()
	if len(key) > Block256 {
		var digest [Size256]byte
		_, _ = m.hash.Write(key)
		m.hash.Finish(&digest)
		copy(m.block[:], digest[:])
	} else {
		copy(m.block[:], key)
	}
	m.pad(0x36)
}

// Write adds p to the message. It never fails.
func (m *HMAC256) Write(p []byte) (int, error) { return m.hash.Write(p) }

// Finish writes the MAC to out, and forgets the key.
func (m *HMAC256) Finish(out *[Size256]byte) {
	m.hash.Finish(out)
	m.pad(0x5c)
	_, _ = m.hash.Write(out[:])
	m.hash.Finish(out)
	clear(m.block[:])
}

// pad begins a hash with the key, each of its bytes XORed with b.
func (m *HMAC256) pad(b byte) {
	for i := range m.block {
		m.block[i] ^= b
	}
	m.hash.Reset()
	_, _ = m.hash.Write(m.block[:])
	for i := range m.block {
		m.block[i] ^= b
	}
}
