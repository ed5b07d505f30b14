package imageserver

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
)

// byteRange is from the first byte to before the end.
type byteRange struct{ first, end int64 }

// parseRange reads a Range header of one range that begins at a byte, like
// "bytes=4096-" or "bytes=0-4095", for a file with size bytes. Whatever else
// RFC 9110 section 14 has is legal to ignore and is: several ranges, which
// would be answered in a form that a small client cannot read, suffixes and
// other units. satisfiable is false if the range begins at or after the end.
func parseRange(header string, size int64) (r byteRange, ok, satisfiable bool) {
	unit, set, ok := strings.Cut(header, "=")
	if !ok || !strings.EqualFold(unit, "bytes") {
		return r, false, false
	}
	first, last, ok := strings.Cut(set, "-")
	if !ok || !isNumber(first) || last != "" && (!isNumber(last) || compareNumbers(first, last) > 0) {
		return r, false, false
	}
	r = byteRange{number(first, size), size}
	if last != "" {
		r.end = min(size, number(last, size)+1)
	}
	return r, true, r.first < size
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// compareNumbers compares two numbers of any length.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// number is the value of a number, or most if it is greater.
func number(s string, most int64) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil { // too long
		return most
	}
	return min(n, most)
}

// wanted is the part of a file that a request wants. Ranges are for GET only
// (RFC 9110 section 14.2), and with If-Range for the file with the strong tag.
func wanted(r *http.Request, size int64, tag string) (part byteRange, partial, satisfiable bool) {
	whole := byteRange{0, size}
	ranges, conditions := r.Header.Values("Range"), r.Header.Values("If-Range")
	if r.Method != http.MethodGet || len(ranges) != 1 || len(conditions) > 1 || len(conditions) == 1 && conditions[0] != tag {
		return whole, false, true
	}
	part, ok, satisfiable := parseRange(ranges[0], size)
	if !ok {
		return whole, false, true
	}
	return part, true, satisfiable
}

// matches reports whether a list of entity tags, as of If-Match and
// If-None-Match, has the strong tag or is "*" (RFC 9110 section 13.1). The weak
// comparison takes a weak tag too.
func matches(list []string, tag string, weak bool) bool {
	value := strings.Join(list, ",")
	if strings.TrimSpace(value) == "*" {
		return true
	}
	for item := range strings.SplitSeq(value, ",") {
		item = strings.TrimSpace(item)
		if weak {
			item = strings.TrimPrefix(item, "W/")
		}
		if item == tag {
			return true
		}
	}
	return false
}
