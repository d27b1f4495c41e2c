package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/evidence"
	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func proveCmd() *cobra.Command {
	var at bucketFlags
	var trust trustFlags
	var o evidence.Options
	var since, until, out string
	var checkpoints []string
	var where whereFlags
	var witnesses string
	cmd := &cobra.Command{
		Use:   "prove s3://BUCKET/PREFIX | DIR",
		Short: "Make a bundle that proves one session or event to an outsider",
		Long: `Make a bundle that proves one session or event to an outsider: only its own lines, with
the proofs that they are in the signed log. Where the trail has nothing of the
session, the bundle proves that, for all of the trail or for what was sealed between
--since and --until. "agentaudit verify BUNDLE.zip" checks it offline; VERIFY.md in it
says how to check it with common tools.

Who is to check the bundle against a checkpoint that they hold needs a bundle that was
made with it: give it with --checkpoint.

The logs are read whole, unless it is known where the events are: in what a manifest
names ("agentaudit trail -o json" tells), or in what was sealed between --find-since and
--find-until. From a --checkpoint, or from what a quorum of --witnesses cosigned, nothing
else of the log is read then but what the proof needs: some sixty requests of any log.

Exit codes: 0 made; 1 the trail does not hold, or the absence to be proven is none;
2 it could not be made.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if out == "" {
				return errors.New("give the file to write with --out")
			}
			if err := errors.Join(parseTime("since", since, &o.Since), parseTime("until", until, &o.Until)); err != nil {
				return err
			}
			if o.Event != "" && (since != "" || until != "") {
				return errors.New("--since and --until go with --session")
			}
			if o.Where, err = where.parse(); err != nil {
				return err
			}
			keys, vkeys, err := trust.trusted()
			if err != nil {
				return err
			}
			if o.Witnesses, err = witnessPolicy(witnesses, vkeys); err != nil {
				return err
			}
			o.Keys, o.Logs, o.MadeBy = keys, trust.logs, "agentaudit "+version()
			if o.Checkpoints, err = readCheckpoints(checkpoints, keys, knownWitnesses(o.Witnesses, vkeys)); err != nil {
				return err
			}
			r, done, err := at.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer done()
			sayWindow(cmd.ErrOrStderr(), sealedClock, o.Since, o.Until)
			f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return fmt.Errorf("--out: %w", err)
			}
			b, err := evidence.Prove(cmd.Context(), r, o, f)
			if err = errors.Join(err, f.Close()); err != nil {
				return errors.Join(proveError(cmd, err), os.Remove(out))
			}
			tellMade(cmd, out, o.Session, b)
			return nil
		},
	}
	at.add(cmd)
	trust.add(cmd)
	f := cmd.Flags()
	f.StringVar(&o.Session, "session", "", "the session, or the run, to prove")
	f.StringVar(&o.Event, "event", "", "the id of the event to prove")
	where.add(f)
	addWitnesses(f, &witnesses)
	f.StringVar(&since, "since", "", "prove that nothing of the session was sealed since this time")
	f.StringVar(&until, "until", "", "prove that nothing of the session was sealed until this time")
	f.StringArrayVar(&checkpoints, "checkpoint", nil, "file with a checkpoint that was kept elsewhere, to tie the proof to; may be given more than once")
	f.StringVarP(&out, "out", "o", "", "the file to write, such as bundle.zip")
	return cmd
}

// proveError tells what kept a bundle from being made.
func proveError(cmd *cobra.Command, err error) error {
	if broken := findingIn(err); broken != nil {
		writeFinding(cmd.ErrOrStderr(), broken)
		if broken.Severity == ledger.SeverityUnknown {
			fmt.Fprintln(cmd.ErrOrStderr(), "agentaudit: what cannot be judged proves nothing: run `agentaudit verify`")
			return exitError(2)
		}
		fmt.Fprintln(cmd.ErrOrStderr(), "agentaudit: what does not hold proves nothing: run `agentaudit verify`")
		return exitError(1)
	}
	if errors.Is(err, evidence.ErrPresent) {
		fmt.Fprintln(cmd.ErrOrStderr(), "agentaudit: "+termsafe.Line(err.Error()))
		return exitError(1)
	}
	return err
}

// tellMade tells what is in a bundle, and what was left out.
func tellMade(cmd *cobra.Command, out, session string, b *evidence.Made) {
	events := 0
	for i := range b.Logs {
		events += len(b.Logs[i].Lines)
	}
	w := cmd.OutOrStdout()
	if b.Claim.Kind == evidence.Absence {
		fmt.Fprintf(w, "%s: that no event of session %s is in %d logs\n", out, termsafe.Line(session), len(b.Logs))
	} else {
		fmt.Fprintf(w, "%s: %d events in %d logs, with their proofs\n", out, events, len(b.Logs))
	}
	for i := range b.Established {
		e := &b.Established[i]
		fmt.Fprintf(w, "%s says that run %s is of the session, for %d events that name none themselves\n",
			e.By, termsafe.Line(e.Run), e.Lines)
	}
	for i := range b.Errata {
		fmt.Fprintf(w, "not proven: %s\n", termsafe.Line(b.Errata[i].String()))
	}
	if b.LeftOut > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "agentaudit: %d events are told as of the session, or of its runs, and left out: "+
			"they name none themselves, and no event of their run that names it came from their own sender and service, "+
			"or is above them\n", b.LeftOut)
	}
	if b.Expired > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "agentaudit: %d events are left out: manifests behind theirs have expired, "+
			"and nothing proves them any more\n", b.Expired)
	}
	for _, log := range b.Unknown {
		fmt.Fprintf(cmd.ErrOrStderr(), "agentaudit: nothing is said of log %s: no given key signed it\n",
			termsafe.Line(log))
	}
	for i := range b.Logs {
		if n := len(b.Logs[i].Objects); n > 0 {
			fmt.Fprintf(cmd.ErrOrStderr(), "agentaudit: %d objects of log %s are in the bundle whole, "+
				"events of other sessions with them: their sets of sessions are filters, which cannot exclude the session\n",
				n, b.Logs[i].Log)
		}
	}
}
