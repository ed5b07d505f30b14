package mqtt

import (
	"strings"
	"testing"

	"camrelay/internal/auth"
)

// matches is section 4.7 of MQTT 3.1.1, for topics without wildcards.
func matches(filter, topic string) bool {
	if strings.HasPrefix(topic, "$") && !strings.HasPrefix(filter, "$") {
		return false
	}
	fs, ts := strings.Split(filter, "/"), strings.Split(topic, "/")
	for i, f := range fs {
		if f == "#" {
			return true
		}
		if i >= len(ts) || f != "+" && f != ts[i] {
			return false
		}
	}
	return len(fs) == len(ts)
}

func FuzzOverlap(f *testing.F) {
	f.Add("#", "camrelay/#", "camrelay/x")
	f.Add("a/+/c", "a/b/+", "a/b/c")
	f.Add("a/#", "a", "a")
	f.Add("$SYS/+", "$SYS/#", "$SYS/x")
	f.Fuzz(func(t *testing.T, a, b, topic string) {
		if overlap(a, b) != overlap(b, a) {
			t.Errorf("overlap of %q and %q depends on their order", a, b)
		}
		if matches(a, topic) && matches(b, topic) && !overlap(a, b) {
			t.Errorf("%q and %q both match %q", a, b, topic)
		}
	})
}

// FuzzACL checks that nobody gets out of their part of the topics.
func FuzzACL(f *testing.F) {
	for _, topic := range []string{"camrelay/cam/door/status", "camrelay/cam/door/../yard/x", "camrelay/ota/group/x", "camrelay/cam/+/ota/cmd", "$share/a/#"} {
		f.Add(topic)
	}
	a := acl{"camrelay"}
	door, viewer, admin := identity{camera: "door"}, identity{role: auth.RoleViewer}, identity{role: auth.RoleAdmin}
	f.Fuzz(func(t *testing.T, topic string) {
		if a.publish(viewer, topic) {
			t.Errorf("a viewer publishes to %q", topic)
		}
		if (a.publish(door, topic) || a.subscribe(door, topic) || a.receive(door, topic)) && !strings.HasPrefix(topic, "camrelay/cam/door/") {
			t.Errorf("a camera uses %q", topic)
		}
		if a.publish(admin, topic) && !strings.HasPrefix(topic, "camrelay/ota/") && topic != "homeassistant/status" {
			t.Errorf("an admin publishes to %q", topic)
		}
		if a.publish(door, topic) && strings.ContainsAny(topic, "+#") {
			t.Errorf("a camera publishes to the filter %q", topic)
		}
		if a.receive(viewer, topic) && strings.HasPrefix(topic, "camrelay/cam/door/ota/") {
			t.Errorf("a viewer reads %q", topic)
		}
	})
}
