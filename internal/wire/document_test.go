package wire

import (
	"encoding/json"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// section is the part of docs/protocol.md below a heading.
func section(t *testing.T, headings ...string) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, h := range headings {
		_, rest, ok := strings.Cut(text, "\n"+h+"\n")
		if !ok {
			t.Fatalf("docs/protocol.md has no heading %q", h)
		}
		text = rest
	}
	level, _, _ := strings.Cut(headings[len(headings)-1], " ")
	for l := 1; l <= len(level); l++ {
		text, _, _ = strings.Cut(text, "\n"+strings.Repeat("#", l)+" ")
	}
	return text
}

// examples are the JSON texts of the document's section.
func examples(t *testing.T, headings ...string) (texts []string) {
	t.Helper()
	rest := section(t, headings...)
	for {
		_, after, ok := strings.Cut(rest, "```json\n")
		if !ok {
			break
		}
		block, after, _ := strings.Cut(after, "```")
		rest = after
		for line := range strings.Lines(block) {
			if strings.HasPrefix(line, " ") { // goes on
				texts[len(texts)-1] += strings.TrimSpace(line)
			} else {
				texts = append(texts, strings.TrimSpace(line))
			}
		}
	}
	if len(texts) == 0 {
		t.Fatalf("no example below %v", headings)
	}
	return texts
}

// sameJSON compares two texts as JSON.
func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return reflect.DeepEqual(x, y)
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// withKind adds the "t" that the structs of texts from a camera do not have.
func withKind(kind, text string) string { return `{"t":"` + kind + `",` + text[1:] }

func TestCameraExamples(t *testing.T) {
	seen := map[string]int{}
	for _, example := range examples(t, "## 1. A camera pushes frames", "### Up") {
		text, err := ParseCameraText([]byte(example))
		if err != nil {
			t.Errorf("%s: %v", example, err)
			continue
		}
		switch {
		case text.Hello != nil:
			seen[KindHello]++
			example, text := example, withKind(KindHello, encoded(t, text.Hello))
			if !sameJSON(t, example, text) {
				t.Errorf("%s became %s", example, text)
			}
		case text.Stats != nil:
			seen[KindStats]++
			if got := withKind(KindStats, encoded(t, text.Stats)); !sameJSON(t, example, got) {
				t.Errorf("%s became %s", example, got)
			}
		case text.Ack != nil:
			seen[KindAck]++
			if got := withKind(KindAck, encoded(t, text.Ack)); !sameJSON(t, example, got) {
				t.Errorf("%s became %s", example, got)
			}
		}
	}
	if !reflect.DeepEqual(seen, map[string]int{KindHello: 1, KindStats: 1, KindAck: 2}) {
		t.Errorf("examples: %v", seen)
	}
}

// The relay says exactly what the document shows, byte for byte.
func TestCommandExamples(t *testing.T) {
	seen := map[string]bool{}
	for _, example := range examples(t, "## 1. A camera pushes frames", "### Down") {
		c, err := ParseCommand([]byte(example))
		if err != nil {
			t.Errorf("%s: %v", example, err)
			continue
		}
		seen[c.T] = true
		b, err := c.Encode()
		if err != nil || !sameJSON(t, example, string(b)) || len(b) != len(example) {
			t.Errorf("%s became %s, %v", example, b, err)
		}
	}
	for _, kind := range []string{KindSet, KindPace, KindPause, KindResume} {
		if !seen[kind] {
			t.Errorf("the document has no example of %s", kind)
		}
	}
}

func TestViewerExamples(t *testing.T) {
	seen := map[string]bool{}
	for _, example := range examples(t, "## 4. `camrelay.view.v1`", "### Text, viewer to relay") {
		text, err := ParseViewText([]byte(example))
		if err != nil {
			t.Errorf("%s: %v", example, err)
			continue
		}
		switch {
		case text.Watch != nil:
			seen[KindWatch] = true
			if got := withKind(KindWatch, encoded(t, text.Watch)); !sameJSON(t, example, got) {
				t.Errorf("%s became %s", example, got)
			}
		case text.Clock != nil:
			seen[KindClock] = true
			if got := encoded(t, text.Clock); !sameJSON(t, example, got) {
				t.Errorf("%s became %s", example, got)
			}
		case text.Set != nil:
			seen[KindSet] = true
			if s := text.Set; s.ID != 3 || s.Camera != "door" || s.Settings["quality"] != 10 || s.Take {
				t.Errorf("%s became %+v", example, s)
			}
		}
	}
	if len(seen) != 3 {
		t.Errorf("examples: %v", seen)
	}
}

func TestRelayExamples(t *testing.T) {
	seen := map[string]bool{}
	for _, example := range examples(t, "## 4. `camrelay.view.v1`", "### Text, relay to viewer") {
		if !strings.Contains(example, `"t":`) {
			var c Camera
			if err := json.Unmarshal([]byte(example), &c); err != nil {
				t.Errorf("%s: %v", example, err)
			}
			if got := encoded(t, c); !sameJSON(t, example, got) {
				t.Errorf("%s became %s", example, got)
			}
			seen["CAMERA"] = true
			continue
		}
		if strings.Contains(example, "CAMERA") {
			continue // not JSON
		}
		kind, err := Kind([]byte(example))
		if err != nil {
			t.Errorf("%s: %v", example, err)
		}
		seen[kind] = true
		var into any
		switch kind {
		case KindClock:
			into = new(Clock)
		case KindSet:
			into = new(ViewSet)
		default:
			continue // the relay's own
		}
		if err := json.Unmarshal([]byte(example), into); err != nil {
			t.Errorf("%s: %v", example, err)
		}
		if got := encoded(t, into); !sameJSON(t, example, got) {
			t.Errorf("%s became %s", example, got)
		}
	}
	for _, kind := range []string{"CAMERA", KindWelcome, KindGone, KindClock, KindSet} {
		if !seen[kind] {
			t.Errorf("the document has no example of %s", kind)
		}
	}
}

// The table of settings in the document is the one in the code.
func TestSettingsTable(t *testing.T) {
	documented := map[string]string{}
	for line := range strings.Lines(section(t, "## 1. A camera pushes frames", "### Down")) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 5 {
			continue
		}
		for _, pair := range [][]string{cells[0:2], cells[3:5]} {
			for name := range strings.SplitSeq(pair[0], ",") {
				if name = strings.Trim(name, " `"); name != "" && name != "name" && !strings.Contains(name, "--") {
					documented[name] = strings.Trim(pair[1], " `")
				}
			}
		}
	}
	names := strings.Fields(documented[FrameSizeSetting])
	if len(names) != len(FrameSizes()) {
		t.Errorf("the document has the sizes %v", names)
	}
	for i, size := range FrameSizes() {
		if i < len(names) && names[i] != size.Name {
			t.Errorf("size %d is %s, the document says %s", i, size.Name, names[i])
		}
	}
	delete(documented, FrameSizeSetting)
	if len(documented) != len(settingRanges()) {
		t.Errorf("%d settings are documented, there are %d", len(documented), len(settingRanges()))
	}
	for _, r := range settingRanges() {
		words := strings.FieldsFunc(documented[r.Name], func(c rune) bool { return c != '-' && (c < '0' || c > '9') })
		if len(words) < 2 || words[0] != strconv.Itoa(r.Min) || words[len(words)-1] != strconv.Itoa(r.Max) {
			t.Errorf("%s: %d to %d, the document says %q", r.Name, r.Min, r.Max, documented[r.Name])
		}
	}
}
