package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/awsconf"
	"github.com/agentaudit/otelcol-agentaudit/internal/signer"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

func keyCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "key", Short: "Replace the key of a log"}
	cmd.AddCommand(keyRotateCmd())
	return cmd
}

func keyRotateCmd() *cobra.Command {
	var at bucketFlags
	var log, oldFile, oldKMS, newFile string
	var earlierFiles []string
	cmd := &cobra.Command{
		Use:   "rotate s3://BUCKET/PREFIX",
		Short: "Have the old key of a log name the new one",
		Long: `Have the old key of a log name the new one, in a manifest that the old key signs. Who
verifies with the old key follows the log to the new one; nothing that the old key
signs later is believed.

Stop the collector of the log first: with the old key it can seal nothing more, and
its senders would wait. Start it again with the new key as signing::key_file or
signing::kms_key_id, and the old public key under signing::earlier_keys, for good: the
collector finds its log again by it. Where other logs watch this one, add the new public
key to their signing::watched_keys.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if log == "" || (oldFile == "") == (oldKMS == "") || newFile == "" {
				return errors.New("give --log, --signing-key (the old private key) or --signing-kms-key, and --new-key (the new public key)")
			}
			c, err := at.config(args[0])
			if err != nil {
				return err
			}
			old, done, err := oldSigner(cmd.Context(), oldFile, oldKMS, c.Region)
			if err != nil {
				return err
			}
			defer done()
			next, err := readKey(newFile)
			if err != nil {
				return err
			}
			var earlier []ledger.PublicKey
			for _, name := range earlierFiles {
				k, err := readKey(name)
				if err != nil {
					return err
				}
				earlier = append(earlier, k)
			}
			s, err := store.Open(cmd.Context(), c)
			if err != nil {
				return err
			}
			defer s.Close()
			head, err := rotate(cmd, s, log, old, earlier, next)
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			fmt.Fprintf(w, "log %s: manifest %d names key %s\n", log, head.Seq, next.ID)
			fmt.Fprintln(w, "start the collector with it as `signing::key_file` or `signing::kms_key_id`, and the old "+
				"public key under `signing::earlier_keys`")
			fmt.Fprintf(w, "auditors can pin the end of the old key: \"last_sha256\": \"%s\"\n", head.SHA256)
			return nil
		},
	}
	at.add(cmd)
	cmd.Flags().StringVar(&log, "log", "", "the log whose key is replaced")
	cmd.Flags().StringVar(&oldFile, "signing-key", "", "file with the old private key, PEM")
	cmd.Flags().StringVar(&oldKMS, "signing-kms-key", "", "the old key in AWS KMS, instead: its id, its ARN, alias/NAME or an alias's ARN")
	cmd.Flags().StringArrayVar(&earlierFiles, "earlier-key", nil,
		"file with a public key that signed the log before the old one; may be given more than once")
	cmd.Flags().StringVar(&newFile, "new-key", "", "file with the new public key, PEM")
	return cmd
}

// oldSigner opens the key that is replaced, in the bucket's region where its name says
// none.
func oldSigner(ctx context.Context, file, kms, region string) (ledger.Signer, func(), error) {
	if file != "" {
		s, err := signer.File(file)
		return s, func() {}, err
	}
	if signer.KMSRegion(kms) != "" {
		region = ""
	}
	s, err := signer.OpenKMS(ctx, kms, awsconf.Config{Region: region})
	if err != nil {
		return nil, nil, err
	}
	return s, s.Close, nil
}

// rotate writes the manifest, locked as the one before it is.
func rotate(
	cmd *cobra.Command, s *store.S3, log string, old ledger.Signer, earlier []ledger.PublicKey, next ledger.PublicKey,
) (head ledger.Head, err error) {
	var lock ledger.Retention
	foreign := ""
	chain, err := ledger.OpenChain(cmd.Context(), s, ledger.ChainOptions{
		Log: log, Signer: old, Earlier: earlier, Writer: ledger.Writer{Version: version()},
		Retention: func(time.Time) ledger.Retention { return lock },
		OnWarning: func(code, message string) {
			if code == ledger.CodeForeignManifest {
				foreign = message
			}
		},
	})
	if err != nil {
		return head, err
	}
	head = chain.Head()
	switch {
	case head.Seq < 0 && foreign != "":
		// A collector would begin its own log here; there is nothing of this key to hand over.
		return head, fmt.Errorf("log %q has manifests, and the old key did not sign them: "+
			"give the key that signs the log now", log)
	case head.Seq < 0:
		return head, fmt.Errorf("log %q has no manifest: there is nothing to rotate", log)
	}
	versions, err := s.Versions(cmd.Context(), ledger.ManifestKey(log, head.Seq))
	if err != nil {
		return head, err
	}
	for _, v := range versions {
		if v.DeleteMarker {
			continue
		}
		l, err := s.Retention(cmd.Context(), v.Key, v.ID)
		if err != nil {
			return head, err
		}
		if l.Until.After(lock.Until) {
			lock = l
		}
	}
	if err := chain.Rotate(cmd.Context(), next); err != nil {
		return head, err
	}
	return chain.Head(), nil
}
