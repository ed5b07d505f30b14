package auth

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// bench is an authenticator with one admin, one viewer and a shared camera.
type bench struct {
	*Authenticator
	clock         *clock
	dir           *directory
	admin, viewer string
}

func newBench() *bench {
	b := &bench{clock: newClock(), admin: NewToken(), viewer: NewToken()}
	b.dir = &directory{
		tokens: []Token{{ID: "t1", Name: "me", Role: RoleAdmin, Hash: Hash(b.admin)}, {ID: "t2", Name: "tablet", Role: RoleViewer, Hash: Hash(b.viewer)}},
		epochs: map[string]string{"door": "e1"},
	}
	b.Authenticator = NewAuthenticator(b.dir, testSecret, Proxies{netip.MustParsePrefix("10.0.0.0/8")}, b.clock.now)
	return b
}

func TestPerson(t *testing.T) {
	b := newBench()
	share, expires, err := b.Share("door", "e1", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	session := func(id string, life time.Duration) string {
		return "Cookie: camrelay=" + b.sessions.Issue(id, b.clock.now().Add(life))
	}
	admin, tablet := Principal{Name: "me", Role: RoleAdmin, TokenID: "t1"}, Principal{Name: "tablet", Role: RoleViewer, TokenID: "t2"}
	guest := Principal{Name: "share link", Role: RoleViewer, Camera: "door", Expires: expires, epoch: "e1"}
	signedIn := admin
	signedIn.Expires = b.clock.now().Add(time.Hour)
	for _, tt := range []struct {
		name string
		r    *http.Request
		want Principal
		err  error
	}{
		{"nothing", request("/"), Principal{}, ErrMissing},
		{"bearer", request("/", "Authorization: Bearer "+b.admin), admin, nil},
		{"basic", request("/", basic("whoever", b.viewer)), tablet, nil},
		{"query", request("/?token=" + b.viewer), tablet, nil},
		{"session", request("/", session("t1", time.Hour)), signedIn, nil},
		{"session before query", request("/?token="+b.viewer, session("t1", time.Hour)), signedIn, nil},
		{"session of a token that is gone", request("/", session("t9", time.Hour)), Principal{}, ErrWrong},
		{"session that ended", request("/", session("t1", 0)), Principal{}, ErrWrong},
		{"token as cookie", request("/", "Cookie: camrelay="+b.admin), Principal{}, ErrWrong},
		{"session as token", request("/?token=" + b.sessions.Issue("t1", signedIn.Expires)), Principal{}, ErrWrong},
		{"share", request("/?token=" + share), guest, nil},
		{"share as cookie", request("/", "Cookie: camrelay="+share), guest, nil},
		{"share, changed", request("/?token=" + share + "x"), Principal{}, ErrWrong},
		{"wrong", request("/?token=crt_wrong"), Principal{}, ErrWrong},
		{"hash", request("/?token=" + Hash(b.admin)), Principal{}, ErrWrong},
		{"wrong first, right second", request("/?token="+b.admin, "Authorization: Bearer x"), Principal{}, ErrWrong},
		{"empty bearer", request("/?token="+b.admin, "Authorization: Bearer "), Principal{}, ErrWrong},
		{"very long", request("/", "Authorization: Bearer "+strings.Repeat("x", 10_000)), Principal{}, ErrWrong},
	} {
		if got, err := b.Person(tt.r); got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: %+v, %v; want %+v, %v", tt.name, got, err, tt.want, tt.err)
		}
	}
	b.clock.add(time.Hour)
	if _, err := b.Person(request("/?token=" + share)); !errors.Is(err, ErrWrong) {
		t.Errorf("an ended share link: %v", err)
	}
	for _, life := range []time.Duration{0, -time.Hour, time.Second, MaxShareLife + 1} {
		if _, _, err := b.Share("door", "e1", life); err == nil {
			t.Errorf("a share link for %v was made", life)
		}
	}
}

func TestLogin(t *testing.T) {
	b := newBench()
	share, expires, err := b.Share("door", "e1", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	secure := request("/", "X-Forwarded-Proto: https")
	secure.RemoteAddr = "10.0.0.1:1"
	for _, tt := range []struct {
		name   string
		r      *http.Request
		token  string
		cookie string
		life   time.Duration
	}{
		{"token", request("/"), b.admin, "camrelay", SessionLife},
		{"token over TLS", secure, b.viewer, "__Host-camrelay", SessionLife},
		{"share", request("/"), share, "camrelay", time.Hour},
	} {
		p, cookie, err := b.Login(tt.r, tt.token)
		if err != nil {
			t.Fatal(tt.name, err)
		}
		if cookie.Name != tt.cookie || cookie.MaxAge != int(tt.life/time.Second) || cookie.Secure != strings.HasPrefix(tt.cookie, "__Host-") {
			t.Errorf("%s: cookie %v", tt.name, cookie)
		}
		again := tt.r.Clone(t.Context())
		again.AddCookie(cookie)
		if got, err := b.Person(again); err != nil || got.Name != p.Name || !got.Expires.Equal(p.Expires) || got.TokenID != p.TokenID {
			t.Errorf("%s: the cookie gives %+v, %v; want %+v", tt.name, got, err, p)
		}
		if end := b.Logout(tt.r); end.Name != cookie.Name || end.MaxAge >= 0 {
			t.Errorf("%s: logout by %v", tt.name, end)
		}
	}
	if p, _, _ := b.Login(request("/"), share); !p.Expires.Equal(expires) || p.Camera != "door" {
		t.Errorf("share login gives %+v", p)
	}
}

func TestLoginLimit(t *testing.T) {
	b := newBench()
	from := func(a string) *http.Request {
		r := request("/")
		r.RemoteAddr = a + ":1"
		return r
	}
	for i := range FailureLimit {
		if _, _, err := b.Login(from("192.0.2.1"), "crt_wrong"); !errors.Is(err, ErrWrong) {
			t.Fatal(i, err)
		}
	}
	for _, token := range []string{"crt_wrong", b.admin} {
		_, cookie, err := b.Login(from("192.0.2.1"), token)
		if limited, ok := errors.AsType[*LimitedError](err); !ok || limited.RetryAfter != FailureWindow || cookie != nil {
			t.Errorf("got %v, %v", err, cookie)
		}
	}
	// Those behind the same address who have a token go on.
	r := from("192.0.2.1")
	r.Header.Set("Authorization", "Bearer "+b.viewer)
	if _, err := b.Person(r); err != nil {
		t.Errorf("a right token was refused: %v", err)
	}
	r.Header.Set("Authorization", "Bearer x")
	if _, err := b.Person(r); err == nil || errors.Is(err, ErrWrong) {
		t.Errorf("a wrong token was not limited: %v", err)
	}
	if _, _, err := b.Login(from("192.0.2.2"), b.admin); err != nil {
		t.Errorf("another address was limited: %v", err)
	}
	b.clock.add(FailureWindow)
	if _, _, err := b.Login(from("192.0.2.1"), b.admin); err != nil {
		t.Errorf("still limited: %v", err)
	}
}

// A page whose session ended asks again and again; that is no guessing.
func TestEndedSessionsDoNotLimit(t *testing.T) {
	b := newBench()
	for range 3 * FailureLimit {
		if _, err := b.Person(request("/", "Cookie: camrelay=old")); !errors.Is(err, ErrWrong) {
			t.Fatal(err)
		}
		if _, err := b.Person(request("/?token=crs_door.1.x")); !errors.Is(err, ErrWrong) {
			t.Fatal(err)
		}
	}
	if _, _, err := b.Login(request("/"), b.admin); err != nil {
		t.Error(err)
	}
}

func TestValid(t *testing.T) {
	b := newBench()
	share, _, err := b.Share("door", "e1", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	get := func(token string) Principal {
		p, err := b.Person(request("/?token=" + token))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	admin, guest := get(b.admin), get(share)
	session, _, err := b.Login(request("/"), b.admin)
	if err != nil {
		t.Fatal(err)
	}
	check := func(when string, p Principal, want bool) {
		t.Helper()
		if got := b.Valid(p); got != want {
			t.Errorf("%s: %+v is valid: %v", when, p, got)
		}
	}
	check("at first", admin, true)
	check("at first", guest, true)
	check("at first", session, true)
	check("nobody", Principal{}, false)
	check("made up by the caller", Principal{Name: "lab", Role: RoleAdmin}, true)
	b.dir.epochs["door"] = "e2"
	check("new epoch", guest, false)
	b.dir.epochs["door"] = "e1"
	b.clock.add(time.Hour)
	check("share ended", guest, false)
	check("share ended", session, true)
	b.dir.tokens = b.dir.tokens[1:]
	check("token gone", admin, false)
	check("token gone", session, false)
}

func TestCamera(t *testing.T) {
	b := newBench()
	key := NewKey()
	hash := Hash(key)
	for _, tt := range []struct {
		name   string
		r      *http.Request
		camera string
		hash   string
		want   error
	}{
		{"nothing", request("/"), "door", hash, ErrMissing},
		{"bearer", request("/", "Authorization: Bearer "+key), "door", hash, nil},
		{"basic", request("/", basic("door", key)), "door", hash, nil},
		{"basic of another camera", request("/", basic("yard", key)), "door", hash, ErrWrong},
		{"query", request("/?key=" + key), "door", hash, nil},
		{"hmac", request("/p", "Host: h", "Authorization: "+SignHMAC("door", key, "GET", "/p", "h", "12345678", b.clock.now())), "door", hash, nil},
		{"hmac again", request("/p", "Host: h", "Authorization: "+SignHMAC("door", key, "GET", "/p", "h", "12345678", b.clock.now())), "door", hash, ErrWrong},
		{"hmac with another key", request("/p", "Host: h", "Authorization: "+SignHMAC("door", "x", "GET", "/p", "h", "12345678", b.clock.now())), "door", hash, ErrWrong},
		{"wrong", request("/?key=x"), "door", hash, ErrWrong},
		{"hash as key", request("/?key=" + hash), "door", hash, ErrWrong},
		{"camera that is not known", request("/?key=" + key), "gone", "", ErrWrong},
		{"no camera id", request("/?key=" + key), strings.Repeat("x", 100), hash, ErrWrong},
		{"token of a person", request("/?key=" + b.admin), "door", hash, ErrWrong},
	} {
		if err := b.Camera(tt.r, tt.camera, tt.hash); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestForgetCamera(t *testing.T) {
	b := newBench()
	r := request("/p", "Host: h", "Authorization: "+SignHMAC("door", "k", "GET", "/p", "h", "12345678", b.clock.now()))
	if err := b.Camera(r, "door", Hash("k")); err != nil {
		t.Fatal(err)
	}
	b.ForgetCamera("door")
	if len(b.hmac.seen) != 0 {
		t.Error("its proofs are remembered")
	}
}

// One camera with a wrong key does not lock out its neighbours.
func TestCameraLimit(t *testing.T) {
	b := newBench()
	key := NewKey()
	for range FailureLimit {
		if err := b.Camera(request("/?key=x"), "door", Hash(key)); !errors.Is(err, ErrWrong) {
			t.Fatal(err)
		}
	}
	for _, k := range []string{"x", key} {
		if _, ok := errors.AsType[*LimitedError](b.Camera(request("/?key="+k), "door", Hash(key))); !ok {
			t.Errorf("key %.4s was not limited", k)
		}
	}
	if err := b.Camera(request("/?key="+key), "yard", Hash(key)); err != nil {
		t.Errorf("a neighbour was refused: %v", err)
	}
	other := request("/?key=" + key)
	other.RemoteAddr = "198.51.100.9:1"
	if err := b.Camera(other, "door", Hash(key)); err != nil {
		t.Errorf("the camera at another address was refused: %v", err)
	}
	b.clock.add(FailureWindow)
	if err := b.Camera(request("/?key="+key), "door", Hash(key)); err != nil {
		t.Errorf("still limited: %v", err)
	}
}
