package config

import "reflect"

// Carry takes over the keys that only take effect when the relay starts from the
// configuration in force: what is left is what can be applied now.
func (c *Config) Carry(inForce *Config) {
	before := map[string]reflect.Value{}
	walk(reflect.ValueOf(inForce).Elem(), "", func(key string, v reflect.Value, _ reflect.StructField) { before[key] = v })
	walk(reflect.ValueOf(c).Elem(), "", func(key string, v reflect.Value, f reflect.StructField) {
		if f.Tag.Get("reload") == "restart" {
			v.Set(before[key])
		}
	})
}
