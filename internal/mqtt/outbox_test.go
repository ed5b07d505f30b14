package mqtt

import (
	"errors"
	"strings"
	"testing"
)

func text(batch []outgoing) string {
	var parts []string
	for _, m := range batch {
		parts = append(parts, m.topic+"="+string(m.payload))
	}
	return strings.Join(parts, " ")
}

func TestOutboxKeepsTheNewest(t *testing.T) {
	o := newOutbox()
	for _, m := range []string{"a=1", "b=1", "a=2", "c=1", "a=3"} {
		topic, payload, _ := strings.Cut(m, "=")
		if err := o.put(topic, []byte(payload), 1, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.put("event", nil, 1, false); !errors.Is(err, ErrOffline) {
		t.Errorf("offline, an event gives %v", err)
	}
	o.connected()
	if got := text(o.next(2)); got != "a=3 b=1" {
		t.Errorf("first %q", got)
	}
	if got := text(o.next(2)); got != "c=1" {
		t.Errorf("then %q", got)
	}
	o.disconnected()
	o.connected() // it may have lost everything
	if got := text(o.next(9)); got != "a=3 b=1 c=1" {
		t.Errorf("after reconnecting %q", got)
	}
}

func TestOutboxClears(t *testing.T) {
	o := newOutbox()
	_ = o.put("a", []byte("1"), 1, true)
	_ = o.put("a", nil, 1, true)
	o.connected()
	batch := o.next(9)
	if got := text(batch); got != "a=" {
		t.Fatalf("got %q", got)
	}
	o.fail(batch)
	batch = o.next(9)
	if got := text(batch); got != "a=" {
		t.Fatalf("after failure %q", got)
	}
	o.confirm(batch[0])
	o.connected()
	if got := text(o.next(9)); got != "" {
		t.Errorf("cleared again: %q", got)
	}
	_ = o.put("a", nil, 1, true)
	batch = o.next(9)
	_ = o.put("a", []byte("2"), 1, true) // while it was being cleared
	o.confirm(batch[0])
	if got := text(o.next(9)); got != "a=2" {
		t.Errorf("the new content is lost: %q", got)
	}
}

func TestOutboxEvents(t *testing.T) {
	o := newOutbox()
	o.connected()
	for _, e := range []string{"1", "2", "3"} {
		if err := o.put("e", []byte(e), 1, false); err != nil {
			t.Fatal(err)
		}
	}
	_ = o.put("q0", nil, 0, false)
	batch := o.next(2)
	o.fail(append(batch, o.next(2)...))
	if got := text(o.next(9)); got != "e=1 e=2 e=3" {
		t.Errorf("after failure %q", got)
	}
	for range maxEvents {
		if err := o.put("e", nil, 1, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.put("e", nil, 1, false); !errors.Is(err, ErrBusy) {
		t.Errorf("one too many gives %v", err)
	}
	o.close()
	if err := o.put("e", nil, 1, true); !errors.Is(err, ErrClosed) {
		t.Errorf("closed, it gives %v", err)
	}
}
