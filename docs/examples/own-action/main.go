// Command own-action is Sphera with one action of an organisation's own: it
// posts a notice, a file in a folder that a web server shows. It is explained
// in docs/own-actions.md.
package main

import (
	"context"
	"fmt"
	"os"

	"sphera/portal"
)

func main() {
	dir := os.Getenv("NOTICES")
	if dir == "" {
		dir = "notices"
	}
	own, err := postNotice(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(portal.Main(context.Background(), os.Args, os.Environ(), os.Stdin, os.Stdout, os.Stderr, own))
}
