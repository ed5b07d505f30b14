package auth

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// clock is a time that tests set.
type clock struct{ t time.Time }

func newClock() *clock               { return &clock{time.Unix(1_795_166_000, 0)} }
func (c *clock) now() time.Time      { return c.t }
func (c *clock) add(d time.Duration) { c.t = c.t.Add(d) }

// directory is a Directory in memory.
type directory struct {
	tokens []Token
	epochs map[string]string
}

func (d *directory) TokenByHash(hash string) (Token, bool) {
	for _, t := range d.tokens {
		if t.Hash == hash {
			return t, true
		}
	}
	return Token{}, false
}

func (d *directory) TokenByID(id string) (Token, bool) {
	for _, t := range d.tokens {
		if t.ID == id {
			return t, true
		}
	}
	return Token{}, false
}

func (d *directory) ShareEpoch(camera string) (string, bool) {
	e, ok := d.epochs[camera]
	return e, ok
}

// request makes one from "Name: value" lines.
func request(target string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		} else {
			r.Header.Add(name, value)
		}
	}
	return r
}

func basic(user, password string) string {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return "Authorization: " + r.Header.Get("Authorization")
}

func TestNewSecrets(t *testing.T) {
	for name, make := range map[string]func() string{"crt_": NewToken, "crk_": NewKey} {
		a, b := make(), make()
		if a == b || !strings.HasPrefix(a, name) || len(a) != 36 || strings.ToLower(a) != a {
			t.Errorf("%q and %q", a, b)
		}
		if h := Hash(a); !IsHash(h) || !Matches(a, h) || !Matches(a, strings.ToUpper(h)) || Matches(b, h) {
			t.Errorf("hash of %q is %q", a, h)
		}
	}
	if len(NewID()) != 8 || NewID() == NewID() {
		t.Error("ids are not short and random")
	}
	// FIPS 180-2, appendix B.1.
	if got := Hash("abc"); got != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("Hash is no SHA-256: %s", got)
	}
}

func TestMatchesRefuses(t *testing.T) {
	long := strings.Repeat("x", maxSecret+1)
	for _, tt := range [][2]string{{"", Hash("")}, {"a", ""}, {"a", "a"}, {"a", Hash("a")[:63]}, {"a", Hash("a") + "0"}, {"a", strings.Repeat("z", 64)}, {long, Hash(long)}} {
		if Matches(tt[0], tt[1]) {
			t.Errorf("%.20q matches %q", tt[0], tt[1])
		}
	}
}

func TestRoles(t *testing.T) {
	for _, r := range []Role{RoleViewer, RoleAdmin} {
		if got, err := ParseRole(r.String()); got != r || err != nil {
			t.Errorf("%v: %v, %v", r, got, err)
		}
	}
	for _, s := range []string{"", "Admin", "root"} {
		if r, err := ParseRole(s); err == nil || r != RoleNone {
			t.Errorf("%q is role %v", s, r)
		}
	}
	for _, tt := range []struct {
		p                         Principal
		viewDoor, viewYard, admin bool
	}{
		{Principal{}, false, false, false},
		{Principal{Role: RoleViewer}, true, true, false},
		{Principal{Role: RoleAdmin}, true, true, true},
		{Principal{Role: RoleViewer, Camera: "door"}, true, false, false},
		{Principal{Role: RoleAdmin, Camera: "door"}, true, false, false},
	} {
		if tt.p.CanView("door") != tt.viewDoor || tt.p.CanView("yard") != tt.viewYard || tt.p.CanAdmin() != tt.admin {
			t.Errorf("%+v may do something else", tt.p)
		}
	}
}

func TestCredentials(t *testing.T) {
	for _, tt := range []struct {
		name           string
		r              *http.Request
		camera, person Credential
	}{
		{"none", request("/"), Credential{}, Credential{}},
		{"bearer", request("/", "Authorization: Bearer abc"), Credential{SourceBearer, "", "abc"}, Credential{SourceBearer, "", "abc"}},
		{"bearer, other case", request("/", "Authorization: bearer  abc "), Credential{SourceBearer, "", "abc"}, Credential{SourceBearer, "", "abc"}},
		{"basic", request("/", basic("door", "a:b")), Credential{SourceBasic, "door", "a:b"}, Credential{SourceBasic, "door", "a:b"}},
		{"broken basic", request("/?key=k&token=t", "Authorization: Basic !"), Credential{SourceBasic, "", ""}, Credential{SourceBasic, "", ""}},
		{"query", request("/?key=k&token=t"), Credential{SourceQuery, "", "k"}, Credential{SourceQuery, "", "t"}},
		{"first of a query", request("/?token=t&token=u&key=k&key=l"), Credential{SourceQuery, "", "k"}, Credential{SourceQuery, "", "t"}},
		{"cookie", request("/?token=t", "Cookie: camrelay=c"), Credential{}, Credential{SourceCookie, "", "c"}},
		{"cookie of another name", request("/", "Cookie: __Host-camrelay=c"), Credential{}, Credential{}},
		{"header before the rest", request("/?key=k&token=t", "Authorization: Bearer b", "Cookie: camrelay=c"), Credential{SourceBearer, "", "b"}, Credential{SourceBearer, "", "b"}},
		{"scheme of somebody else", request("/?key=k&token=t", "Authorization: Digest x"), Credential{SourceQuery, "", "k"}, Credential{SourceQuery, "", "t"}},
		{"hmac", request("/?token=t", "Authorization: CamHMAC id=a"), Credential{SourceHMAC, "", "id=a"}, Credential{SourceQuery, "", "t"}},
	} {
		if got, ok := CameraCredential(tt.r); got != tt.camera && ok || ok != (tt.camera != Credential{}) {
			t.Errorf("%s: camera %+v, want %+v", tt.name, got, tt.camera)
		}
		if got, ok := PersonCredential(tt.r, CookieName(false)); got != tt.person && ok || ok != (tt.person != Credential{}) {
			t.Errorf("%s: person %+v, want %+v", tt.name, got, tt.person)
		}
	}
}

func TestRedactURL(t *testing.T) {
	for in, want := range map[string]string{
		"":                                   "",
		"/ws/view/door":                      "/ws/view/door",
		"/a?token=crt_x&max_fps=5":           "/a?token=REDACTED&max_fps=5",
		"/a?max_fps=5&key=x":                 "/a?max_fps=5&key=REDACTED",
		"/a?TOKEN=x":                         "/a?TOKEN=REDACTED",
		"/a?%74oken=x":                       "/a?%74oken=REDACTED",
		"/a?to%6ben=x&t%zz=1":                "/a?to%6ben=REDACTED&t%zz=1",
		"/a?token=x&token=y":                 "/a?token=REDACTED&token=REDACTED",
		"/a?b=c;token=x;d=e&f=g":             "/a?b=c;token=REDACTED&f=g",
		"/a?pwd=x?y;z#w&b=c":                 "/a?pwd=REDACTED&b=c",
		"/a?b#token=x":                       "/a?b#token=REDACTED",
		"/a?token":                           "/a?token",
		"/a?mytoken=x":                       "/a?mytoken=x",
		"http://u:p@h/x?usr=a&pwd=b":         "http://u:REDACTED@h/x?usr=a&pwd=REDACTED",
		"http://u:p@q@h:81":                  "http://u:REDACTED@h:81",
		"http://u@h/":                        "http://u@h/",
		"http://h/a:b@c":                     "http://h/a:b@c",
		"mqtt://u:p@h?x=http://a:b@c":        "mqtt://u:REDACTED@h?x=http://a:b@c",
		"/redirect?to=http://a:b@c&token=t&": "/redirect?to=http://a:b@c&token=REDACTED&",
	} {
		if got := RedactURL(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

// A token that the relay's parser would find is never left in the text.
func FuzzRedactURL(f *testing.F) {
	for _, s := range []string{"/a?token=SECRET", "?%54oken=SECRET&x", "http://u:SECRET@h/?a;key=SECRET#", "/?a=b?token=SECRET", "?token=a&&token=SECRET"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := RedactURL(s)
		if RedactURL(out) != out {
			t.Fatalf("%q becomes %q and then %q", s, out, RedactURL(out))
		}
		r, err := http.NewRequest(http.MethodGet, out, nil)
		if err != nil {
			return
		}
		for _, name := range []string{"token", "key"} {
			for _, v := range r.URL.Query()[name] {
				if v != redacted && v != "" {
					t.Fatalf("%q becomes %q with %s %q", s, out, name, v)
				}
			}
		}
	})
}
