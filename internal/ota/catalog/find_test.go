package catalog

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"camrelay/internal/ota/imagetest"
)

// shelf is a catalog with images of several boards, versions and keys.
type shelf struct {
	*Catalog
	t *testing.T
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	second := imagetest.NewSigner(2)
	c, err := Open(t.TempDir(), append(signer.Ring(), second.Key), Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &shelf{c, t}
	s.put(signer, "cam", "1.4.2", 1042)
	s.put(signer, "cam", "1.5.0", 1049)
	s.put(signer, "cam", "1.5.0", 1050)
	s.put(signer, "cam", "7", 5)
	s.put(signer, "cam", "1.0.0", 7)
	s.put(signer, "other", "2.0.0", 2000)
	s.put(signer, "twice", "1.0.0", 9)
	s.put(second, "twice", "1.0.0", 9)
	return s
}

func (s *shelf) put(by imagetest.Signer, board, version string, build uint32) Image {
	s.t.Helper()
	i, err := s.Add(context.Background(), bytes.NewReader(by.Image(s.t, board, version, build, 100)), "")
	if err != nil {
		s.t.Fatal(err)
	}
	return i
}

// sha is the name of the image with a build.
func (s *shelf) sha(build uint32) string {
	list := s.List()
	return list[slices.IndexFunc(list, func(i Image) bool { return i.Build() == build })].SHA256
}

func TestFind(t *testing.T) {
	s := newShelf(t)
	for _, test := range []struct {
		board, want string
		build       uint32
		err         error
		text        string
	}{
		{"cam", "latest", 1050, nil, ""},
		{"cam", "LATEST", 1050, nil, ""},
		{"cam", "1.4.2", 1042, nil, ""},
		{"cam", "1.5.0", 1050, nil, ""},
		{"cam", "1049", 1049, nil, ""},
		{"cam", "5", 5, nil, ""},
		{"cam", s.sha(1042), 1042, nil, ""},
		{"cam", s.sha(1042)[:8], 1042, nil, ""},
		{"cam", strings.ToUpper(s.sha(1042)), 1042, nil, ""},
		{"cam", s.sha(1042)[:7], 0, ErrUnknown, s.sha(1042)[:7]},
		{"cam", s.sha(1042) + "0", 0, ErrUnknown, ""},
		{"cam", "1.5.1", 0, ErrUnknown, `is "1.5.1"; there are 1.5.0 (build 1050, ` + s.sha(1050)[:8] + "), 1.5.0 (build 1049"},
		{"cam", "01049", 0, ErrUnknown, ""},
		{"cam", "+1049", 0, ErrUnknown, ""},
		{"cam", "1e3", 0, ErrUnknown, ""},
		{"cam", "4294968345", 0, ErrUnknown, ""}, // 1049 and 2³²
		{"cam", "-1", 0, ErrUnknown, ""},
		{"cam", " 1049", 0, ErrUnknown, ""},
		{"cam", "", 0, ErrWanted, ""},
		{"cam", "2.0.0", 0, ErrOther, `is for board other with chip host, not for board "cam" with chip "host"`},
		{"cam", "2000", 0, ErrOther, ""},
		{"none", "latest", 0, ErrNone, `no image for board "none" with chip "host"`},
		{"none", "9.9", 0, ErrNone, ""},
		{"none", "1.4.2", 0, ErrOther, "is for board cam"},
		{"twice", s.sha(9), 9, nil, ""},
	} {
		i, err := s.Find(test.board, "host", test.want)
		if !errors.Is(err, test.err) || i.Build() != test.build {
			t.Errorf("%s, %q: %v, %v", test.board, test.want, i, err)
		}
		if err != nil && !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s, %q: %v", test.board, test.want, err)
		}
	}
	if _, err := s.Find("cam", "esp32", Latest); Code(err) != "no_image" {
		t.Errorf("for another chip: %v", err)
	}
}

// What fits in more than one way is never guessed.
func TestFindAmbiguous(t *testing.T) {
	s := newShelf(t)
	for _, test := range []struct{ board, want, text string }{
		{"cam", "7", "7 (build 5, "},
		{"cam", "7", "1.0.0 (build 7, "},
		{"twice", "latest", `"latest" can be any of 1.0.0 (build 9, `},
		{"twice", "1.0.0", "name it by its sha256"},
	} {
		var ambiguous *AmbiguousError
		if _, err := s.Find(test.board, "host", test.want); !errors.As(err, &ambiguous) || len(ambiguous.Candidates) != 2 || Code(err) != "ambiguous" ||
			!strings.Contains(err.Error(), test.text) {
			t.Errorf("%s, %q: %v", test.board, test.want, err)
		}
	}
	// A version can look like a build and like a SHA-256.
	sha := s.sha(1042)
	for _, version := range []string{sha[:8], "1042"} {
		s.put(signer, "cam", version, 1)
		var ambiguous *AmbiguousError
		if _, err := s.Find("cam", "host", version); !errors.As(err, &ambiguous) || len(ambiguous.Candidates) != 2 {
			t.Errorf("%q: %v", version, err)
		}
	}
}

// A list of many is not spelt out.
func TestFindNamesAFew(t *testing.T) {
	c := mustOpen(t, t.TempDir(), Options{})
	for build := range uint32(8) {
		mustAdd(t, c, signer.Image(t, "cam", "1.0", build+1, 4))
	}
	_, err := c.Find("cam", "host", "2")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.Find("cam", "host", "2.0"); err == nil || !strings.HasSuffix(err.Error(), " and 3 more") || strings.Count(err.Error(), "build") != 6 {
		t.Error(err)
	}
}

func TestMatch(t *testing.T) {
	s := newShelf(t)
	for _, test := range []struct {
		board string
		want  Criteria
		build uint32
		code  string
	}{
		{"cam", Criteria{}, 1050, ""},
		{"cam", Criteria{Version: "1.5.0"}, 1050, ""},
		{"cam", Criteria{Version: "1.5.0", Build: 1049}, 1049, ""},
		{"cam", Criteria{Version: "7"}, 5, ""}, // no build 7 by accident
		{"cam", Criteria{Build: 7}, 7, ""},
		{"cam", Criteria{Version: "1.5.0", Build: 1050, SHA256: s.sha(1050)}, 1050, ""},
		{"cam", Criteria{Version: "1.5.0", Build: 1042}, 0, "unknown_version"},
		{"cam", Criteria{SHA256: s.sha(1042), Build: 1049}, 0, "unknown_version"},
		{"cam", Criteria{SHA256: s.sha(1042)[:7]}, 0, "bad_request"},
		{"cam", Criteria{SHA256: "zzzzzzzz"}, 0, "bad_request"},
		{"cam", Criteria{Build: 2000}, 0, "other_board"},
		{"none", Criteria{}, 0, "no_image"},
		{"twice", Criteria{Build: 9}, 0, "ambiguous"},
	} {
		i, err := s.Match(test.board, "host", test.want)
		if i.Build() != test.build || err == nil != (test.code == "") || err != nil && Code(err) != test.code {
			t.Errorf("%s, %s: %v, %v", test.board, test.want, i, err)
		}
	}
	if _, err := s.Match("cam", "host", Criteria{Version: "1.5.0", Build: 1042}); !strings.Contains(err.Error(), `"version 1.5.0, build 1042"`) {
		t.Error(err)
	}
}
