package auth

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The example of docs/protocol.md, section 0, computed with openssl.
const (
	exampleKey  = "crk_aaaabbbbccccddddeeeeffffgggghhhh"
	exampleHMAC = "CamHMAC id=door,ts=1795166000,nonce=5f1c0a9e,mac=d9f762dedb82cb7c97607b4426d75f33a172eb016a0bb40a28d0afc3765a9bec"
)

func TestSignHMAC(t *testing.T) {
	got := SignHMAC("door", exampleKey, "GET", "/ws/push/door", "relay.example:8080", "5f1c0a9e", time.Unix(1795166000, 0))
	if got != exampleHMAC {
		t.Errorf("got  %s\nwant %s", got, exampleHMAC)
	}
}

func TestHMACVerify(t *testing.T) {
	const params = exampleHMAC
	change := func(old, new string) string { return strings.Replace(params, old, new, 1) }
	for _, tt := range []struct {
		name, target, host, header, want string
		off                              time.Duration
	}{
		{"right", "/ws/push/door", "relay.example:8080", params, "", 0},
		{"spaces and order", "/ws/push/door", "relay.example:8080", "CamHMAC  mac=" + params[len(params)-64:] + ", nonce=5f1c0a9e, ts=1795166000, id=door, more=x", "", 0},
		{"query is not covered", "/ws/push/door?x=1", "relay.example:8080", params, "", 0},
		{"clock behind", "/ws/push/door", "relay.example:8080", params, "", HMACWindow},
		{"clock ahead", "/ws/push/door", "relay.example:8080", params, "", -HMACWindow},
		{"clock too far behind", "/ws/push/door", "relay.example:8080", params, "clock is off by 2m1s", HMACWindow + time.Second},
		{"clock too far ahead", "/ws/push/door", "relay.example:8080", params, "clock is off by 2m1s", -HMACWindow - time.Second},
		{"other path", "/ws/push/doors", "relay.example:8080", params, "wrong key, or", 0},
		{"other host", "/ws/push/door", "relay.example", params, "wrong key, or", 0},
		{"other time", "/ws/push/door", "relay.example:8080", change("ts=1795166000", "ts=1795166001"), "wrong key, or", 0},
		{"other nonce", "/ws/push/door", "relay.example:8080", change("5f1c0a9e", "5f1c0a9f"), "wrong key, or", 0},
		{"other camera", "/ws/push/door", "relay.example:8080", change("id=door", "id=yard"), `for camera "yard"`, 0},
		{"short mac", "/ws/push/door", "relay.example:8080", params[:len(params)-2], "mac is not 64 hex digits", 0},
		{"no mac", "/ws/push/door", "relay.example:8080", "CamHMAC id=door,ts=1,nonce=12345678", "mac is not", 0},
		{"short nonce", "/ws/push/door", "relay.example:8080", change("5f1c0a9e", "5f1c0a9"), "nonce is not", 0},
		{"long nonce", "/ws/push/door", "relay.example:8080", change("5f1c0a9e", strings.Repeat("a", 65)), "nonce is not", 0},
		{"separator in nonce", "/ws/push/door", "relay.example:8080", change("5f1c0a9e", "1|5f1c0a9e"), "nonce is not", 0},
		{"no time", "/ws/push/door", "relay.example:8080", change("ts=1795166000", "ts=x"), "ts is not", 0},
		{"time that overflows", "/ws/push/door", "relay.example:8080", change("ts=1795166000", "ts=9223372036854775807"), "ts is not", 0},
		{"empty", "/ws/push/door", "relay.example:8080", "CamHMAC", "ts is not", 0},
		{"too long", "/ws/push/door", "relay.example:8080", params + strings.Repeat(",", 1000), "too long", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClock()
			c.t = time.Unix(1795166000, 0).Add(tt.off)
			v := NewHMACVerifier(c.now)
			r := request(tt.target, "Host: "+tt.host, "Authorization: "+tt.header)
			cred, ok := CameraCredential(r)
			if !ok || cred.Source != SourceHMAC {
				t.Fatalf("credential %+v", cred)
			}
			err := v.Verify(r, cred.Secret, "door", Hash(exampleKey))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			// A camera that is not known and one with another key look the same.
			unknown, other := v.Verify(r, cred.Secret, "door", ""), v.Verify(r, cred.Secret, "door", Hash("other"))
			if unknown == nil || other == nil || unknown.Error() != other.Error() {
				t.Errorf("unknown camera: %v; other key: %v", unknown, other)
			}
		})
	}
}

func TestHMACReplay(t *testing.T) {
	c := newClock()
	v := NewHMACVerifier(c.now)
	verify := func(nonce string, sent time.Time) error {
		header := SignHMAC("door", exampleKey, "GET", "/p", "h", nonce, sent)
		return v.Verify(request("/p", "Host: h"), strings.TrimPrefix(header, "CamHMAC "), "door", Hash(exampleKey))
	}
	start := c.now()
	if err := verify("nonce000", start); err != nil {
		t.Fatal(err)
	}
	for _, later := range []time.Duration{0, time.Minute, HMACWindow} {
		c.t = start.Add(later)
		if err := verify("nonce000", start); err == nil || !strings.Contains(err.Error(), "used before") {
			t.Errorf("replay after %v: %v", later, err)
		}
	}
	c.t = start
	for i := 1; i < maxSeen; i++ {
		if err := verify(fmt.Sprintf("nonce%03d", i), start); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := verify("onemore0", start); err == nil || !strings.Contains(err.Error(), "more than 1024 requests") {
		t.Errorf("the set is not bounded: %v", err)
	}
	if err := verify("nonce000", start); err == nil {
		t.Error("a full set let a replay through")
	}
	c.t = start.Add(HMACWindow + time.Second)
	if err := verify("onemore1", c.now()); err != nil {
		t.Errorf("old proofs were not forgotten: %v", err)
	}
	if n := len(v.seen["door"]); n != 1 {
		t.Errorf("%d proofs are remembered, want 1", n)
	}
	v.Forget("door")
	if len(v.seen) != 0 {
		t.Error("Forget forgot nothing")
	}
}

// Over a real connection, with letters that must be escaped.
func TestHMACOverHTTP(t *testing.T) {
	v := NewHMACVerifier(time.Now)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cred, _ := CameraCredential(r)
		if err := v.Verify(r, cred.Secret, "door", Hash(exampleKey)); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	const path = "/ws/push/a%20b%2Fc"
	r, err := http.NewRequest(http.MethodPost, server.URL+path+"?q=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", SignHMAC("door", exampleKey, "POST", path, r.URL.Host, "12345678", time.Now()))
	resp, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("status %s", resp.Status)
	}
}

func FuzzHMACVerify(f *testing.F) {
	params := strings.TrimPrefix(exampleHMAC, "CamHMAC ")
	f.Add(params)
	f.Add("id=door,ts=0,nonce=12345678,mac=" + strings.Repeat("0", 64))
	f.Add(",,==,ts")
	good, err := parseHMAC(params)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v := NewHMACVerifier(newClock().now)
		if v.Verify(request("/ws/push/door", "Host: relay.example:8080"), s, "door", Hash(exampleKey)) != nil {
			return
		}
		if p, _ := parseHMAC(s); p.id != good.id || p.ts != good.ts || p.nonce != good.nonce {
			t.Fatalf("%q was taken", s)
		}
	})
}
