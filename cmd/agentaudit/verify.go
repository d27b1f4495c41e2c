package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/evidence"
	"github.com/agentaudit/otelcol-agentaudit/internal/terminal"
	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/internal/tsa"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func verifyCmd() *cobra.Command {
	var v verification
	cmd := &cobra.Command{
		Use:   "verify s3://BUCKET/PREFIX | DIR | BUNDLE.zip",
		Short: "Check a trail, or an evidence bundle, with nothing but a public key",
		Long: `Check a trail, or an evidence bundle, with nothing but a public key.

The report begins with the verdict, what it is about, and what nobody can know from it.
docs/verification.md has the rule.

--key LOG=FILE names the key of a log, which no other key then counts for; --key FILE
trusts a key for any log that no key was named for. Have public keys from who runs the
collector, never from the bucket.

Levels, each with what the one before does: chain (signatures, sequence, tree,
checkpoints), objects (contents and locks of the sealed objects), events (every line
in them). --since and --until bound what is read by the time of its sealing; --from
goes on behind a checkpoint that an earlier verification confirmed. --checkpoint
names checkpoints that were kept elsewhere: the trail must hold what they speak of.
--witnesses names a policy (c2sp.org/tlog-policy): without a checkpoint of each log that
a quorum of its witnesses cosigned there is no verdict, and with one it counts as if it
had been kept elsewhere.

A bundle that "agentaudit prove" made is checked offline.

Exit codes: 0 CONFIRMED; 1 NOT CONFIRMED, a signed promise is broken; 2 NO VERDICT, it
cannot be known, or the command was wrong; 3 CONFIRMED with warnings, under --strict.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if isBundle(args[0]) {
				return v.bundle(cmd, args[0])
			}
			return v.trail(cmd, args[0])
		},
	}
	v.at.add(cmd)
	v.trust.add(cmd)
	f := cmd.Flags()
	f.StringVarP(&v.output, "output", "o", "table", "form of the output: table, json, jsonl or sarif")
	offer(cmd, "output", "table", "json", "jsonl", "sarif")
	f.StringVar(&v.level, "level", "events", "chain, objects or events")
	offer(cmd, "level", "chain", "objects", "events")
	f.DurationVar(&v.maxAge, "max-age", 0, "warn where a log that was not closed is silent for longer, at its end or within")
	f.StringVar(&v.when, "at", "",
		"judge locks and silences at this time; a time to come makes no promise run out; default: now")
	f.StringVar(&v.since, "since", "", "only what was sealed since: a time, or 24h or 7d ago")
	f.StringVar(&v.until, "until", "", "only what was sealed until: a time, or 24h or 7d ago")
	f.StringArrayVar(&v.from, "from", nil, "file with a checkpoint to go on from; may be given more than once, for several logs")
	f.StringArrayVar(&v.checkpoints, "checkpoint", nil, "file with a checkpoint that was kept elsewhere; may be given more than once")
	addWitnesses(f, &v.witnesses)
	f.StringArrayVar(&v.tsaCerts, "tsa-cert", nil, "file with roots of time-stamping authorities that you trust, PEM: timestamps over checkpoints are checked")
	f.BoolVar(&v.strict, "strict", false, "exit with 3 where there are warnings")
	f.BoolVar(&v.all, "all", false, "list every finding in the table, not three of each kind")
	return cmd
}

// verification is what the flags of verify ask for.
type verification struct {
	at                          bucketFlags
	trust                       trustFlags
	level, output               string
	when, since, until          string
	maxAge                      time.Duration
	from, checkpoints, tsaCerts []string
	witnesses                   string
	strict, all                 bool
}

// options checks the flags.
func (v *verification) options() (o ledger.VerifyOptions, err error) {
	switch v.output {
	case "table", "json", "jsonl", "sarif":
	default:
		return o, fmt.Errorf("--output %q must be table, json, jsonl or sarif", v.output)
	}
	if o.Level, err = ledger.ParseLevel(v.level); err != nil {
		return o, fmt.Errorf("--level: %w", err)
	}
	o.Logs, o.MaxAge = v.trust.logs, v.maxAge
	if v.maxAge < 0 {
		return o, fmt.Errorf("--max-age (%s) must not be negative", v.maxAge)
	}
	if err := errors.Join(parseTime("at", v.when, &o.At), parseWindow(v.since, v.until, &o.Since, &o.Until)); err != nil {
		return o, err
	}
	if len(v.from) > 0 && !o.Since.IsZero() {
		return o, errors.New("give --from or --since, not both")
	}
	keys, vkeys, err := v.trust.trusted()
	if err != nil {
		return o, err
	}
	o.Keys = keys
	if o.Witnesses, err = witnessPolicy(v.witnesses, vkeys); err != nil {
		return o, err
	}
	known := knownWitnesses(o.Witnesses, vkeys)
	if o.From, err = readCheckpoints(v.from, keys, known); err != nil {
		return o, err
	}
	if o.Checkpoints, err = readCheckpoints(v.checkpoints, keys, known); err != nil {
		return o, err
	}
	o.Timestamps, err = timestampVerifier(v.tsaCerts)
	return o, err
}

// timestampVerifier trusts the roots in files; nil for no file.
func timestampVerifier(names []string) (func(response, note []byte) (time.Time, string, error), error) {
	var roots []byte
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		roots = append(roots, text...)
	}
	if len(names) == 0 {
		return nil, nil
	}
	t, err := tsa.NewVerifier(roots)
	if err != nil {
		return nil, fmt.Errorf("--tsa-cert: %w", err)
	}
	return t.Verify, nil
}

func (v *verification) trail(cmd *cobra.Command, where string) error {
	o, err := v.options()
	if err != nil {
		return err
	}
	sayWindow(cmd.ErrOrStderr(), sealedClock, o.Since, o.Until)
	r, done, err := v.at.open(cmd.Context(), where)
	if err != nil {
		return err
	}
	defer done()
	show := newProgress()
	began := time.Now()
	o.Progress = func(p ledger.Progress) {
		rate := float64(p.Events) / max(time.Since(began).Seconds(), 1e-3)
		show.say("log %d of %d (%s): %d manifests, %d objects, %d events, %.0f events/s%s", min(p.LogsDone+1, p.Logs), p.Logs, termsafe.Line(p.Log), p.Manifests, p.Objects, p.Events, rate, left(began, p.Done))
	}
	report, err := ledger.Verify(cmd.Context(), r, o) // the report says why
	show.clear()
	if errors.Is(err, ledger.ErrUnknownLog) {
		report.Reason += ": " + keyHint
	}
	if err := writeReport(cmd.OutOrStdout(), report, v.output, v.all); err != nil {
		return err
	}
	if code := report.ExitCode(v.strict); code != 0 {
		return exitError(code)
	}
	return nil
}

// isBundle reports whether a location names an evidence bundle.
func isBundle(where string) bool {
	info, err := os.Stat(where)
	return err == nil && info.Mode().IsRegular()
}

func (v *verification) bundle(cmd *cobra.Command, name string) error {
	if v.output != "table" && v.output != "json" {
		return fmt.Errorf("--output %q: of a bundle it must be table or json", v.output)
	}
	o, err := v.bundleOptions()
	if err != nil {
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	if err != nil {
		return err
	}
	report, _ := evidence.Verify(f, info.Size(), o) // the report holds the error
	if v.output == "json" {
		e := json.NewEncoder(terminal.Visible(cmd.OutOrStdout()))
		e.SetIndent("", "  ")
		if err := e.Encode(report); err != nil {
			return err
		}
	} else {
		writeEvidence(cmd.OutOrStdout(), report)
	}
	if code := report.ExitCode(); code != 0 {
		return exitError(code)
	}
	return nil
}
