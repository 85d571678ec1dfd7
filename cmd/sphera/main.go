// Command sphera is the portal and its command line in one program; see package
// portal for what it does.
package main

import (
	"context"
	"os"

	"sphera/portal"
)

func main() {
	os.Exit(portal.Main(context.Background(), os.Args, os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
