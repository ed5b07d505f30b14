package mqtt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"camrelay/internal/testkit"
)

func TestBrokerLogin(t *testing.T) {
	strict, _ := newTestBroker(t, nil)
	lab, _ := newTestBroker(t, func(o *BrokerOptions) { o.Lab = true })
	for _, test := range []struct {
		name    string
		broker  *Broker
		as      login
		refused bool
	}{
		{"camera", strict, asDoor, false},
		{"viewer", strict, asViewer, false},
		{"admin", strict, asAdmin, false},
		{"nobody", strict, asNobody, true},
		{"wrong key", strict, login{"door", yardKey}, true},
		{"nobody in the lab", lab, asNobody, false},
		{"any key in the lab", lab, login{"door", yardKey}, false},
		{"wrong password in the lab", lab, login{"Anna B", yardKey}, true},
	} {
		for _, version := range []string{"mqttv311", "mqttv5"} {
			t.Run(test.name+"/"+version, func(t *testing.T) {
				out, err := mosquittoPub(t, test.broker.Addr(), test.as, "-V", version, "-t", "camrelay/cam/door/x", "-m", "1")
				if test.refused {
					if err == nil || !strings.Contains(strings.ToLower(out), "not authori") && !strings.Contains(strings.ToLower(out), "bad user name") {
						t.Errorf("mosquitto_pub says %q, %v", out, err)
					}
				} else if err != nil {
					t.Errorf("mosquitto_pub says %q, %v", out, err)
				}
			})
		}
	}
}

func TestBrokerACL(t *testing.T) {
	b, log := newTestBroker(t, nil)
	all := collect(t, b, "#")
	for i, test := range []struct {
		as      login
		topic   string
		allowed bool
	}{
		{asDoor, "camrelay/cam/door/ota/ack", true},
		{asDoor, "camrelay/cam/door/temperature", true},
		{asDoor, "camrelay/cam/door/ota/cmd", false},
		{asDoor, "camrelay/cam/yard/status", false},
		{asDoor, "camrelay/ota/door", false},
		{asViewer, "camrelay/ota/door", false},
		{asViewer, "camrelay/cam/door/status", false},
		{asAdmin, "camrelay/ota/door", true},
		{asAdmin, "camrelay/ota/all", true},
		{asAdmin, "camrelay/ota/group/front", true},
		{asAdmin, "camrelay/ota/door/state", false},
		{asAdmin, "camrelay/cam/door/ota/cmd", false},
	} {
		payload := fmt.Sprint("p", i)
		if out, err := mosquittoPub(t, b.Addr(), test.as, "-t", test.topic, "-m", payload); err != nil {
			t.Fatalf("mosquitto_pub: %v %s", err, out)
		}
		// mosquitto_pub has disconnected, but the broker may read its message
		// only now. Each row has a payload of its own.
		if test.allowed {
			all.wait(t, test.topic, payload)
		}
		_, err := mosquittoPub(t, b.Addr(), test.as, "-q", "1", "-V", "mqttv5", "-t", test.topic, "-m", payload)
		if err != nil {
			t.Fatalf("mosquitto_pub: %v", err)
		}
		if !test.allowed && all.has(test.topic, payload) {
			t.Errorf("%s may publish to %s", test.as.user, test.topic)
		}
	}
	log.wait(t, "MQTT client may not publish to camrelay/cam/yard/status")
}

func TestBrokerSubscriptions(t *testing.T) {
	b, _ := newTestBroker(t, nil)
	for topic, payload := range map[string]string{
		"camrelay/cam/door/status": "online", "camrelay/cam/yard/status": "offline",
		"camrelay/cam/door/ota/cmd": "secret", "other/topic": "x",
	} {
		if err := b.Publish(topic, []byte(payload), 1, true); err != nil {
			t.Fatal(err)
		}
	}
	viewer := mosquittoSub(t, b.Addr(), asViewer, "-t", "#")
	admin := mosquittoSub(t, b.Addr(), asAdmin, "-q", "1", "-t", "camrelay/#", "-t", "$SYS/broker/version")
	door := mosquittoSub(t, b.Addr(), asDoor, "-V", "mqttv5", "-q", "1", "-t", "camrelay/cam/door/ota/cmd", "-t", "camrelay/cam/door/#")
	for _, s := range []*subscriber{viewer, admin} {
		s.wait(t, "camrelay/cam/door/status online")
		s.wait(t, "camrelay/cam/yard/status offline")
	}
	admin.wait(t, "camrelay/cam/door/ota/cmd secret")
	admin.wait(t, "$SYS/broker/version 2.7.9")
	door.wait(t, "camrelay/cam/door/ota/cmd secret")
	door.wait(t, "camrelay/cam/door/status online")

	if err := b.Publish("camrelay/relay/lab/status", []byte("last"), 1, false); err != nil {
		t.Fatal(err)
	}
	viewer.wait(t, "camrelay/relay/lab/status last") // so all before it has come
	for _, line := range []string{"camrelay/cam/door/ota/cmd secret", "other/topic x"} {
		if viewer.has(line) {
			t.Errorf("a viewer gets %q", line)
		}
	}
	if door.has("camrelay/cam/yard/status offline") {
		t.Error("a camera gets another one's status")
	}
	for _, test := range []struct {
		as     login
		filter string
	}{
		{asDoor, "camrelay/cam/yard/ota/cmd"}, {asDoor, "camrelay/cam/#"}, {asDoor, "#"},
		{asViewer, "camrelay/cam/door/ota/cmd"}, {asViewer, "camrelay/cam/+/ota/cmd"}, {asViewer, "$share/g/camrelay/#"},
	} {
		if s := mosquittoSub(t, b.Addr(), test.as, "-t", test.filter); !s.matches("128") && !s.matches("denied") {
			t.Errorf("%s may subscribe to %s: %q", test.as.user, test.filter, s.lines)
		}
	}
}

func TestBrokerWill(t *testing.T) {
	b, log := newTestBroker(t, nil)
	all := collect(t, b, "camrelay/#")
	door := mosquittoSub(t, b.Addr(), asDoor, "-t", "camrelay/cam/door/ota/cmd",
		"--will-topic", "camrelay/cam/door/status", "--will-payload", "offline", "--will-retain", "--will-qos", "1")
	if err := door.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	all.wait(t, "camrelay/cam/door/status", "offline")

	out, err := mosquittoPub(t, b.Addr(), asDoor, "-t", "camrelay/cam/door/x", "-m", "1", "--will-topic", "camrelay/ota/yard", "--will-payload", "latest")
	if err == nil {
		t.Errorf("a camera's will may trigger an update: %s", out)
	}
	log.wait(t, "its will is for a topic it may not publish to: camrelay/ota/yard")
}

func TestBrokerRetainedLimits(t *testing.T) {
	b, log := newTestBroker(t, nil)
	all := collect(t, b, "camrelay/#")
	for i := range maxRetained + 1 {
		topic := fmt.Sprintf("camrelay/cam/door/t%d", i)
		if _, err := mosquittoPub(t, b.Addr(), asDoor, "-r", "-t", topic, "-m", "1"); err != nil {
			t.Fatal(err)
		}
		all.wait(t, topic, "1")
	}
	if n := len(b.server.Topics.Messages("camrelay/cam/door/#")); n != maxRetained {
		t.Errorf("%d messages are kept", n)
	}
	log.wait(t, "may not retain so many messages")
	long := strings.Repeat("x", maxRetainedSize+1)
	if _, err := mosquittoPub(t, b.Addr(), asDoor, "-r", "-t", "camrelay/cam/door/t0", "-m", long); err != nil {
		t.Fatal(err)
	}
	all.wait(t, "camrelay/cam/door/t0", long)
	if kept := b.server.Topics.Messages("camrelay/cam/door/t0"); len(kept) != 1 || string(kept[0].Payload) != "1" {
		t.Errorf("kept %d, or a long message", len(kept))
	}
}

// rawClient speaks MQTT packet by packet.
type rawClient struct {
	t testing.TB
	net.Conn
}

func dialRaw(t testing.TB, b *Broker) rawClient {
	t.Helper()
	c, err := net.Dial("tcp", b.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetReadDeadline(time.Now().Add(15 * time.Second))
	return rawClient{t, c}
}

func (c rawClient) connect(id string, as login) (code byte) {
	c.t.Helper()
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion, p.CleanSession, p.ClientIdentifier = "MQTT", 4, true, id
	p.UsernameFlag, p.PasswordFlag = as.user != "", as.password != ""
	p.Username, p.Password, p.Keepalive = as.user, []byte(as.password), 60
	if err := p.Write(c); err != nil {
		c.t.Fatal(err)
	}
	ack, err := packets.ReadPacket(c)
	if err != nil {
		c.t.Fatal(err)
	}
	return ack.(*packets.ConnackPacket).ReturnCode
}

func (c rawClient) subscribe(filter string, qos byte) {
	c.t.Helper()
	p := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	p.MessageID, p.Topics, p.Qoss = 1, []string{filter}, []byte{qos}
	if err := p.Write(c); err != nil {
		c.t.Fatal(err)
	}
	if _, err := packets.ReadPacket(c); err != nil {
		c.t.Fatal(err)
	}
}

// waitClosed reads until the broker has closed the connection.
func (c rawClient) waitClosed() {
	c.t.Helper()
	if _, err := io.Copy(io.Discard, c); err != nil && errors.Is(err, errTimeout(err)) {
		c.t.Errorf("the connection is not closed: %v", err)
	}
}

// errTimeout is err if it is a timeout.
func errTimeout(err error) error {
	var n net.Error
	if errors.As(err, &n) && n.Timeout() {
		return err
	}
	return nil
}

func TestBrokerSlowSubscriber(t *testing.T) {
	b, log := newTestBroker(t, nil)
	slow := dialRaw(t, b)
	slow.connect("slow", asViewer)
	slow.subscribe("camrelay/#", 1)
	quick := collect(t, b, "camrelay/#")
	payload := bytes.Repeat([]byte("x"), 32<<10)
	began := time.Now()
	// More than sockets hold, and than is kept for a client.
	const n = 400
	for i := range n {
		if err := b.Publish(fmt.Sprint("camrelay/t", i), payload, 1, false); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took > writeStall/3 {
		t.Errorf("publishing took %v", took)
	}
	quick.wait(t, fmt.Sprint("camrelay/t", n-1), string(payload))
	log.wait(t, errSlow.Error())
	slow.waitClosed()
}

func TestBrokerStrangers(t *testing.T) {
	b, log := newTestBroker(t, func(o *BrokerOptions) { o.LoginTimeout = 500 * time.Millisecond })
	var strangers []rawClient
	for range maxStrangers {
		strangers = append(strangers, dialRaw(t, b))
	}
	testkit.Eventually(t, 5*time.Second, func() bool {
		b.listener.mu.Lock()
		defer b.listener.mu.Unlock()
		return len(b.listener.conns) == maxStrangers
	}, "all are accepted")
	dialRaw(t, b).waitClosed()
	log.wait(t, "have not logged in yet")
	for _, s := range strangers {
		s.waitClosed()
	}
}

func TestBrokerBadPackets(t *testing.T) {
	b, _ := newTestBroker(t, nil)
	for name, bytes := range map[string]string{
		"http":     "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"too long": "\x10\xff\xff\xff\x7f",
		"no login": "\xc0\x00",
	} {
		t.Run(name, func(t *testing.T) {
			c := dialRaw(t, b)
			if _, err := c.Write([]byte(bytes)); err != nil {
				t.Fatal(err)
			}
			c.waitClosed()
		})
	}
}

func TestBrokerClientIDs(t *testing.T) {
	b, _ := newTestBroker(t, nil)
	all := collect(t, b, "camrelay/#")
	viewer, door := dialRaw(t, b), dialRaw(t, b)
	for _, c := range []struct {
		rawClient
		id string
		as login
		rc byte
	}{
		{viewer, "inline", asViewer, 0}, {door, "inline", asDoor, 0},
		{dialRaw(t, b), strings.Repeat("x", maxClientID+1), asDoor, packets.ErrRefusedIDRejected},
	} {
		if rc := c.connect(c.id, c.as); rc != c.rc {
			t.Errorf("%s is answered %d, want %d", c.as.user, rc, c.rc)
		}
	}
	viewer.subscribe("camrelay/#", 0)
	door.subscribe("camrelay/cam/door/#", 0) // not thrown out by the viewer
	if err := b.Publish("camrelay/cam/door/x", []byte("1"), 0, false); err != nil {
		t.Fatal(err)
	}
	all.wait(t, "camrelay/cam/door/x", "1") // nor was the relay itself
	again := dialRaw(t, b)
	again.connect("inline", asDoor)
	door.waitClosed() // its own next connection does that
}

func TestBrokerRecheck(t *testing.T) {
	dir := newDirectory()
	b, log := newTestBroker(t, func(o *BrokerOptions) { o.Auth = dir })
	door, yard, viewer := dialRaw(t, b), dialRaw(t, b), dialRaw(t, b)
	door.connect("d", asDoor)
	yard.connect("y", asYard)
	viewer.connect("v", asViewer)
	dir.forget("door", viewerToken)
	b.Recheck()
	door.waitClosed()
	viewer.waitClosed()
	yard.subscribe("camrelay/cam/yard/#", 0)
	if n := strings.Count(log.String(), "its password is no longer valid"); n != 2 {
		t.Errorf("%d clients were dropped", n)
	}
}

func TestBrokerTooManyOfOne(t *testing.T) {
	b, _ := newTestBroker(t, nil)
	for i := range maxConnections + 1 {
		want := byte(0)
		if i == maxConnections {
			want = packets.ErrRefusedServerUnavailable
		}
		if rc := dialRaw(t, b).connect(fmt.Sprint("c", i), asDoor); rc != want {
			t.Errorf("connection %d is answered %d, want %d", i+1, rc, want)
		}
	}
	if rc := dialRaw(t, b).connect("c", asYard); rc != 0 {
		t.Errorf("another camera is answered %d", rc)
	}
}

func TestBrokerLogsNoSecrets(t *testing.T) {
	b, log := newTestBroker(t, nil)
	dialRaw(t, b).connect("good", asDoor)
	dialRaw(t, b).connect("bad", login{"door", "crk_wrongwrongwrong"})
	twice := dialRaw(t, b)
	twice.connect("one", asAdmin)
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion, p.ClientIdentifier, p.CleanSession = "MQTT", 4, "two", true
	p.UsernameFlag, p.PasswordFlag, p.Username, p.Password = true, true, "x", []byte(adminToken)
	if err := p.Write(twice); err != nil {
		t.Fatal(err)
	}
	twice.waitClosed()
	log.wait(t, "error processing packet")
	for _, secret := range []string{doorKey, adminToken, "crk_wrong"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%s is in the log", secret)
		}
	}
}

func TestBrokerClose(t *testing.T) {
	testkit.Leaks(t)
	b, _ := newTestBroker(t, nil)
	all := collect(t, b, "camrelay/#")
	stranger, door := dialRaw(t, b), dialRaw(t, b)
	door.connect("d", asDoor)
	door.subscribe("camrelay/cam/door/#", 1)
	began := time.Now()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	stranger.waitClosed()
	door.waitClosed()
	if err := b.Publish("camrelay/x", nil, 0, false); !errors.Is(err, ErrClosed) {
		t.Errorf("publishing gives %v", err)
	}
	if err := b.Subscribe("camrelay/#", all.add); !errors.Is(err, ErrClosed) {
		t.Errorf("subscribing gives %v", err)
	}
}

// TestBrokerCloseInTraffic closes while clients come and go.
func TestBrokerCloseInTraffic(t *testing.T) {
	for range 10 {
		b, _ := newTestBroker(t, nil)
		var clients sync.WaitGroup
		started := make(chan struct{}, 1)
		for i := range 4 {
			clients.Go(func() {
				for {
					c, err := net.Dial("tcp", b.Addr().String())
					if err != nil {
						return
					}
					p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
					p.ProtocolName, p.ProtocolVersion, p.CleanSession, p.ClientIdentifier = "MQTT", 4, true, fmt.Sprint(i)
					p.UsernameFlag, p.PasswordFlag, p.Username, p.Password = true, true, "x", []byte(viewerToken)
					_ = p.Write(c)
					_ = c.SetReadDeadline(time.Now().Add(time.Second))
					_, _ = packets.ReadPacket(c)
					_ = c.Close()
					select {
					case started <- struct{}{}:
					default:
					}
				}
			})
		}
		<-started
		closed := make(chan error, 1)
		go func() { closed <- b.Close() }()
		select {
		case err := <-closed:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("it hangs")
		}
		clients.Wait()
	}
}

func TestBrokerAddressTaken(t *testing.T) {
	b, _ := newTestBroker(t, nil)
	_, err := NewBroker(BrokerOptions{Listen: b.Addr().String(), Topics: "camrelay", Log: new(logbook).logger()})
	if err == nil || !strings.Contains(err.Error(), b.Addr().String()) || !strings.Contains(err.Error(), "mqtt.listen") {
		t.Errorf("got %v", err)
	}
}
