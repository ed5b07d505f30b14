package provision

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/config"
	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/flash/norsim"
	"camrelay/internal/elfimage"
)

func values(t *testing.T, ssid string) *config.Values {
	t.Helper()
	var v config.Values
	if err := v.Set(config.SSID, []byte(ssid)); err != nil {
		t.Fatal(err)
	}
	return &v
}

// factory is a chip with factory data, and a boot record behind them.
func factory(t *testing.T, ssid string) *norsim.Flash {
	t.Helper()
	chip := norsim.New(boot.ChipSize)
	data, err := elfimage.FactoryData(values(t, ssid))
	if err != nil {
		t.Fatal(err)
	}
	if err := flash.Program(chip, boot.FactoryOffset, data); err != nil {
		t.Fatal(err)
	}
	if err := chip.Program(boot.RecordsOffset, []byte("CMBT")); err != nil {
		t.Fatal(err)
	}
	return chip
}

func loads(t *testing.T, chip *norsim.Flash, bench Bench) string {
	t.Helper()
	var v config.Values
	if err := Load(chip, &v, &bench); err != nil {
		t.Fatal(err)
	}
	return string(v.Get(config.SSID))
}

func TestLoad(t *testing.T) {
	if got := loads(t, norsim.New(boot.ChipSize), Bench{}); got != "" {
		t.Errorf("from nothing: %q", got)
	}
	chip := norsim.New(boot.ChipSize)
	if got := loads(t, chip, Bench{SSID: "bench"}); got != "bench" {
		t.Errorf("as compiled: %q", got)
	}
	if got := loads(t, chip, Bench{SSID: "another"}); got != "bench" {
		t.Errorf("the second time: %q", got)
	}
	chip = factory(t, "factory")
	before := make([]byte, 2*flash.Sector)
	if err := chip.Read(boot.FactoryOffset, before); err != nil {
		t.Fatal(err)
	}
	if got := loads(t, chip, Bench{SSID: "bench"}); got != "factory" {
		t.Errorf("from the factory: %q", got)
	}
	after := make([]byte, 2*flash.Sector)
	if err := chip.Read(boot.FactoryOffset, after); err != nil || !bytes.Equal(before, after) {
		t.Errorf("factory data or boot record have changed: %v", err)
	}
	var store config.Store
	if err := store.Open(chip, boot.SettingsOffset); err != nil {
		t.Fatal(err)
	}
	if err := store.Save(values(t, "people").Bytes()); err != nil {
		t.Fatal(err)
	}
	if got := loads(t, chip, Bench{SSID: "bench"}); got != "people" {
		t.Errorf("what people set: %q", got)
	}
}

func TestLoadRefuses(t *testing.T) {
	var v config.Values
	if err := Load(norsim.New(boot.ChipSize), &v, &Bench{Relay: "wss://relay"}); err != config.ErrURL {
		t.Errorf("%v", err)
	}
	if err := (firstSector{norsim.New(boot.ChipSize)}).Erase(boot.RecordsOffset); err == nil {
		t.Error("factory data can be written")
	}
}

func TestRing(t *testing.T) {
	one, two := strings.Repeat("a1", 32), strings.Repeat("B2", 32)
	for text, want := range map[string]int{"": 0, one: 1, one + "," + two: 2} {
		keys, err := Ring(text)
		if err != nil || len(keys) != want {
			t.Errorf("%q: %d keys, %v", text, len(keys), err)
		}
		if want > 0 && hex.EncodeToString(keys[0].Public[:]) != one {
			t.Errorf("%x", keys[0].Public)
		}
	}
	for _, text := range []string{"a1", one + two, one + "," + "a1", one + ";" + two, strings.Repeat("x", 64), "," + one} {
		if _, err := Ring(text); err != ErrRing {
			t.Errorf("%q: %v", text, err)
		}
	}
}
