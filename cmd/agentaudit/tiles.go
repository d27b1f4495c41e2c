package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

func tilesCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tiles",
		Short: "Check the hashes of the logs' trees, or make them anew",
		Long: `Check the hashes of the logs' trees, or make them anew.

Collectors keep the hashes of their manifests' tree beside the log (tlog/v1/), as C2SP
tlog-tiles lays them out. They are derived, and no evidence: what they say is folded up
to a root that was signed, and where they are missing or wrong a verification says the
same and takes longer.`,
	}
	cmd.AddCommand(tilesCheckCmd(), tilesRebuildCmd())
	return cmd
}

func tilesCheckCmd() *cobra.Command {
	var at bucketFlags
	var trust trustFlags
	cmd := &cobra.Command{
		Use:   "check s3://BUCKET/PREFIX | DIR",
		Short: "Compare the tiles of each log with its manifests",
		Long: `Compare the tiles of each log with its manifests, up to its newest checkpoint.

Exit codes: 0 all are there; 1 some are missing or wrong; 2 a log could not be read.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, done, err := at.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer done()
			bad := false
			err = trust.eachLog(cmd.Context(), r, func(log string, keys []ledger.PublicKey) error {
				wrong, all, err := ledger.CheckTiles(cmd.Context(), r, keys, log)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "log %s: %d of %d tiles are as they should be\n", log, all-len(wrong), all)
				for _, key := range wrong {
					bad = true
					fmt.Fprintf(cmd.OutOrStdout(), "  missing or wrong: %s\n", termsafe.Line(key))
				}
				return nil
			})
			if err == nil && bad {
				return exitError(1)
			}
			return err
		},
	}
	at.add(cmd)
	trust.add(cmd)
	return cmd
}

func tilesRebuildCmd() *cobra.Command {
	var at bucketFlags
	var trust trustFlags
	cmd := &cobra.Command{
		Use:   "rebuild s3://BUCKET/PREFIX",
		Short: "Write the tiles of each log anew, from its manifests",
		Long: `Write the tiles of each log anew, from its manifests, up to its newest checkpoint. No
private key is needed.

Exit codes: 0 written; 2 a log could not be read, or the bucket not be written.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := at.config(args[0])
			if err != nil {
				return err
			}
			s, err := store.Open(cmd.Context(), c)
			if err != nil {
				return err
			}
			defer s.Close()
			return trust.eachLog(cmd.Context(), s, func(log string, keys []ledger.PublicKey) error {
				size, err := ledger.RebuildTiles(cmd.Context(), s, keys, log, ledger.Removable)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "log %s: tiles of %d manifests\n", log, size)
				return nil
			})
		},
	}
	at.add(cmd)
	trust.add(cmd)
	return cmd
}

// eachLog calls f for the logs that were asked for, or all. Of those that nobody asked
// for, one whose key was not given is told of and passed over.
func (f *trustFlags) eachLog(ctx context.Context, r ledger.Reader, do func(log string, keys []ledger.PublicKey) error) error {
	keys, err := f.keys()
	if err != nil {
		return err
	}
	logs := f.logs
	if logs == nil {
		if logs, err = ledger.Logs(ctx, r); err != nil {
			return err
		}
	}
	if len(logs) == 0 {
		return errors.New("there is no manifest: not a trail, or the wrong prefix")
	}
	known := false
	for _, log := range logs {
		err := do(log, keys)
		if errors.Is(err, ledger.ErrUnknownLog) && f.logs == nil {
			continue // planted, or not the user's
		}
		if err != nil {
			return err
		}
		known = true
	}
	if !known {
		return fmt.Errorf("of all logs of this trail %w: %s", ledger.ErrUnknownLog, keyHint)
	}
	return nil
}
