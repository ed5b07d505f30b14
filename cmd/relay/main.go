// Command relay gives the pictures of cameras to any number of viewers.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
)

// version is set by the build: -ldflags "-X main.version=1.2.3".
var version string

const usage = `relay gives the pictures of cameras to any number of viewers.

  relay [serve]       runs the relay
  relay check         says what is wrong with the configuration
  relay healthcheck   asks a running relay whether it is well; exit status 0 if so
  relay token         makes a new token, for example when the first one is lost
  relay image         makes, signs, explains and uploads firmware images
  relay ota           updates cameras
  relay version       prints the version

Each takes --help.
`

// errUsage says that the arguments were wrong and that this has been said.
var errUsage = errors.New("usage")

// command is a subcommand; its arguments come without its name.
type command func(args []string, stdout, stderr io.Writer) error

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	commands := map[string]command{
		"serve": serve, "check": check, "healthcheck": healthcheck, "token": token, "image": imageTool, "ota": otaTool,
		"version": printVersion,
	}
	name := "serve"
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		name, args = args[0], args[1:]
	} else if len(args) > 0 && (args[0] == "-h" || args[0] == "--help" || args[0] == "-help") {
		fmt.Fprint(stdout, usage)
		return 0
	}
	cmd, ok := commands[name]
	if name == "help" {
		fmt.Fprint(stdout, usage)
		return 0
	}
	if !ok {
		fmt.Fprintf(stderr, "relay: there is no command %q\n\n%s", name, usage)
		return 2
	}
	err := cmd(args, stdout, stderr)
	var exit *exitError
	switch {
	case errors.As(err, &exit):
		fmt.Fprintf(stderr, "relay: %v\n", err)
		return exit.status
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	default:
		fmt.Fprintf(stderr, "relay: %v\n", err)
		return 1
	}
}

func printVersion(args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		fmt.Fprintln(stderr, "relay version takes no arguments")
		return errUsage
	}
	fmt.Fprintln(stdout, versionText())
	return nil
}

// versionText is the version that the build set, or what Go knows of it.
func versionText() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "dev-" + s.Value[:12]
		}
	}
	return "dev"
}
