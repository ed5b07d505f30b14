package wire

import (
	"fmt"
	"slices"
)

// MaxGroups is how many groups a camera may be in.
const MaxGroups = 16

// CheckGroup says what is wrong with the name of a group of cameras; nil if it
// matches [a-z0-9][a-z0-9-]{0,31}.
func CheckGroup(name string) error {
	if name == "" || len(name) > MaxID {
		return fmt.Errorf("group %.40q: use 1 to %d of a-z, 0-9 and -", name, MaxID)
	}
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && (c != '-' || i == 0) {
			return fmt.Errorf("group %q: %q is not allowed here: use a-z, 0-9 and, not first, -", name, c)
		}
	}
	return nil
}

// CheckGroups says what is wrong with a camera's groups.
func CheckGroups(names []string) error {
	if len(names) > MaxGroups {
		return fmt.Errorf("%d groups: a camera is in at most %d", len(names), MaxGroups)
	}
	for i, name := range names {
		if err := CheckGroup(name); err != nil {
			return err
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("group %q is named twice", name)
		}
	}
	return nil
}
