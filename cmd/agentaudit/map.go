package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/mapping"
	"github.com/agentaudit/otelcol-agentaudit/internal/terminal"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
)

func mapCmd() *cobra.Command {
	var scorecard, id string
	var explain bool
	cmd := &cobra.Command{
		Use:   "map FILE…",
		Short: "Show the audit events that recorded telemetry gives",
		Long: `Show the audit events that recorded telemetry gives: OTLP JSON as the Collector's file
exporter writes it, one export request of traces or logs a line. The mapping is the
processor's own, with its default configuration; events go to standard output as
JSON lines. On standard error stands the coverage scorecard: which fields the
telemetry did not hold, and the setting of its library that changes that. "-" is
standard input.

With --explain it says instead of each record, alone, which dialect reads it, which key
gives which field, and what is left; --span takes only the records of one span.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if explain {
				return explainFiles(cmd.OutOrStdout(), args, id)
			}
			out := bufio.NewWriter(terminal.Visible(cmd.OutOrStdout()))
			cfg := agentauditprocessor.NewFactory().CreateDefaultConfig().(*agentauditprocessor.Config)
			m, err := mapping.New(cmd.Context(), cfg, out)
			if err != nil {
				return err
			}
			for _, name := range args {
				in := os.Stdin
				if name != "-" {
					if in, err = os.Open(name); err != nil {
						return err
					}
				}
				if err = m.Read(cmd.Context(), in); err != nil {
					err = fmt.Errorf("%s: %w", name, err)
				}
				_ = in.Close()
				if err != nil {
					break
				}
			}
			err = errors.Join(err, m.Close(cmd.Context()), out.Flush())
			m.Summary(cmd.ErrOrStderr())
			if err == nil && scorecard != "" {
				err = os.WriteFile(scorecard, append(m.Scorecard(), '\n'), 0o644)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&scorecard, "scorecard", "", "file for the coverage scorecard as JSON")
	cmd.Flags().BoolVar(&explain, "explain", false, "say how each record is read, instead of its events")
	cmd.Flags().StringVar(&id, "span", "", "with --explain: only records of the span whose id begins so")
	return cmd
}

// explainFiles says how the records of files are read.
func explainFiles(w io.Writer, names []string, id string) error {
	out := bufio.NewWriter(w)
	total := 0
	for _, name := range names {
		in := os.Stdin
		if name != "-" {
			var err error
			if in, err = os.Open(name); err != nil {
				return err
			}
		}
		n, err := mapping.Explain(out, in, id)
		_ = in.Close()
		if err != nil {
			return errors.Join(fmt.Errorf("%s: %w", name, err), out.Flush())
		}
		total += n
	}
	if total == 0 {
		return errors.Join(out.Flush(), fmt.Errorf("no record of a span %q", id))
	}
	return out.Flush()
}
