package ota

import (
	"os"
	"strings"
	"testing"
)

// docs/ota.md has every code with its sentence, and every state.
func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/ota.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for code, sentence := range sentences {
		if row := "| `" + string(code) + "` | " + strings.NewReplacer("{", "*", "}", "*").Replace(sentence) + " |"; !strings.Contains(text, row) {
			t.Errorf("docs/ota.md lacks\n%s", row)
		}
	}
	for _, s := range []State{Queued, Prechecking, Preparing, Ready, Downloading, Verifying, Activated, Rebooting, Confirming, Overdue, Succeeded, Failed, RolledBack, Cancelled, Rejected, Superseded, Lost} {
		if !strings.Contains(text, "`"+string(s)+"`") {
			t.Errorf("docs/ota.md lacks the state %s", s)
		}
	}
}
