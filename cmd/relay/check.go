package main

import (
	"fmt"
	"io"

	"camrelay/internal/auth"
	"camrelay/internal/config"
	"camrelay/internal/listener"
)

// check says what is wrong with the configuration, or that nothing is.
func check(args []string, stdout, stderr io.Writer) error {
	o := newOptions("check", "reads the configuration and says what is wrong with it. It changes nothing.", stderr)
	show := o.flags.Bool("show", false, "print the configuration in force, secrets hidden")
	if err := o.parse(args); err != nil {
		return err
	}
	cfg, err := o.load()
	if err != nil {
		return err
	}
	if cfg.TLS.Mode() == config.TLSFiles {
		if _, err := listener.LoadCertificate(cfg.TLS.Cert, cfg.TLS.Key, func(error) {}); err != nil {
			return err
		}
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintln(stdout, "warning:", w)
	}
	if *show {
		for i := range cfg.Cameras { // some cameras take their password in the query
			c := &cfg.Cameras[i]
			c.URL, c.ControlURL = redact(c.URL), redact(c.ControlURL)
		}
		text, err := cfg.YAML()
		if err != nil {
			return err
		}
		_, err = stdout.Write(text)
		return err
	}
	fmt.Fprintf(stdout, "the configuration can be used; it declares %d cameras\n", len(cfg.Cameras))
	return nil
}

func redact(u config.URL) config.URL { return config.URL(auth.RedactURL(string(u))) }
