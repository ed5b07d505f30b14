package wire

import (
	"fmt"
	"strings"
	"testing"
)

func TestCheckGroups(t *testing.T) {
	many := make([]string, MaxGroups+1)
	for i := range many {
		many[i] = fmt.Sprint("g", i)
	}
	for _, good := range [][]string{nil, {}, {"garden"}, {"all", "0", "a-b-", strings.Repeat("x", MaxID)}, many[1:]} {
		if err := CheckGroups(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for says, bad := range map[string][]string{
		"1 to 32": {""}, "twice": {"a", "b", "a"}, "at most 16": many, `'G' is not allowed`: {"Garden"}, `'-' is`: {"-a"}, `'/' is`: {"a/b"},
		"use 1 to": {strings.Repeat("x", MaxID+1)},
	} {
		if err := CheckGroups(bad); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", bad, err, says)
		}
	}
}
