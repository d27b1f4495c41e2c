package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/internal/localcollector"
	"github.com/agentaudit/otelcol-agentaudit/internal/locals3"
	"github.com/agentaudit/otelcol-agentaudit/internal/terminal"
	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

func demoCmd() *cobra.Command {
	d := &demo{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the whole path once on this machine",
		Long: `Run the whole path once on this machine: a local S3 server with Object Lock, the
collector, recorded telemetry of real agents in, a session's trail, the verification
of the bucket, and of a copy in which one byte is changed. The folder keeps the
configuration, the public key, the collector's log and a copy of the bucket.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.out = cmd.OutOrStdout()
			return d.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&d.dir, "dir", "build/run", "folder for what the run leaves; emptied first")
	cmd.Flags().StringVar(&d.recordings, "recordings", "testdata/captures", "folder of recordings, *.traces.otlp.jsonl and *.logs.otlp.jsonl")
	cmd.Flags().StringVar(&d.binary, "collector", "build/otelcol-agentaudit/otelcol-agentaudit", "the collector")
	cmd.Flags().StringVar(&d.s3, "s3-server", ".bin/versitygw", "the S3 server")
	cmd.Flags().StringVar(&d.session, "session", "8eb98d7c-6d0f-4577-bd57-76a8ad8cbf5d", "the session whose trail is shown")
	return cmd
}

type demo struct {
	dir, recordings, binary, s3, session string
	out                                  io.Writer
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, "\n=== "+format+"\n", args...) }

func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

func (d *demo) run(ctx context.Context) (err error) {
	if err := d.prepare(); err != nil {
		return err
	}
	d.say("a local S3 server with Object Lock, on loopback")
	server, err := locals3.Start(ctx, locals3.Options{Binary: d.s3, Dir: d.path("s3")})
	if err != nil {
		return err
	}
	defer func() {
		server.Stop()
		// Nothing is left that could sign for this trail.
		err = errors.Join(err, os.RemoveAll(d.path("s3")), os.RemoveAll(d.path("audit.key")))
	}()
	// For this process and the collector, which inherits it: the credentials of the local
	// server, and nothing of an AWS account that the user is signed in to.
	for k, v := range map[string]string{
		"AWS_ACCESS_KEY_ID": server.AccessKey, "AWS_SECRET_ACCESS_KEY": server.SecretKey, "AWS_SESSION_TOKEN": "",
		"AWS_PROFILE": "", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		if err := os.Setenv(k, v); err != nil {
			return err
		}
	}
	cfg := store.Config{Bucket: "audit", Prefix: "trail", Region: "us-east-1", Endpoint: server.Endpoint, ForcePathStyle: true}

	d.say("a key, and a bucket that nobody can change unseen")
	if _, err := keygen(d.path("audit"), "ed25519"); err != nil {
		return err
	}
	done, notDone, err := store.InitBucket(ctx, cfg, store.InitOptions{Mode: ledger.Compliance, Retention: 24 * time.Hour})
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "%s\nnot on this server: %s\n", strings.Join(done, "\n"), strings.Join(notDone, "; "))

	d.say("the collector: recorded telemetry of real agents in")
	if err := d.record(ctx, localcollector.Options{
		Binary: d.binary, File: d.path("collector.yaml"), LogFile: d.path("collector.log"),
		Log: "demo", Bucket: cfg, Key: d.path("audit.key"),
	}); err != nil {
		return err
	}
	s, err := store.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer s.Close()
	return d.check(ctx, s)
}

// prepare empties the folder, if it is one that a run made.
func (d *demo) prepare() error {
	for _, f := range []string{d.binary, d.s3, d.recordings} {
		if _, err := os.Stat(f); err != nil {
			return fmt.Errorf("%w: run `make run` in the top folder of the repository", err)
		}
	}
	list, err := os.ReadDir(d.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, f := range list {
		if !slices.Contains([]string{"audit.key", "audit.pub", "bucket", "collector.log", "collector.yaml", "s3"}, f.Name()) {
			return fmt.Errorf("%s holds %q, which no run made: choose another --dir", d.dir, f.Name())
		}
	}
	if err := os.RemoveAll(d.dir); err != nil {
		return err
	}
	return os.MkdirAll(d.dir, 0o755)
}

// record runs the collector and sends it the recordings.
func (d *demo) record(ctx context.Context, o localcollector.Options) (err error) {
	c, err := localcollector.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	send, err := localcollector.NewSender(c)
	if err != nil {
		return err
	}
	defer send.Close()
	files, err := recordings(d.recordings)
	if err != nil {
		return err
	}
	for _, f := range files {
		spans, records, err := sendFile(ctx, send, f)
		if err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
		over := "OTLP/gRPC"
		if records > 0 {
			over = "OTLP/HTTP"
		}
		rel, _ := filepath.Rel(d.recordings, f)
		fmt.Fprintf(d.out, "%-60s %3d spans, %3d log records over %s, sealed\n", rel, spans, records, over)
	}
	return nil
}

// recordings lists the recordings of a folder; the log records of one come before
// its spans, as agents flush them.
func recordings(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(path, ".otlp.jsonl") {
			files = append(files, path)
		}
		return err
	})
	sort.Strings(files)
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s holds no recording", dir)
	}
	return files, err
}

// sendFile sends every export request of a recording.
func sendFile(ctx context.Context, s *localcollector.Sender, file string) (spans, records int, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, 0, err
	}
	for _, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
		if strings.Contains(filepath.Base(file), ".logs.") {
			ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
			if err != nil {
				return 0, 0, err
			}
			records += ld.LogRecordCount()
			if err := s.SendLogs(ctx, ld); err != nil {
				return 0, 0, err
			}
			continue
		}
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
		if err != nil {
			return 0, 0, err
		}
		spans += td.SpanCount()
		if err := s.SendTraces(ctx, td); err != nil {
			return 0, 0, err
		}
	}
	return spans, records, nil
}

// check reads and verifies what was sealed, and a copy of it that was tampered with.
func (d *demo) check(ctx context.Context, s ledger.Reader) error {
	text, err := os.ReadFile(d.path("audit.pub"))
	if err != nil {
		return err
	}
	key, err := ledger.ParsePublicKey(text)
	if err != nil {
		return err
	}
	keys := []ledger.PublicKey{key}

	d.say("the trail of one session, verified as it is read")
	t, err := trail.Read(ctx, s, keys, nil, d.session)
	if err != nil {
		return err
	}
	if len(t.Events) == 0 || t.Unread > 0 {
		return fmt.Errorf("session %s: %d events, %d of the trail's objects unreadable", d.session, len(t.Events), t.Unread)
	}
	if err := t.Table(d.out, trail.Look{Terminal: terminal.Of(d.out)}); err != nil {
		return err
	}

	d.say("verify the bucket")
	report, err := ledger.Verify(ctx, s, ledger.VerifyOptions{Keys: keys})
	if err := errors.Join(err, writeReport(d.out, report, "table", false)); err != nil {
		return err
	}
	if report.Verdict != ledger.Confirmed || report.Warnings > 0 {
		return fmt.Errorf("the bucket is %s with %d warnings, not CONFIRMED without", report.Verdict, report.Warnings)
	}
	return d.tamper(ctx, s, keys)
}

// tamper pulls a copy, changes one byte in it, and puts the byte back when the
// change was found.
func (d *demo) tamper(ctx context.Context, s ledger.Reader, keys []ledger.PublicKey) error {
	d.say("pull a copy to %s, and change one byte of it", d.path("bucket"))
	if err := store.Pull(ctx, s, d.path("bucket"), nil); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(d.path("bucket"), ledger.DataPrefix, "*", "*", "*"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("no data object in %s", d.path("bucket"))
	}
	victim := files[0]
	body, err := os.ReadFile(victim)
	if err != nil {
		return err
	}
	changed := bytes.Clone(body)
	changed[len(changed)/2] ^= 1
	if err := overwrite(victim, changed); err != nil {
		return err
	}
	report, err := d.verifyCopy(ctx, keys)
	if err := errors.Join(err, overwrite(victim, body)); err != nil {
		return err
	}
	rel, err := filepath.Rel(d.path("bucket"), victim)
	if err != nil {
		return err
	}
	named := slices.ContainsFunc(report.Findings, func(f ledger.Finding) bool {
		return f.Severity == ledger.SeverityError && f.Object == filepath.ToSlash(rel) && f.Line > 0
	})
	if report.Verdict != ledger.NotConfirmed || !named {
		return fmt.Errorf("the change of %s was not found: the copy is %s", rel, report.Verdict)
	}
	d.say("the byte put back")
	if report, err = d.verifyCopy(ctx, keys); err != nil {
		return err
	}
	if report.Verdict != ledger.Confirmed {
		return fmt.Errorf("the copy is %s, with the byte put back", report.Verdict)
	}
	d.say("all came out as it should: %s keeps the configuration, audit.pub, collector.log and bucket/", d.dir)
	return nil
}

func (d *demo) verifyCopy(ctx context.Context, keys []ledger.PublicKey) (*ledger.Report, error) {
	dir, err := store.OpenDir(d.path("bucket"))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	report, err := ledger.Verify(ctx, dir, ledger.VerifyOptions{Keys: keys})
	if err != nil {
		return report, err
	}
	fmt.Fprintln(d.out)
	return report, writeReport(d.out, report, "table", false)
}

// overwrite writes a file that pull may have made read-only.
func overwrite(name string, body []byte) error {
	if err := os.Chmod(name, 0o644); err != nil {
		return err
	}
	return os.WriteFile(name, body, 0o644)
}
