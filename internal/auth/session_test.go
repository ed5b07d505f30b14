package auth

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

var testSecret = []byte("0123456789abcdef0123456789abcdef")

func TestSessions(t *testing.T) {
	at := newClock().t
	s := NewSessions(testSecret)
	value := s.Issue("k3f9", at)
	if id, expires, ok := s.Verify(value); id != "k3f9" || !expires.Equal(at) || !ok {
		t.Errorf("%q gives %q %v %v", value, id, expires, ok)
	}
	if err := (&http.Cookie{Name: "a", Value: value}).Valid(); err != nil || strings.ContainsAny(value, `;, "`) {
		t.Errorf("%q is no cookie value: %v", value, err)
	}
	for i := range len(value) { // no changed letter is taken
		changed := value[:i] + string(value[i]^1) + value[i+1:]
		if id, _, ok := s.Verify(changed); ok {
			t.Errorf("letter %d changed: %q gives %q", i, changed, id)
		}
	}
	share := NewShares(testSecret)
	for _, bad := range []string{"", ".", "..", "k3f9", value + "x", value + ".", "." + value, value[:len(value)-1], strings.Repeat("a", 1000),
		NewSessions([]byte("another")).Issue("k3f9", at), share.Issue("k3f9", "", at), share.signer.sign("k3f9."+formatExpiry(at), "")} {
		if id, _, ok := s.Verify(bad); ok {
			t.Errorf("%q gives %q", bad, id)
		}
	}
}

func TestSessionCookie(t *testing.T) {
	at := newClock().t
	for secure, want := range map[bool]string{
		false: "camrelay=v; Path=/; Expires=Thu, 19 Nov 2026 09:53:20 GMT; Max-Age=3600; HttpOnly; SameSite=Strict",
		true:  "__Host-camrelay=v; Path=/; Expires=Thu, 19 Nov 2026 09:53:20 GMT; Max-Age=3600; HttpOnly; Secure; SameSite=Strict",
	} {
		want = strings.Replace(want, "Thu, 19 Nov 2026 09:53:20 GMT", at.Add(time.Hour).UTC().Format(http.TimeFormat), 1)
		if got := SessionCookie("v", at.Add(time.Hour), at, secure).String(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if got := EndCookie(true).String(); got != "__Host-camrelay=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict" {
		t.Errorf("end: %s", got)
	}
}

func TestShares(t *testing.T) {
	at := newClock().t
	s := NewShares(testSecret)
	d := &directory{epochs: map[string]string{"door": "e1", "yard": "e1", "void": ""}}
	token := s.Issue("door", "e1", at)
	if p, ok := s.Verify(token, d.ShareEpoch); !ok || p.Camera != "door" || p.Role != RoleViewer || !p.Expires.Equal(at) {
		t.Errorf("%q gives %+v %v", token, p, ok)
	}
	for _, bad := range []string{"", sharePrefix, strings.Replace(token, "door", "yard", 1), token + "A", strings.TrimPrefix(token, sharePrefix),
		s.Issue("gone", "e1", at), s.Issue("door", "e0", at), s.Issue("void", "", at), NewShares([]byte("another")).Issue("door", "e1", at)} {
		if p, ok := s.Verify(bad, d.ShareEpoch); ok {
			t.Errorf("%q gives %+v", bad, p)
		}
	}
	d.epochs["door"] = "e2"
	if _, ok := s.Verify(token, d.ShareEpoch); ok {
		t.Error("a new epoch did not void the link")
	}
}

// What strangers send is refused without a panic.
func FuzzVerify(f *testing.F) {
	s, sh := NewSessions(testSecret), NewShares(testSecret)
	at := newClock().t
	good := map[string]bool{s.Issue("id", at): true, sh.Issue("door", "e", at): true}
	for v := range good {
		f.Add(v)
	}
	d := &directory{epochs: map[string]string{"door": "e"}}
	f.Fuzz(func(t *testing.T, v string) {
		_, _, ok := s.Verify(v)
		_, ok2 := sh.Verify(v, d.ShareEpoch)
		if (ok || ok2) != good[v] {
			t.Fatalf("%q is taken: %v %v", v, ok, ok2)
		}
	})
}
