// Package mqtt connects the relay to MQTT: either it is the broker itself
// ([Broker]) or it uses another one ([Client]). Both are a [Bus]. [Status]
// keeps the retained topics that say how the relay and its cameras are.
//
// The embedded broker speaks MQTT 3.1.1 and 5 in clear text on one TCP port and
// wants a key or token from everybody, except in lab mode. On a network where
// others can listen, bind it to loopback (mqtt.listen: "127.0.0.1:1883"), or
// leave TLS to another broker (mqtt.url: "mqtts://…"). It keeps nothing on
// disk: sessions end with their connection, and what the relay itself retains
// is published again when it starts.
package mqtt
