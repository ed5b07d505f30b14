package text

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"math"
	"strconv"
	"testing"
)

func TestNumbers(t *testing.T) {
	for _, v := range []int64{0, 1, -1, 9, 10, -10, 12345, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64} {
		if got := string(AppendInt(nil, v)); got != strconv.FormatInt(v, 10) {
			t.Errorf("AppendInt(%d) = %s", v, got)
		}
		if got, ok := ParseInt(AppendInt(nil, v), math.MinInt64, math.MaxInt64); v != math.MinInt64 && (!ok || got != v) {
			t.Errorf("ParseInt of %d = %d, %v", v, got, ok)
		}
	}
	if got := string(AppendUint(nil, math.MaxUint64)); got != "18446744073709551615" {
		t.Error(got)
	}
}

func FuzzParseUint(f *testing.F) {
	for _, s := range []string{"", "0", "00", "18446744073709551615", "18446744073709551616", "99999999999999999999", "-1", "1 ", "+1"} {
		f.Add(s, uint64(math.MaxUint64))
		f.Add(s, uint64(9))
	}
	f.Fuzz(func(t *testing.T, s string, limit uint64) {
		want, err := strconv.ParseUint(s, 10, 64)
		wantOK := err == nil && want <= limit
		if got, ok := ParseUint([]byte(s), limit); ok != wantOK || ok && got != want {
			t.Errorf("ParseUint(%q, %d) = %d, %v", s, limit, got, ok)
		}
	})
}

func TestParseIntRange(t *testing.T) {
	for s, want := range map[string]bool{"-3": false, "-2": true, "2": true, "3": false, "-": false, "--1": false, "": false} {
		if _, ok := ParseInt([]byte(s), -2, 2); ok != want {
			t.Errorf("%q: %v", s, ok)
		}
	}
}

func FuzzEncode(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0xff})
	f.Add([]byte{1, 2})
	f.Add([]byte("any carnal pleas"))
	f.Fuzz(func(t *testing.T, p []byte) {
		if got := string(AppendBase64(nil, p)); got != base64.StdEncoding.EncodeToString(p) {
			t.Errorf("base64 %q", got)
		}
		if got := string(AppendHex(nil, p)); got != hex.EncodeToString(p) {
			t.Errorf("hex %q", got)
		}
		want, err := base64.StdEncoding.Strict().DecodeString(string(p))
		if bytes.ContainsAny(p, "\r\n") { // which Go's decoder skips
			return
		}
		if got, ok := DecodeBase64(nil, p); ok != (err == nil) || ok && !bytes.Equal(got, want) {
			t.Errorf("DecodeBase64(%q) = %q, %v; want %q, %v", p, got, ok, want, err)
		}
		wantHex, err := hex.DecodeString(string(p))
		gotHex := make([]byte, len(p)/2)
		if ok := DecodeHex(gotHex, p); ok != (err == nil) || ok && !bytes.Equal(gotHex, wantHex) {
			t.Errorf("DecodeHex(%q) = %x, %v", p, gotHex, ok)
		}
	})
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		a, b           string
		equal, folding bool
	}{
		{"", "", true, true}, {"a", "", false, false}, {"", "a", false, false},
		{"Upgrade", "upgrade", false, true}, {"upgrade", "upgrade", true, true}, {"upgrada", "upgrade", false, false}, {"[", "{", false, false},
		{"abc\x00", "abc", false, false},
	} {
		if got := Equal([]byte(c.a), c.b); got != c.equal {
			t.Errorf("Equal(%q, %q) = %v", c.a, c.b, got)
		}
		if got := EqualSecret([]byte(c.a), c.b); got != c.equal {
			t.Errorf("EqualSecret(%q, %q) = %v", c.a, c.b, got)
		}
		if got := EqualFold([]byte(c.a), c.b); got != c.folding {
			t.Errorf("EqualFold(%q, %q) = %v", c.a, c.b, got)
		}
	}
}

func TestHasToken(t *testing.T) {
	for list, want := range map[string]bool{
		"": false, "upgrade": true, "keep-alive, Upgrade": true, "Upgrade,keep-alive": true, " \tUPGRADE\t ": true,
		"keep-alive": false, "upgraded": false, ",,upgrade,,": true, "up grade": false,
	} {
		if got := HasToken([]byte(list), "upgrade"); got != want {
			t.Errorf("%q: %v", list, got)
		}
	}
}
