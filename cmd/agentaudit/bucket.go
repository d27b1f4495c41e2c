package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/days"
	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

func bucketCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bucket",
		Short: "Make a bucket for a trail, or check one",
		Args:  cobra.NoArgs, // else an unknown subcommand would be no mistake
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(bucketInitCmd(), bucketCheckCmd())
	return cmd
}

// lockFlags are the locks that a trail's objects are to have.
type lockFlags struct {
	mode      string
	retention string
	named     []string // NAME=RETENTION
}

// classes are the retention classes beside the default.
func (f *lockFlags) classes() (list []store.Class, err error) {
	for _, text := range f.named {
		name, retention, _ := strings.Cut(text, "=")
		var d days.Duration
		if err := d.UnmarshalText([]byte(retention)); err != nil || !ledger.ValidClass(name) || d <= 0 {
			return nil, fmt.Errorf("--class %q must be the name of a class and its retention, such as hipaa=6y", text)
		}
		list = append(list, store.Class{Name: name, Retention: time.Duration(d)})
	}
	return list, nil
}

func (f *lockFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.mode, "mode", ledger.Compliance, "COMPLIANCE: nobody can remove an object before its time; GOVERNANCE: a privileged user can")
	offer(cmd, "mode", ledger.Compliance, ledger.Governance)
	cmd.Flags().StringVar(&f.retention, "retention", "2555d", "how long objects are locked, such as 2555d or 7y")
	cmd.Flags().StringArrayVar(&f.named, "class", nil, "a retention class of the collectors and how long its objects are locked, such as hipaa=6y; repeatable")
}

func (f *lockFlags) duration() (time.Duration, error) {
	var d days.Duration
	if err := d.UnmarshalText([]byte(f.retention)); err != nil {
		return 0, fmt.Errorf("--retention: %w", err)
	}
	return time.Duration(d), nil
}

func bucketInitCmd() *cobra.Command {
	var at bucketFlags
	var lock lockFlags
	var keep, change bool
	cmd := &cobra.Command{
		Use:   "init s3://BUCKET[/PREFIX]",
		Short: "Make a bucket with versions, Object Lock and lifecycle rules",
		Long: `Make a bucket for a trail, or make an existing one fit: versions, Object Lock with a
default, lifecycle rules that remove data after its retention, no public access,
encryption. What the server cannot do is listed. It can be run again; what it then
would change of the bucket's default lock or of this trail's rules, it says, and does
only with --change.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := at.config(args[0])
			if err != nil {
				return err
			}
			retention, err := lock.duration()
			if err != nil {
				return err
			}
			classes, err := lock.classes()
			if err != nil {
				return err
			}
			done, notDone, err := store.InitBucket(cmd.Context(), cfg, store.InitOptions{
				Mode: lock.mode, Retention: retention, Classes: classes, KeepDefault: keep, Change: change,
			})
			for _, s := range done {
				fmt.Fprintln(cmd.OutOrStdout(), "done: "+termsafe.Line(s))
			}
			for _, s := range notDone {
				fmt.Fprintln(cmd.OutOrStdout(), "not done: "+termsafe.Line(s))
			}
			return err
		},
	}
	at.add(cmd)
	lock.add(cmd)
	cmd.Flags().BoolVar(&keep, "keep-default-lock", false, "leave a default lock that the bucket has: each object brings its own")
	cmd.Flags().BoolVar(&change, "change", false, "change a default lock that the bucket has, and lifecycle rules that this trail has")
	return cmd
}

func bucketCheckCmd() *cobra.Command {
	var at bucketFlags
	var lock lockFlags
	cmd := &cobra.Command{
		Use:   "check s3://BUCKET[/PREFIX]",
		Short: "Say whether a bucket can hold a trail that is locked so",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := at.config(args[0])
			if err != nil {
				return err
			}
			retention, err := lock.duration()
			if err != nil {
				return err
			}
			s, err := store.Open(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer s.Close()
			if err := s.Check(cmd.Context(), lock.mode, retention); err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), "agentaudit: "+termsafe.Line(err.Error()))
				return exitError(1)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "bucket %s can hold a trail locked in mode %s for %s\n", cfg.Bucket, lock.mode, lock.retention)
			return nil
		},
	}
	at.add(cmd)
	lock.add(cmd)
	return cmd
}
