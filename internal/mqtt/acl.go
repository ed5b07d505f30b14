package mqtt

import (
	"strings"

	"camrelay/internal/auth"
)

// maxTopic is the longest topic a client may publish to, in bytes.
const maxTopic = 256

// What people may use beside the relay's own topics: Home Assistant's
// discovery, and the broker's figures.
const (
	discoveryFilter = "homeassistant/#"
	discoveryBirth  = "homeassistant/status"
	brokerFilter    = "$SYS/#"
)

// acl is who may do what:
//
//	            publish                         read
//	camera      R/cam/{id}/… but its commands   R/cam/{id}/…
//	viewer      nothing                         R/…, homeassistant/…, but commands and their answers
//	admin       R/ota/{camera}, R/ota/all,      R/…, homeassistant/…, $SYS/…
//	            R/ota/group/{group},
//	            homeassistant/status
type acl struct{ topics Topics }

// publish reports whether a client may publish to a topic.
func (a acl) publish(who identity, topic string) bool {
	if topic == "" || len(topic) > maxTopic || strings.ContainsAny(topic, "+#\x00") {
		return false
	}
	if who.camera != "" {
		rest, ok := strings.CutPrefix(topic, a.topics.Camera(who.camera)+"/")
		return ok && rest != "" && topic != a.topics.Command(who.camera)
	}
	return who.role >= auth.RoleAdmin && (a.topics.isTrigger(topic) || topic == discoveryBirth)
}

// receive reports whether a client may get the messages of a topic.
func (a acl) receive(who identity, topic string) bool {
	if who.camera != "" {
		return strings.HasPrefix(topic, a.topics.Camera(who.camera)+"/")
	}
	if who.role < auth.RoleViewer || who.role < auth.RoleAdmin && a.topics.isCommand(topic) {
		return false
	}
	return a.readable(who, topic)
}

// subscribe reports whether a client may use a filter. It may when anything
// the filter can match may be read: "#" is fine, and brings no more than the
// client may have, because receive judges each message.
func (a acl) subscribe(who identity, filter string) bool {
	switch {
	case who.camera != "":
		return strings.HasPrefix(filter, a.topics.Camera(who.camera)+"/")
	case who.role < auth.RoleViewer, strings.HasPrefix(filter, "$share/"):
		return false
	case who.role < auth.RoleAdmin && !strings.Contains(filter, "#") && a.topics.isCommand(filter):
		return false
	}
	return a.readable(who, filter)
}

func (a acl) readable(who identity, filter string) bool {
	return overlap(filter, string(a.topics)+"/#") || overlap(filter, discoveryFilter) ||
		who.role >= auth.RoleAdmin && overlap(filter, brokerFilter)
}
