package engine

import (
	"camrelay/firmware/core/mqtt"
	"camrelay/firmware/core/update"
)

// What the topic of presence says.
const (
	online  = "online"
	offline = "offline"
)

// topics are those of docs/protocol.md, sections 6 and 7.
type topics struct{ command, ack, presence string }

func (t *topics) make(root, id string) {
	base := root + "/cam/" + id
	t.command, t.ack, t.presence = base+"/ota/cmd", base+"/ota/ack", base+"/presence"
}

func (e *Engine) stepBroker() bool { return e.hasBroker && e.broker.Step(e.now) }

func (e *Engine) brokerReady() bool { return !e.hasBroker || e.broker.State() == mqtt.Ready }

// brokerEvents hears of MQTT.
type brokerEvents struct{ *Engine }

// OnMessage implements mqtt.Handler. There is one subscription, so each message
// is an order. A retained one is old.
func (e brokerEvents) OnMessage(_, payload []byte, retained, _ bool) {
	if !retained {
		e.updater.Command(e.now, payload)
	}
}

// OnState implements mqtt.Handler.
func (e brokerEvents) OnState(s mqtt.State, _ error) {
	if s != mqtt.Ready {
		return
	}
	e.sayPresence(online)
	e.updater.Booted()
}

// sayPresence publishes what the will is the other side of. What does not fit
// now is said by the next connection.
func (e *Engine) sayPresence(p string) {
	if e.hasBroker && e.broker.State() == mqtt.Ready {
		_ = e.broker.Publish(e.topics.presence, append(e.text[:0], p...), mqtt.QoS1|mqtt.Retain|mqtt.Latest)
	}
}

// OnTrouble implements mqtt.Handler: nothing can be done about it.
func (e brokerEvents) OnTrouble(error, int) {}

// device is what an update needs of the camera.
type device struct{ *Engine }

var _ update.Device = device{}

func (e device) CloseStream()       { e.closeStream() }
func (e device) StreamClosed() bool { return e.streamOver() }
func (e device) ForceStream()       { e.Engine.forceStream() }
func (e device) StopServer()        { e.control.Stop(e.now) }

func (e device) ServerStopped() bool { return e.control.Stopped() }

func (e device) CameraOff() { e.sensor.Stop() }

func (e device) CameraIsOff() bool { return !e.sensorRuns() }

func (e device) Restore() {
	e.stream.held, e.stream.closing = false, false
	e.streamer.Wake()
	if !e.sensorRuns() {
		e.sensor.Start()
	}
	e.startServer()
}

func (e device) Restored() bool {
	return e.sensorRuns() && (!e.hasServer() || !e.control.Stopped())
}

// Report says it by MQTT if that is there, else by the WebSocket.
func (e device) Report(ack []byte) update.Delivery {
	if e.hasBroker && e.broker.State() == mqtt.Ready {
		if e.broker.Publish(e.topics.ack, ack, mqtt.QoS1) == nil {
			return update.Taken
		}
		return update.Full
	}
	if e.stream.open && !e.stream.held {
		if e.out.put(ack) {
			return update.Taken
		}
		return update.Full
	}
	return update.NoChannel
}

func (e device) Reported() bool {
	if e.hasBroker && e.broker.State() == mqtt.Ready {
		return e.broker.Pending() == 0
	}
	return !e.out.waits()
}

func (e device) Reboot() { e.reboot() }
