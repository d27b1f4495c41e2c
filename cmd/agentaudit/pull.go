package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

func pullCmd() *cobra.Command {
	p := pulling{verification: verification{output: "table"}}
	cmd := &cobra.Command{
		Use:   "pull s3://BUCKET/PREFIX DIR",
		Short: "Copy a trail, with its versions and locks, to a folder",
		Long: `Copy a trail to a folder, or bring an earlier copy there up to date: what is there and
intact is not read again, what changed on disk is fetched anew, and what the bucket lost
stays, marked as that. One that was interrupted goes on when it is run again.

Keys become paths, relative to the prefix of the trail; versions, delete markers and locks
go into a side file, so that "agentaudit verify DIR" judges them too, offline. Who verifies
a copy that another made has only his word for locks, and for which of two versions is the
older. A lock is read once, and again where a manifest promises a longer one; --locks reads
all of them again.

--since and --until bound the copy by the time of sealing, --session to what a session
needs. Manifests, checkpoints, keys and tiles are copied whole all the same, so that the
chain verifies; of what was left out the copy says so, and nothing is confirmed of it.

With --key or --trust the copy is verified when it is made, within its bound.

Exit codes: 0 copied, and CONFIRMED where it was verified; 1 NOT CONFIRMED; 2 it could not
be read, or NO VERDICT.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !strings.HasPrefix(args[0], "s3://") {
				return fmt.Errorf("%q must be s3://BUCKET/PREFIX", args[0])
			}
			return p.run(cmd, args[0], args[1])
		},
	}
	p.at.add(cmd)
	p.trust.add(cmd)
	f := cmd.Flags()
	f.StringVar(&p.level, "level", "events", "with --key: how deep the copy is verified: chain, objects or events")
	offer(cmd, "level", "chain", "objects", "events")
	f.StringVar(&p.since, "since", "", "only what was sealed since: a time, or 24h or 7d ago")
	f.StringVar(&p.until, "until", "", "only what was sealed until: a time, or 24h or 7d ago")
	f.StringVar(&p.session, "session", "", "only what is needed to read this session")
	f.BoolVar(&p.locks, "locks", false, "read all locks again, not only those that may have been made longer")
	return cmd
}

// pulling is what the flags of pull ask for.
type pulling struct {
	verification
	session string
	locks   bool
}

func (p *pulling) run(cmd *cobra.Command, from, dir string) error {
	o := store.PullOptions{From: strings.TrimRight(from, "/"), Session: p.session, Locks: p.locks}
	if err := parseWindow(p.since, p.until, &o.Since, &o.Until); err != nil {
		return err
	}
	if p.session != "" && (p.since != "" || p.until != "") {
		return errors.New("give --session, or --since and --until, not both")
	}
	// The verification is to be of the same times.
	for _, w := range []struct {
		flag *string
		at   time.Time
	}{{&p.since, o.Since}, {&p.until, o.Until}} {
		if !w.at.IsZero() {
			*w.flag = w.at.Format(time.RFC3339Nano)
		}
	}
	verifies := len(p.trust.given) > 0 || p.trust.file != ""
	if !verifies { // else the verification says it
		sayWindow(cmd.ErrOrStderr(), sealedClock, o.Since, o.Until)
	}
	if verifies { // what is wrong with the keys is said before hours of copying
		v, err := p.options()
		if err != nil {
			return err
		}
		o.Keys = v.Keys
	}
	if p.session != "" {
		o.Choose = func(ctx context.Context, r ledger.Reader, manifests func() iter.Seq2[*ledger.Manifest, error], want func(string)) error {
			return trail.Objects(ctx, r, manifests, p.session, want)
		}
	}
	r, done, err := p.at.open(cmd.Context(), from)
	if err != nil {
		return err
	}
	defer done()
	show := newProgress()
	began := time.Now()
	o.Progress = func(d store.PullProgress) {
		rate := float64(d.Bytes) / 1e6 / max(time.Since(began).Seconds(), 1e-3)
		show.say("%d of %d versions listed, %d of them were there, %d bytes, %.1f MB/s", d.Versions, d.Total, d.Kept, d.Bytes, rate)
	}
	stderr := cmd.ErrOrStderr()
	o.Tell = func(text string) {
		show.clear()
		fmt.Fprintln(stderr, "agentaudit: "+termsafe.Line(text))
	}
	last, err := store.PullInto(cmd.Context(), r, dir, o)
	show.clear()
	if err != nil {
		return explainPull(err, last)
	}
	p.tell(cmd.OutOrStdout(), stderr, dir, last)
	if !verifies {
		fmt.Fprintf(stderr, "agentaudit: nothing was verified: %s\n", keyHint)
		return nil
	}
	return p.verify(cmd, dir)
}

// explainPull says what can be done about an error.
func explainPull(err error, last store.PullProgress) error {
	hint := ""
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		hint = "there is no room left for the copy"
	case errors.Is(err, fs.ErrPermission):
		hint = "the folder of the copy may not be written"
	case errors.Is(err, ledger.ErrForbidden):
		hint = "these credentials need s3:ListBucketVersions, s3:GetObjectVersion and s3:GetObjectRetention"
	case errors.Is(err, context.Canceled):
		hint = "interrupted"
	}
	if hint != "" {
		err = fmt.Errorf("%s: %w", hint, err)
	}
	if last.Versions > 0 {
		err = fmt.Errorf("%w; what was copied stays: the same command goes on from there", err)
	}
	return err
}

// tell sums a pull up.
func (p *pulling) tell(stdout, stderr io.Writer, dir string, last store.PullProgress) {
	text := fmt.Sprintf("%d versions copied to %s, %d bytes", last.Versions-last.Kept-last.NotPulled-last.Refused, dir, last.Bytes)
	if last.Kept > 0 {
		text += fmt.Sprintf("; %d were there", last.Kept)
	}
	if last.NotPulled > 0 {
		text += fmt.Sprintf("; the content of %d is outside of the bound and was not copied", last.NotPulled)
	}
	fmt.Fprintln(stdout, text)
	if last.Gone > 0 {
		fmt.Fprintf(stdout, "%d versions of the copy are gone from the bucket, and were kept\n", last.Gone)
	}
	if last.Refused > 0 {
		fmt.Fprintf(stderr, "agentaudit: the store refused the content of %d of them: "+
			"what is sealed there cannot be judged from the copy\n", last.Refused)
	}
}

// verify judges the copy within its bound.
func (p *pulling) verify(cmd *cobra.Command, dir string) error {
	if p.session == "" {
		return p.trail(cmd, dir)
	}
	// Of other sessions the copy holds nothing: the chain is verified, and the session read.
	p.level, p.since, p.until = ledger.LevelChain.String(), "", ""
	failed := p.trail(cmd, dir)
	var code exitError
	if failed != nil && !errors.As(failed, &code) {
		return failed
	}
	keys, err := p.trust.keys()
	if err != nil {
		return err
	}
	d, err := store.OpenDir(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	t, err := trail.Read(cmd.Context(), d, keys, p.trust.logs, p.session)
	g := findings{more: "agentaudit verify --all"}
	if err != nil {
		return g.conclude(cmd.ErrOrStderr(), err)
	}
	for _, problem := range t.Problems {
		if f := findingIn(problem); f != nil {
			g.add(f)
		}
	}
	n := 0
	for range t.All() {
		n++
	}
	text := fmt.Sprintf("\nSession %s: %d events, each as it was sealed", termsafe.Line(p.session), n)
	if t.Unread > 0 {
		text += ", and not all could be read"
	}
	fmt.Fprintln(cmd.OutOrStdout(), text)
	if err := g.conclude(cmd.ErrOrStderr(), nil); err != nil && failed == nil {
		return err
	}
	return failed
}
