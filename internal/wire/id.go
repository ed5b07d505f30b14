package wire

import "fmt"

// MaxID is the longest camera id, in bytes.
const MaxID = 32

// reserved are ids that mean something else in MQTT topics.
func reserved(id string) bool {
	return id == "all" || id == "group" || id == "relay" || id == "rollout"
}

// CheckID says what is wrong with a camera id; nil if it matches
// [a-z0-9][a-z0-9-]{0,31} and is not a reserved word.
func CheckID(id string) error {
	switch {
	case id == "":
		return fmt.Errorf("camera id is empty: use 1 to %d of a-z, 0-9 and -", MaxID)
	case len(id) > MaxID:
		return fmt.Errorf("camera id %.40q is longer than %d characters", id, MaxID)
	case reserved(id):
		return fmt.Errorf("camera id %q is a reserved word: choose another", id)
	}
	for i := range len(id) {
		c := id[i]
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' && i > 0 {
			continue
		}
		return fmt.Errorf("camera id %q: %q is not allowed here: use a-z, 0-9 and, not first, -", id, c)
	}
	return nil
}
