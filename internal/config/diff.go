package config

import (
	"reflect"
	"slices"
)

// Changes is the difference of two configurations, all lists sorted.
type Changes struct {
	// Added, Removed and Changed are ids of cameras; all others keep running.
	Added, Removed, Changed []string
	// Live are changed keys that take effect at once.
	Live []string
	// Restart are changed keys that take effect when the relay starts again.
	Restart []string
}

// IsZero reports whether nothing changed.
func (c Changes) IsZero() bool {
	return len(c.Added)+len(c.Removed)+len(c.Changed)+len(c.Live)+len(c.Restart) == 0
}

// Diff says what changed between the configuration in force and a new one.
// A secret read from a file or variable has changed when its text has.
func Diff(old, new *Config) Changes {
	var c Changes
	before := map[string]reflect.Value{}
	walk(reflect.ValueOf(old).Elem(), "", func(key string, v reflect.Value, _ reflect.StructField) { before[key] = v })
	walk(reflect.ValueOf(new).Elem(), "", func(key string, v reflect.Value, f reflect.StructField) {
		switch {
		case key == "cameras" || reflect.DeepEqual(before[key].Interface(), v.Interface()):
		case f.Tag.Get("reload") == "restart":
			c.Restart = append(c.Restart, key)
		default:
			c.Live = append(c.Live, key)
		}
	})
	c.diffCameras(old.Cameras, new.Cameras)
	for _, list := range []([]string){c.Added, c.Removed, c.Changed, c.Live, c.Restart} {
		slices.Sort(list)
	}
	return c
}

func (c *Changes) diffCameras(old, new []Camera) {
	before := map[string]Camera{}
	for _, cam := range old {
		before[cam.ID] = cam
	}
	for _, cam := range new {
		was, ok := before[cam.ID]
		delete(before, cam.ID)
		switch {
		case !ok:
			c.Added = append(c.Added, cam.ID)
		case !reflect.DeepEqual(was, cam):
			c.Changed = append(c.Changed, cam.ID)
		}
	}
	for id := range before {
		c.Removed = append(c.Removed, id)
	}
}
