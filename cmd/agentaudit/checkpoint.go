package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func checkpointCmd() *cobra.Command {
	var at bucketFlags
	var trust trustFlags
	var out string
	var vkey bool
	cmd := &cobra.Command{
		Use:   "checkpoint s3://BUCKET/PREFIX | DIR",
		Short: "Print the newest signed checkpoint of each log",
		Long: `Print the newest signed checkpoint of each log: a C2SP signed note over the head of its
tree. Keep it where the bucket's owner cannot reach it, or have a witness cosign it;
"agentaudit verify --checkpoint" then finds whether the log was cut off or rewritten.
Collectors write one every hour (checkpoint) and at their end.

A checkpoint is what the log's key signed, and no verdict: it is not compared with the
log here. Verify first, and keep the checkpoints of a log that was CONFIRMED.

--out writes LOG.txt files into a folder instead, with LOG.tsr where a time-stamping
authority said when. --vkey prints the verifier keys that witnesses need.

A log that has none yet, since its collector began less than an hour ago, is said to have none.

Exit codes: 0 printed, or there is none yet; 2 a log has some, and none that a given key
signed and that can be read.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := trust.keys()
			if err != nil {
				return err
			}
			r, done, err := at.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer done()
			logs := trust.logs
			if logs == nil {
				if logs, err = ledger.Logs(cmd.Context(), r); err != nil {
					return err
				}
			}
			if len(logs) == 0 {
				return errors.New("there is no manifest: not a trail, or the wrong prefix")
			}
			missing := false
			for i, log := range logs {
				c, err := ledger.NewestCheckpoint(cmd.Context(), r, keysOf(keys, log), log)
				if err != nil {
					return err
				}
				if c == nil {
					none, err := noCheckpoint(cmd.Context(), r, keysOf(keys, log), log)
					if err != nil {
						return err
					}
					if none {
						fmt.Fprintf(cmd.ErrOrStderr(), "agentaudit: log %s has no checkpoint yet\n", log)
						continue
					}
					missing = true
					fmt.Fprintf(cmd.ErrOrStderr(),
						"agentaudit: log %s has no checkpoint that a given key signed and that can be read\n", log)
					continue
				}
				if err := writeCheckpoint(cmd, c, keys, i > 0, vkey, out); err != nil {
					return err
				}
			}
			if missing {
				return exitError(2)
			}
			return nil
		},
	}
	at.add(cmd)
	trust.add(cmd)
	cmd.Flags().StringVarP(&out, "out", "o", "", "folder to write LOG.txt files into")
	cmd.Flags().BoolVar(&vkey, "vkey", false, "print the verifier keys instead")
	return cmd
}

// noCheckpoint reports whether a log that a given key signs has no checkpoint yet.
func noCheckpoint(ctx context.Context, r ledger.Reader, keys []ledger.PublicKey, log string) (bool, error) {
	for _, err := range r.List(ctx, ledger.CheckpointPrefix+log+"/", "") {
		return false, err
	}
	head, err := ledger.FindHead(ctx, r, log, keys)
	return err == nil && head.Seq >= 0, err
}

func writeCheckpoint(cmd *cobra.Command, c *ledger.Checkpoint, keys []ledger.PublicKey, further, vkey bool, out string) error {
	text := c.Note
	switch {
	case vkey:
		for _, k := range keys {
			if k.ID == c.KeyID {
				v, err := ledger.VerifierKey(k, c.Origin())
				if err != nil {
					return err
				}
				text = []byte(v + "\n")
			}
		}
	case out != "":
		if err := os.MkdirAll(out, 0o755); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
		if c.Timestamp != nil {
			if err := os.WriteFile(filepath.Join(out, c.Log+".tsr"), c.Timestamp, 0o644); err != nil {
				return err
			}
		}
		return os.WriteFile(filepath.Join(out, c.Log+".txt"), text, 0o644)
	case further:
		text = append([]byte("\n"), text...)
	}
	_, err := cmd.OutOrStdout().Write(text)
	return err
}
