// Ring prints public keys for the camera's program: -ldflags "-X main.ring=…".
package main

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"camrelay/internal/signing"
)

func main() {
	ring, err := signing.LoadPublic(os.Args[1:])
	if err == nil && len(ring) == 0 {
		err = fmt.Errorf("usage: ring PUBLIC-KEY-FILE…")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ring:", err)
		os.Exit(1)
	}
	var keys []string
	for i := range ring {
		keys = append(keys, hex.EncodeToString(ring[i].Public[:]))
	}
	fmt.Println(strings.Join(keys, ","))
}
