// Command agentaudit verifies, reads and explains a trail of audit events.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
)

func main() { os.Exit(run()) }

// run is main for the tests of the command line: it returns the exit code.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := root().ExecuteContext(ctx)
	var code exitError
	var call *argError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &call):
		fmt.Fprintln(os.Stderr, "agentaudit: "+call.String())
		return 2
	case strings.HasPrefix(err.Error(), "unknown command "): // of cobra, which has no type for it
		fmt.Fprintln(os.Stderr, "agentaudit: "+(&argError{err: err}).String())
		return 2
	}
	fmt.Fprintln(os.Stderr, "agentaudit: "+termsafe.Line(err.Error()))
	return 2
}

// exitError ends the command with a code when all has been said.
type exitError int

func (c exitError) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "agentaudit",
		Short: "Verify, read and explain the audit trail of AI agents",
		Long: `Verify, read and explain the audit trail of AI agents.

A trail is a prefix of an S3 bucket (s3://bucket/prefix), or a copy of one that
"agentaudit pull" made. Credentials come from the AWS default chain.

Exit codes: 0 all is well; 1 something does not hold; 2 it could not be read or judged,
or the command was wrong; 3 well, with warnings, under --strict.`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	cmd.CompletionOptions.HiddenDefaultCmd = true
	cmd.AddCommand(keygenCmd(), bucketCmd(), mapCmd(), verifyCmd(), searchCmd(), sessionsCmd(), trailCmd(), askCmd(), traceValueCmd(), promptCmd(), diffCmd(), exportCmd(), proveCmd(), checkpointCmd(), keyCmd(), pullCmd(), tilesCmd(), indexCmd(), demoCmd())
	tellUsage(cmd)
	return cmd
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
