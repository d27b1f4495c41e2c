package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/mapping"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
)

func mapCmd() *cobra.Command {
	var scorecard string
	cmd := &cobra.Command{
		Use:   "map FILE…",
		Short: "Show the audit events that recorded telemetry gives",
		Long: `Show the audit events that recorded telemetry gives: OTLP JSON as the Collector's file
exporter writes it, one export request of traces or logs a line. The mapping is the
processor's own, with its default configuration; events go to standard output as
JSON lines. On standard error stands the coverage scorecard: which fields the
telemetry did not hold, and the setting of its library that changes that. "-" is
standard input.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			out := bufio.NewWriter(cmd.OutOrStdout())
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
	return cmd
}
