package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
)

const imageUsage = `relay image makes, signs and explains firmware images.

  relay image keygen --out release.pem       makes a signing key and its public half
  relay image build  [flags] PAYLOAD         packs a payload for virtual cameras into an image
  relay image sign   --key release.pem IMAGE signs an image
  relay image verify --key release.pub.pem IMAGE
                                             says whether a camera with that key would take it; exit status 0 if so
  relay image inspect IMAGE                  explains an image, and everything that is wrong with it
  relay image upload --token TOKEN IMAGE     gives a signed image to a running relay

Each takes --help. Keys are Ed25519 in PEM files, as of "openssl genpkey -algorithm ed25519".
A signing key has no business on a relay: sign elsewhere.
`

// imageTool makes, signs and explains firmware images.
func imageTool(args []string, stdout, stderr io.Writer) error {
	tools := map[string]command{
		"keygen": imageKeygen, "build": imageBuild, "sign": imageSign, "verify": imageVerify, "inspect": imageInspect, "upload": imageUpload,
	}
	if len(args) == 0 {
		fmt.Fprint(stderr, imageUsage)
		return errUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, imageUsage)
		return nil
	}
	tool, ok := tools[args[0]]
	if !ok {
		fmt.Fprintf(stderr, "relay image: there is no command %q\n\n%s", args[0], imageUsage)
		return errUsage
	}
	return tool(args[1:], stdout, stderr)
}

// imageFlags are the flags of an image command, and what it is about.
type imageFlags struct {
	*flag.FlagSet
	operand string // what the one argument is that is not a flag; empty: there is none
}

func newImageFlags(name, operand, what string, stderr io.Writer) *imageFlags {
	f := &imageFlags{FlagSet: flag.NewFlagSet("relay image "+name, flag.ContinueOnError), operand: operand}
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprintf(stderr, "relay image %s [flags] %s\n\n%s\n\n", name, operand, what)
		f.PrintDefaults()
	}
	return f
}

// parse reads the arguments, flags before and after the operand. What is wrong
// with them has been said.
func (f *imageFlags) parse(args []string) (operand string, err error) {
	for {
		if err := f.Parse(args); err != nil {
			if !errors.Is(err, flag.ErrHelp) {
				err = errUsage
			}
			return "", err
		}
		if f.NArg() == 0 {
			break
		}
		if operand != "" || f.operand == "" {
			fmt.Fprintf(f.Output(), "%s: %q is one argument too many\n", f.Name(), f.Arg(0))
			return "", errUsage
		}
		operand, args = f.Arg(0), f.Args()[1:]
		if operand == "" {
			fmt.Fprintf(f.Output(), "%s: the name of the %s is empty\n", f.Name(), f.operand)
			return "", errUsage
		}
	}
	if operand == "" && f.operand != "" {
		fmt.Fprintf(f.Output(), "%s: the name of the %s is missing; see --help\n", f.Name(), f.operand)
		return "", errUsage
	}
	return operand, nil
}

// missing says that a flag must be given.
func (f *imageFlags) missing(name, example string) error {
	fmt.Fprintf(f.Output(), "%s: --%s is missing, like --%s %s\n", f.Name(), name, name, example)
	return errUsage
}

// fileList is a flag that may be given again.
type fileList []string

func (l *fileList) String() string { return "" }

func (l *fileList) Set(name string) error {
	*l = append(*l, name)
	return nil
}
