// Command gitleaks is the scanner of the same name, for the test of the rule
// that docs/gitleaks.toml ships.
package main

import "github.com/zricethezav/gitleaks/v8/cmd"

func main() { cmd.Execute() }
