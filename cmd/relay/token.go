package main

import (
	"errors"
	"fmt"
	"io"

	"camrelay/internal/auth"
	"camrelay/internal/store"
)

// token makes a token while the relay does not run: the way back in for someone
// who lost the first one.
func token(args []string, stdout, stderr io.Writer) error {
	o := newOptions("token", "makes a new token in the data directory of a relay that does not run, and prints it.", stderr)
	name := o.flags.String("name", "", "what the token is `for`; required")
	roleName := o.flags.String("role", "admin", "viewer or admin")
	if err := o.parse(args); err != nil {
		return err
	}
	role, err := auth.ParseRole(*roleName)
	if err != nil {
		return err
	}
	if *name == "" {
		return errors.New(`--name is missing: say what the token is for, like --name "kitchen tablet"`)
	}
	cfg, err := o.load()
	if err != nil {
		return err
	}
	st, first, err := store.Open(cfg.Data)
	if err != nil {
		return err
	}
	defer st.Close()
	text, _, err := st.AddToken(*name, role)
	if err != nil {
		return err
	}
	if first != "" {
		fmt.Fprintf(stderr, "%s was new; its first admin token, shown this once, is %s\n", cfg.Data, first)
	}
	fmt.Fprintln(stdout, text)
	return nil
}
