package mqtt

import (
	"testing"

	"camrelay/internal/auth"
)

func TestOverlap(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"#", "camrelay/#", true},
		{"+/cam/door/status", "camrelay/#", true},
		{"camrelay", "camrelay/#", true},
		{"camrelay/#", "camrelay", true},
		{"+", "camrelay/#", true},
		{"camrelay2/x", "camrelay/#", false},
		{"other/#", "camrelay/#", false},
		{"a/+/c", "a/b/+", true},
		{"a/+/c", "a/b/d", false},
		{"a/b", "a/b/c", false},
		{"a/+", "a/b/c", false},
		{"#", "$SYS/#", false},
		{"$SYS/#", "$SYS/broker", true},
		{"$share/g/camrelay/#", "camrelay/#", false},
		{"", "camrelay/#", false},
	} {
		if got := overlap(test.a, test.b); got != test.want {
			t.Errorf("overlap(%q, %q) = %v, want %v", test.a, test.b, got, test.want)
		}
		if got := overlap(test.b, test.a); got != test.want {
			t.Errorf("overlap(%q, %q) = %v, want %v", test.b, test.a, got, test.want)
		}
	}
}

func TestACL(t *testing.T) {
	var (
		door    = identity{camera: "door"}
		viewer  = identity{role: auth.RoleViewer}
		admin   = identity{role: auth.RoleAdmin}
		nobody  = identity{}
		a       = acl{"home/cams"}
		long    = "home/cams/cam/door/" + string(make([]byte, maxTopic))
		longOTA = "home/cams/ota/" + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	)
	for _, test := range []struct {
		who   identity
		may   string // p: publish, s: subscribe, r: receive
		topic string
	}{
		{door, "psr", "home/cams/cam/door/status"},
		{door, "psr", "home/cams/cam/door/ota/ack"},
		{door, "sr", "home/cams/cam/door/ota/cmd"},
		{door, "s", "home/cams/cam/door/#"},
		{door, "s", "home/cams/cam/door/+/cmd"},
		{door, "", "home/cams/cam/door"},
		{door, "", "home/cams/cam/doors/status"},
		{door, "", "home/cams/cam/yard/status"},
		{door, "", "home/cams/cam/+/status"},
		{door, "", "home/cams/ota/door"},
		{door, "", "home/cams/#"},
		{door, "", "#"},
		{door, "", "$SYS/#"},
		{viewer, "sr", "home/cams/cam/door/status"},
		{viewer, "sr", "home/cams/relay/lab/status"},
		{viewer, "sr", "home/cams/ota/door/state"},
		{viewer, "sr", "home/cams/ota/door"},
		{viewer, "sr", "homeassistant/update/x/config"},
		{viewer, "", "home/cams/cam/door/ota/cmd"},
		{viewer, "", "home/cams/cam/door/ota/ack"},
		{viewer, "", "home/cams/cam/+/ota/ack"},
		{viewer, "", "$SYS/broker/uptime"},
		{viewer, "", "other/x"},
		{viewer, "", "home/other"},
		{admin, "psr", "home/cams/ota/door"},
		{admin, "psr", "home/cams/ota/Dor"},
		{admin, "psr", "home/cams/ota/all"},
		{admin, "psr", "home/cams/ota/group/yard"},
		{admin, "sr", "home/cams/ota/group"},
		{admin, "sr", "home/cams/ota/door/state"},
		{admin, "sr", "home/cams/ota/rollout/1"},
		{admin, "sr", "home/cams/ota/"},
		{admin, "sr", longOTA},
		{admin, "sr", "home/cams/cam/door/status"},
		{admin, "sr", "home/cams/cam/door/ota/cmd"},
		{admin, "sr", "home/cams/relay/lab/status"},
		{admin, "psr", "homeassistant/status"},
		{admin, "sr", "$SYS/broker/uptime"},
		{admin, "", "other/x"},
		{admin, "", ""},
		{nobody, "", "home/cams/cam/door/status"},
		{nobody, "", "home/cams/ota/door"},
		{nobody, "", "#"},
	} {
		got := ""
		if a.publish(test.who, test.topic) {
			got += "p"
		}
		if a.subscribe(test.who, test.topic) {
			got += "s"
		}
		if a.receive(test.who, test.topic) && test.topic[len(test.topic)-1] != '#' && test.may != "s" {
			got += "r"
		}
		if got != test.may {
			t.Errorf("%v may %q with %q, want %q", test.who, got, test.topic, test.may)
		}
	}
	for _, filter := range []string{"#", "+/cams/#", "home/cams/#", "home/cams/cam/+/status"} {
		if !a.subscribe(viewer, filter) {
			t.Errorf("a viewer may not subscribe to %q", filter)
		}
	}
	for _, filter := range []string{"$share/g/home/cams/#", "$SYS/#", "other/#"} {
		if a.subscribe(viewer, filter) {
			t.Errorf("a viewer may subscribe to %q", filter)
		}
	}
	if a.publish(door, long) || a.publish(door, "home/cams/cam/door/a\x00") || a.publish(door, "home/cams/cam/door/+") {
		t.Error("a camera may publish to a topic that is none")
	}
}
