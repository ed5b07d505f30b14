package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"camrelay/internal/config"
)

// options are the flags that say which configuration holds.
type options struct {
	flags *flag.FlagSet
	file  string
	set   []string // key=value, later ones win
}

// newOptions makes the flags of a subcommand. Each key of the configuration
// can be set by --set or by a CAMRELAY_ variable; the most used have a flag of
// their own.
func newOptions(name, what string, stderr io.Writer) *options {
	o := &options{flags: flag.NewFlagSet("relay "+name, flag.ContinueOnError)}
	o.flags.SetOutput(stderr)
	o.flags.Usage = func() {
		fmt.Fprintf(stderr, "relay %s %s\n\n", name, what)
		o.flags.PrintDefaults()
	}
	o.flags.StringVar(&o.file, "config", os.Getenv("CAMRELAY_CONFIG"), "configuration `file`; without one, the defaults hold (CAMRELAY_CONFIG)")
	for _, f := range []struct{ flag, key, usage string }{
		{"listen", "listen", "TCP `address` of the HTTP server, like :8080"},
		{"data", "data", "`directory` of the relay's state"},
		{"mqtt-listen", "mqtt.listen", "TCP `address` of the embedded MQTT broker; empty for none"},
	} {
		usage := fmt.Sprintf("%s (%s)", f.usage, config.EnvName(f.key))
		o.flags.Func(f.flag, usage, func(v string) error { return o.add(f.key, v) })
	}
	o.flags.BoolFunc("lab", "ask for no keys or tokens, take cameras that are not known, listen on loopback unless told otherwise ("+config.EnvName("lab")+")",
		func(v string) error { return o.add("lab", v) })
	o.flags.Func("set", "`key=value` of any key of the configuration; may be given again", func(v string) error {
		o.set = append(o.set, v)
		return nil
	})
	return o
}

func (o *options) add(key, value string) error {
	o.set = append(o.set, key+"="+value)
	return nil
}

// parse reads the arguments; what is wrong with them has been said.
func (o *options) parse(args []string) error {
	err := o.flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		return errUsage
	case o.flags.NArg() > 0:
		fmt.Fprintf(o.flags.Output(), "relay: %q is not a flag\n", o.flags.Arg(0))
		return errUsage
	}
	return nil
}

// load reads the configuration.
func (o *options) load() (*config.Config, error) {
	cfg, err := config.Sources{File: o.file, Environ: os.Environ(), Set: o.set}.Load()
	if err != nil {
		return nil, fmt.Errorf("the configuration cannot be used:\n%w", err)
	}
	if cfg.Lab { // what a lab leaves behind is not to be a relay's state
		cfg.Data = filepath.Join(cfg.Data, "lab")
	}
	return cfg, nil
}
