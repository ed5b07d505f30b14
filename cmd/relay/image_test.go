package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"camrelay/firmware/core/ed25519"
	"camrelay/firmware/core/image"
	"camrelay/internal/signing"
)

// imageBench is a directory in which image commands are run.
type imageBench struct {
	t   *testing.T
	dir string
}

func newImageBench(t *testing.T) *imageBench {
	t.Setenv("SOURCE_DATE_EPOCH", "1795166000")
	return &imageBench{t: t, dir: t.TempDir()}
}

func (b *imageBench) path(name string) string { return filepath.Join(b.dir, name) }

// image runs "relay image"; words that begin with @ are files in the directory.
func (b *imageBench) image(words ...string) (code int, out string) {
	b.t.Helper()
	args := []string{"image"}
	for _, w := range words {
		if name, ok := strings.CutPrefix(w, "@"); ok {
			w = b.path(name)
		}
		args = append(args, w)
	}
	var stdout, stderr bytes.Buffer
	code = run(args, &stdout, &stderr)
	return code, stdout.String() + stderr.String()
}

// ok runs a command that must succeed.
func (b *imageBench) ok(words ...string) string {
	b.t.Helper()
	code, out := b.image(words...)
	if code != 0 {
		b.t.Fatalf("relay image %s: status %d\n%s", strings.Join(words, " "), code, out)
	}
	return out
}

func (b *imageBench) openssl(args ...string) string {
	b.t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = b.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (b *imageBench) read(name string) []byte {
	b.t.Helper()
	p, err := os.ReadFile(b.path(name))
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

func (b *imageBench) write(name string, p []byte) {
	b.t.Helper()
	if err := os.WriteFile(b.path(name), p, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// build makes a payload of n bytes and an image of it.
func (b *imageBench) build(n int, more ...string) string {
	b.t.Helper()
	b.write("payload", bytes.Repeat([]byte("payload."), n/8+1)[:n])
	return b.ok(append([]string{"build", "@payload", "--out", "@cam.img", "--board", "vcam", "--chip", "host", "--version", "1.2.0", "--build", "7"}, more...)...)
}

// An image from payload to verified, signed with keys of ours and of openssl's;
// openssl checks the signature too.
func TestImageWithKeysOfEitherKind(t *testing.T) {
	for name, makeKeys := range map[string]func(b *imageBench){
		"ours": func(b *imageBench) { b.ok("keygen", "--out", "@release.pem") },
		"openssl": func(b *imageBench) {
			b.openssl("genpkey", "-algorithm", "ed25519", "-out", "release.pem")
			b.openssl("pkey", "-in", "release.pem", "-pubout", "-out", "release.pub.pem")
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newImageBench(t)
			makeKeys(b)
			if out := b.openssl("pkey", "-in", "release.pem", "-noout", "-text"); !strings.Contains(strings.ToUpper(out), "ED25519 PRIVATE-KEY") {
				t.Errorf("openssl says of the key:\n%s", out)
			}
			if public := b.openssl("pkey", "-in", "release.pem", "-pubout"); public != string(b.read("release.pub.pem")) {
				t.Error("openssl derives another public key")
			}
			b.build(1001, "--floor", "3", "--base", "2", "--next", b.path("release.pub.pem"))
			if code, out := b.image("verify", "@cam.img", "--key", "@release.pub.pem"); code != 1 || !strings.Contains(out, "unsigned") {
				t.Errorf("not signed yet: status %d\n%s", code, out)
			}
			b.ok("sign", "@cam.img", "--key", "@release.pem")
			if out := b.ok("verify", "--key", "@release.pub.pem", "@cam.img"); !strings.Contains(out, "version 1.2.0, build 7, for board vcam with chip host") || !strings.Contains(out, "good") {
				t.Errorf("%s", out)
			}
			img := b.read("cam.img")
			b.write("message", img[:512])
			b.write("signature", img[512:576])
			b.openssl("pkeyutl", "-verify", "-pubin", "-inkey", "release.pub.pem", "-rawin", "-in", "message", "-sigfile", "signature")

			// what a camera would say
			ring, err := signing.LoadPublic([]string{b.path("release.pub.pem")})
			if err != nil {
				t.Fatal(err)
			}
			var h image.Header
			if err := image.Verify(img, ring, new(ed25519.Verifier)); err != nil {
				t.Error(err)
			}
			if err := image.Decode(img, &h); err != nil {
				t.Error(err)
			}
			if h.Build != 7 || h.Floor != 3 || h.Base != 2 || h.Made != 1795166000 || h.Next[0] != ring[0].ID || h.Length != 4096+1004 {
				t.Errorf("%+v", h)
			}
		})
	}
}

// A header signed by openssl alone, as with a key that never leaves its host.
func TestImageSignedByOpenSSL(t *testing.T) {
	b := newImageBench(t)
	b.ok("keygen", "--out", "@release.pem")
	b.build(64, "--key", b.path("release.pem"))
	img := b.read("cam.img")
	ours := bytes.Clone(img[512:576])
	b.write("message", img[:512])
	b.openssl("pkeyutl", "-sign", "-inkey", "release.pem", "-rawin", "-in", "message", "-out", "signature")
	if !bytes.Equal(b.read("signature"), ours) {
		t.Error("openssl makes another signature")
	}
}

func TestImageKeygenKeepsKeys(t *testing.T) {
	b := newImageBench(t)
	b.ok("keygen", "--out", "@release.pem")
	if info, err := os.Stat(b.path("release.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the private key: %v %v", info.Mode(), err)
	}
	private, public := b.read("release.pem"), b.read("release.pub.pem")
	if code, out := b.image("keygen", "--out", "@release.pem"); code != 1 || !strings.Contains(out, "never written over") {
		t.Errorf("status %d\n%s", code, out)
	}
	if code, out := b.image("keygen", "--out", "@release.pem", "--pub", "@other.pem"); code != 1 || !strings.Contains(out, "release.pem exists") {
		t.Errorf("status %d\n%s", code, out)
	}
	if code, out := b.image("keygen", "--out", "@new.pem", "--pub", "@release.pub.pem"); code != 1 || !strings.Contains(out, "release.pub.pem exists") {
		t.Errorf("status %d\n%s", code, out)
	}
	if !bytes.Equal(private, b.read("release.pem")) || !bytes.Equal(public, b.read("release.pub.pem")) {
		t.Error("a key has changed")
	}
	left, err := os.ReadDir(b.dir)
	if err != nil || len(left) != 2 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestImageKeysThatCannotBeUsed(t *testing.T) {
	b := newImageBench(t)
	b.ok("keygen", "--out", "@release.pem")
	b.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "ec.pem")
	b.openssl("pkey", "-in", "ec.pem", "-pubout", "-out", "ec.pub.pem")
	b.openssl("pkey", "-in", "release.pem", "-aes256", "-passout", "pass:x", "-out", "locked.pem")
	b.write("junk.pem", []byte("no key\n"))
	b.build(64)
	before := b.read("cam.img")
	for key, want := range map[string]string{
		"release.pub.pem": "is a public key",
		"ec.pem":          "not an Ed25519 key",
		"locked.pem":      "passphrase",
		"junk.pem":        "not in PEM",
		"none.pem":        "no such file",
	} {
		if code, out := b.image("sign", "@cam.img", "--key", "@"+key); code != 1 || !strings.Contains(out, want) {
			t.Errorf("sign with %s: status %d\n%s", key, code, out)
		}
	}
	for key, want := range map[string]string{
		"release.pem": "is a private key",
		"ec.pub.pem":  "not an Ed25519 key",
		"junk.pem":    "not in PEM",
	} {
		if code, out := b.image("verify", "@cam.img", "--key", "@"+key); code != 1 || !strings.Contains(out, want) {
			t.Errorf("verify with %s: status %d\n%s", key, code, out)
		}
	}
	if !bytes.Equal(before, b.read("cam.img")) {
		t.Error("the image has changed")
	}
	if err := os.Chmod(b.path("release.pem"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := b.ok("sign", "@cam.img", "--key", "@release.pem"); !strings.Contains(out, "chmod 600") {
		t.Errorf("no warning:\n%s", out)
	}
}

func TestImageBuildSaysWhatIsWrong(t *testing.T) {
	b := newImageBench(t)
	b.write("payload", []byte("payload"))
	b.write("empty", nil)
	good := map[string]string{"--board": "vcam", "--chip": "host", "--version": "1.2.0", "--build": "7", "--out": "@cam.img"}
	for _, c := range []struct{ flag, value, want string }{
		{"--board", "", "--board is missing"},
		{"--build", "", "--build is missing"},
		{"--out", "", "--out is missing"},
		{"--board", "VCAM", `--board "VCAM" cannot be used`},
		{"--chip", "esp32", "needs an image with load segments"},
		{"--version", "1 2", `--version "1 2" cannot be used`},
		{"--version", strings.Repeat("1", 33), "longer than 32 bytes"},
		{"--build", "-1", "a number from 0 to 4294967295"},
		{"--build", "4294967296", "a number from 0 to 4294967295"},
		{"--floor", "8", "--floor 8 is above --build 7"},
		{"--base", "7", "--base 7 must be below --build 7"},
		{"--slot", "4096", "no room"},
		{"--slot", "4100", "has more than 4 bytes"},
		{"--next", "@payload", "not in PEM"},
		{"--out", "@no/such/dir.img", "no such file"},
	} {
		words := []string{"build", "@payload"}
		for flag, value := range good {
			if flag != c.flag {
				words = append(words, flag, value)
			}
		}
		if c.value != "" {
			words = append(words, c.flag, c.value)
		}
		code, out := b.image(words...)
		if code == 0 || !strings.Contains(out, c.want) {
			t.Errorf("%s %s: status %d, wanted %q in\n%s", c.flag, c.value, code, c.want, out)
		}
		if _, err := os.Stat(b.path("cam.img")); err == nil {
			t.Fatalf("%s %s: an image was written", c.flag, c.value)
		}
	}
	if code, out := b.image("build", "@empty", "--board", "vcam", "--chip", "host", "--version", "1", "--build", "1", "--out", "@cam.img"); code != 1 || !strings.Contains(out, "is empty") {
		t.Errorf("an empty payload: status %d\n%s", code, out)
	}
}

func TestImageBuildIsReproducible(t *testing.T) {
	b := newImageBench(t)
	b.ok("keygen", "--out", "@release.pem")
	first := b.build(777, "--key", b.path("release.pem"))
	img := b.read("cam.img")
	if second := b.build(777, "--key", b.path("release.pem")); second != first || !bytes.Equal(img, b.read("cam.img")) {
		t.Error("the same build gives another image")
	}
}

// Every kind of damage has its own reason.
func TestImageInspectGivesReasons(t *testing.T) {
	b := newImageBench(t)
	b.ok("keygen", "--out", "@release.pem")
	b.ok("keygen", "--out", "@other.pem")
	b.build(1000, "--key", b.path("release.pem"))
	img := b.read("cam.img")
	if out := b.ok("inspect", "@cam.img"); !strings.Contains(out, `version         "1.2.0"`) || !strings.Contains(out, "not checked") {
		t.Errorf("%s", out)
	}
	if out := b.ok("inspect", "--key", "@release.pub.pem", "@cam.img"); !strings.Contains(out, ": good") {
		t.Errorf("%s", out)
	}
	for _, c := range []struct {
		name, key string
		damage    func(p []byte) []byte
		want      []string
	}{
		{"another key", "other.pub.pem", func(p []byte) []byte { return p }, []string{"unknown_key", "which was not given"}},
		{"a flipped bit in the header", "release.pub.pem", func(p []byte) []byte { p[0x20] ^= 1; return p }, []string{"bad_header_crc"}},
		{"a flipped bit in the signature", "release.pub.pem", func(p []byte) []byte { p[520] ^= 1; return p }, []string{"bad_signature", "WRONG"}},
		{"a flipped bit in the body", "release.pub.pem", func(p []byte) []byte { p[5000] ^= 1; return p }, []string{"bad_sha256"}},
		{"a lost byte", "release.pub.pem", func(p []byte) []byte { return p[:len(p)-1] }, []string{"truncated"}},
		{"a byte more", "release.pub.pem", func(p []byte) []byte { return append(p, 0) }, []string{"overlong"}},
		{"a lost body", "release.pub.pem", func(p []byte) []byte { return p[:4096] }, []string{"truncated"}},
		{"a lost header", "release.pub.pem", func(p []byte) []byte { return p[:4095] }, []string{"short", "no firmware image"}},
		{"nothing", "release.pub.pem", func(p []byte) []byte { return nil }, []string{"short"}},
		{"another file", "release.pub.pem", func(p []byte) []byte { return bytes.Repeat([]byte("<html>"), 1000) }, []string{"bad_magic", "no firmware image"}},
		{"a later format", "release.pub.pem", func(p []byte) []byte { binary.LittleEndian.PutUint16(p[4:], 2); return p }, []string{"bad_format"}},
		{"a forged header", "release.pub.pem", func(p []byte) []byte {
			var h image.Header
			if err := image.Decode(p, &h); err != nil {
				t.Fatal(err)
			}
			signature := bytes.Clone(p[512:576])
			h.Build, h.Floor, h.Board = 8, 9, image.Text{}
			h.Sum = sha256.Sum256(p[4096:])
			image.Encode(&h, p)
			copy(p[512:], signature)
			return p
		}, []string{"bad_board", "bad_floor", "bad_signature"}},
	} {
		b.write("damaged.img", c.damage(bytes.Clone(img)))
		for _, tool := range []string{"inspect", "verify"} {
			code, out := b.image(tool, "@damaged.img", "--key", "@"+c.key)
			if code != 1 {
				t.Errorf("%s, %s: status %d", tool, c.name, code)
			}
			for _, want := range c.want {
				if !strings.Contains(out, want) && !(tool == "verify" && (want == "WRONG" || strings.Contains(want, "given"))) {
					t.Errorf("%s, %s: wanted %q in\n%s", tool, c.name, want, out)
				}
			}
		}
		if code, _ := b.image("sign", "@damaged.img", "--key", "@release.pem"); (code == 0) != (c.name == "another key" || c.name == "a flipped bit in the signature") {
			t.Errorf("sign, %s: status %d", c.name, code)
		}
	}
}

// An image for an ESP32, as another tool makes it, can be explained and signed;
// what is wrong with it is said.
func TestImageForESP32(t *testing.T) {
	b := newImageBench(t)
	b.ok("keygen", "--out", "@release.pem")
	img := make([]byte, 2<<16+100)
	h := image.Header{Length: uint32(len(img)), Layout: image.ESP32, Build: 1, Sum: sha256.Sum256(img[image.HeaderSize:])}
	h.Board, _ = image.NewText("ai-thinker-esp32cam")
	h.Chip, _ = image.NewText("esp32")
	h.Version, _ = image.NewText("0.1.0")
	h.Load = image.Load{Entry: 0x40080000, Patch: 0x3ffb0000, Data: image.Mapped{Offset: 1 << 16, Length: 50}, Code: image.Mapped{Offset: 2 << 16, Length: 100}}
	h.Load.Segments[0] = image.Segment{Address: 0x3ffb0000, Offset: 0x1000, Length: 4, CRC: 0x2144df1c} // of four zero bytes
	h.Load.Segments[1] = image.Segment{Address: 0x40080000, Offset: 0x1004, Length: 4, CRC: 0x2144df1c}
	image.Encode(&h, img)
	b.write("esp.img", img)
	b.ok("sign", "@esp.img", "--key", "@release.pem")
	out := b.ok("inspect", "@esp.img", "--key", "@release.pub.pem")
	for _, want := range []string{"4 bytes at 0x1004 to 0x40080000, crc 2144df1c", "100 bytes at 0x20000", "entry", ": good"} {
		if !strings.Contains(out, want) {
			t.Errorf("wanted %q in\n%s", want, out)
		}
	}
	h.Load.Segments[1].CRC++
	h.Load.Segments[0].Address = 0x3fff0000
	image.Encode(&h, img)
	b.write("esp.img", img)
	code, out := b.image("inspect", "@esp.img")
	for _, want := range []string{"bad_segment)", "bad_segment_crc", "<- lies outside"} {
		if code != 1 || !strings.Contains(out, want) {
			t.Errorf("status %d, wanted %q in\n%s", code, want, out)
		}
	}
}

func TestImageUsage(t *testing.T) {
	b := newImageBench(t)
	for _, c := range []struct {
		words []string
		code  int
		want  string
	}{
		{nil, 2, "relay image makes"},
		{[]string{"help"}, 0, "relay image makes"},
		{[]string{"paint"}, 2, `there is no command "paint"`},
		{[]string{"verify"}, 2, "the name of the IMAGE is missing"},
		{[]string{"verify", "a.img"}, 2, "--key is missing"},
		{[]string{"verify", "a.img", "b.img"}, 2, `"b.img" is one argument too many`},
		{[]string{"inspect", ""}, 2, "is empty"},
		{[]string{"keygen", "x"}, 2, "one argument too many"},
		{[]string{"sign", "--help"}, 0, "private key"},
		{[]string{"inspect", "--paint"}, 2, "not defined"},
		{[]string{"inspect", "@none.img"}, 1, "no such file"},
	} {
		if code, out := b.image(c.words...); code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%q: status %d, want %d, and %q in\n%s", c.words, code, c.code, c.want, out)
		}
	}
}
