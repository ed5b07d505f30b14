package bridge

import (
	"camrelay/internal/mqtt"
	"camrelay/internal/ota"
)

// Rollouts is what the bridge tells of requests that are for many cameras; a
// rollout.Manager is one. The group is empty for all.
type Rollouts interface {
	Trigger(group string, payload []byte)
	Refuse(group string, code ota.Code, text string)
}

// many takes a request to all cameras or to a group.
func (b *Bridge) many(rollouts Rollouts, group string, m mqtt.Message) {
	switch {
	case len(m.Payload) == 0:
	case m.Retained:
		b.clear(m, func() {
			rollouts.Refuse(group, ota.RetainedTrigger, "The trigger was published as a retained message and would come again with every restart, so nothing was done. Publish it without -r.")
		})
	default:
		rollouts.Trigger(group, m.Payload)
	}
}

// RolloutState implements rollout.Publisher. No document clears it.
func (b *Bridge) RolloutState(id string, document []byte) {
	if err := b.bus.Publish(b.topics.RolloutState(id), document, 1, true); err != nil {
		b.log.Warn("the state of a rollout is not published", "rollout", id, "reason", err)
	}
}

// RolloutResult implements rollout.Publisher. It waits for a broker that is
// away.
func (b *Bridge) RolloutResult(id string, document []byte) {
	b.await(b.topics.RolloutResult(id), document)
}

// RolloutAnswer implements rollout.Publisher, as RolloutResult.
func (b *Bridge) RolloutAnswer(group string, document []byte) {
	if group == "" {
		b.await(b.topics.UpdateResult(all), document)
		return
	}
	b.await(b.topics.GroupResult(group), document)
}

// RolloutState implements rollout.Publisher.
func (Silent) RolloutState(string, []byte) {}

// RolloutResult implements rollout.Publisher.
func (Silent) RolloutResult(string, []byte) {}

// RolloutAnswer implements rollout.Publisher.
func (Silent) RolloutAnswer(string, []byte) {}
