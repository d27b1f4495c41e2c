package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
)

// argError is a mistake in how a command was called. Its text is made of what the user typed, so
// its line breaks stay.
type argError struct {
	err error
	cmd *cobra.Command // whose usage helps; nil for none
}

func (e *argError) Error() string { return e.err.Error() }
func (e *argError) Unwrap() error { return e.err }

// String is what the user is told.
func (e *argError) String() string {
	lines := strings.Split(strings.TrimSpace(e.err.Error()), "\n")
	for i := range lines {
		lines[i] = strings.ReplaceAll(termsafe.Line(lines[i]), `\t`, "    ")
	}
	text := strings.Join(lines, "\n")
	if e.cmd != nil {
		text += "\nusage: " + e.cmd.UseLine() + "\n`" + e.cmd.CommandPath() + " --help` says more"
	}
	return text
}

// tellUsage has the mistakes in calls of a command, and of those below it, told with its usage.
func tellUsage(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return &argError{err, c} })
	for _, c := range cmd.Commands() {
		tellUsage(c)
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return &argError{err, c}
			}
			return nil
		}
	}
}
