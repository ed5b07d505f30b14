package imageserver

import (
	"math/big"
	"regexp"
	"strings"
	"testing"
)

func TestParseRange(t *testing.T) {
	const size = 10_000
	for header, want := range map[string]byteRange{
		"bytes=0-":                             {0, size},
		"bytes=4096-":                          {4096, size},
		"bytes=9999-":                          {9999, size},
		"bytes=0-0":                            {0, 1},
		"bytes=0-9999":                         {0, size},
		"bytes=4096-8191":                      {4096, 8192},
		"bytes=4096-10000":                     {4096, size},
		"bytes=4096-99999999999999999999999":   {4096, size},
		"bytes=4096-9223372036854775807":       {4096, size},
		"Bytes=007-00010":                      {7, 11},
		"bytes=00000000000000000000000000007-": {7, size},
	} {
		if r, ok, satisfiable := parseRange(header, size); r != want || !ok || !satisfiable {
			t.Errorf("%s: %v, %v, %v", header, r, ok, satisfiable)
		}
	}
	for _, header := range []string{"bytes=10000-", "bytes=10000-10001", "bytes=9223372036854775807-", "bytes=9223372036854775808-", "bytes=99999999999999999999-99999999999999999999"} {
		if r, ok, satisfiable := parseRange(header, size); !ok || satisfiable {
			t.Errorf("%s: %v, %v, %v", header, r, ok, satisfiable)
		}
	}
	for _, header := range []string{
		"", "bytes", "bytes=", "bytes=-", "bytes=-5", "bytes=--5", "bytes=5", "bytes=2-1", "bytes=99999999999999999999-99999999999999999998",
		"bytes=0-1,4-5", "bytes=0-,", "bytes=,0-", "bytes=0-1-2", "bytes = 0-", "bytes= 0-", "bytes=0- ", "bytes=0 -1", "bytes=+0-", "bytes=0-+1",
		"bytes=0x10-", "bytes=1e3-", "bytes=1.5-", "bytes=a-b", "bytes=0-\x00", "bytes=٣-", "octets=0-", "seconds=0-", "items=0-", " bytes=0-", "bytes==0-",
	} {
		if r, ok, _ := parseRange(header, size); ok {
			t.Errorf("%q is honoured as %v", header, r)
		}
	}
}

var oneRange = regexp.MustCompile(`^(?i:bytes)=([0-9]+)-([0-9]*)$`)

// FuzzParseRange compares with arithmetic that has no limits.
func FuzzParseRange(f *testing.F) {
	for _, header := range []string{"bytes=0-", "bytes=4096-8191", "bytes=0-0,5-6", "bytes=-5", "bytes=18446744073709551616-18446744073709551617", "BYTES=00-01"} {
		f.Add(header, int64(8192))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 1 {
			return
		}
		r, ok, satisfiable := parseRange(header, size)
		parts := oneRange.FindStringSubmatch(header)
		if parts == nil || strings.Contains(header, "\n") {
			if ok {
				t.Fatalf("%q is honoured", header)
			}
			return
		}
		first, _ := new(big.Int).SetString(parts[1], 10)
		end := big.NewInt(size)
		if parts[2] != "" {
			last, _ := new(big.Int).SetString(parts[2], 10)
			if first.Cmp(last) > 0 {
				if ok {
					t.Fatalf("%q is honoured, backwards", header)
				}
				return
			}
			if last.Add(last, big.NewInt(1)).Cmp(end) < 0 {
				end = last
			}
		}
		switch {
		case !ok, satisfiable != (first.Cmp(big.NewInt(size)) < 0):
			t.Fatalf("%q of %d: %v, %v", header, size, ok, satisfiable)
		case satisfiable && (r.first != first.Int64() || r.end != end.Int64() || r.first < 0 || r.first >= r.end || r.end > size):
			t.Fatalf("%q of %d: %v", header, size, r)
		}
	})
}

func TestMatches(t *testing.T) {
	const tag = `"abc"`
	for _, test := range []struct {
		list         []string
		strong, weak bool
	}{
		{[]string{`"abc"`}, true, true},
		{[]string{`W/"abc"`}, false, true},
		{[]string{`"x", "abc"`}, true, true},
		{[]string{`"x"`, `"abc"`}, true, true},
		{[]string{`*`}, true, true},
		{[]string{`"a,*,b"`}, false, false},
		{[]string{`abc`}, false, false},
		{[]string{`"ABC"`}, false, false},
		{[]string{``}, false, false},
	} {
		if matches(test.list, tag, false) != test.strong || matches(test.list, tag, true) != test.weak {
			t.Errorf("%q", test.list)
		}
	}
}
