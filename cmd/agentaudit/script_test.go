package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	fnote "github.com/transparency-dev/formats/note"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"golang.org/x/mod/sumdb/note"

	"github.com/agentaudit/otelcol-agentaudit/internal/trailtest"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"agentaudit": func() { os.Exit(run()) }})
}

// TestScripts runs the command as a user does: see testdata/script.
func TestScripts(t *testing.T) {
	captures, err := filepath.Abs("../../testdata/captures")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("CAPTURES", captures)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"seal": seal, "record": record, "flip": flip, "mode": mode, "exits": exits,
		},
	})
}

// seal KEY[,KEY…] DIR [running] [newer] [refused] [cosigned] [cut] makes a pulled copy of a small trail: two
// sessions in log gw-0, and in gw-1 for a second key, whose writers have stopped unless
// they are running. The text of the events is hostile to terminals. One that is newer ends
// with a line of a schema that is to come; of one that is refused the store does not give
// the object of session s-2; one that is cut has lost the newest manifest of
// gw-0, with the checkpoint of it, which stays in the file DIR.txt; one that is cosigned has
// a witness's word on that of gw-0, and the policy that asks for it in the file DIR.policy.
func seal(ts *testscript.TestScript, _ bool, args []string) {
	s, newest := ledgertest.New(), ""
	for i, key := range strings.Split(args[0], ",") {
		signer, err := ledger.LoadSigner([]byte(ts.ReadFile(key)))
		ts.Check(err)
		newest = sealLog(ts, s, fmt.Sprintf("gw-%d", i), signer, args[2:])
	}
	if slices.Contains(args, "refused") {
		s.Purge(newest)
		s.Plant(newest, 100, ledger.ErrForbidden)
	}
	if slices.Contains(args, "cosigned") {
		ts.Check(os.WriteFile(ts.MkAbs(args[1]+".policy"), cosigned(ts, s), 0o600))
	}
	if slices.Contains(args, "cut") {
		kept, err := s.Get(context.Background(), ledger.CheckpointKey("gw-0", 4), "")
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[1]+".txt"), kept, 0o600))
		s.Purge(ledger.CheckpointKey("gw-0", 4))
		s.Purge(ledger.ManifestKey("gw-0", 3))
	}
	ts.Check(store.Pull(context.Background(), s, ts.MkAbs(args[1]), func(store.PullProgress) {}))
}

// cosigned has a witness cosign the checkpoint of a trail, and gives a policy that asks for it.
func cosigned(ts *testscript.TestScript, s *ledgertest.Store) []byte {
	ctx := context.Background()
	skey, plain, err := note.GenerateKey(rand.Reader, "witness.example/w1")
	ts.Check(err)
	vkey, err := fnote.VKeyToCosignatureV1(plain)
	ts.Check(err)
	by, err := fnote.NewSignerForCosignatureV1(skey)
	ts.Check(err)
	text, err := s.Get(ctx, ledger.CheckpointKey("gw-0", 4), "")
	ts.Check(err)
	body, sigs, _ := strings.Cut(string(text), "\n\n")
	added, err := note.Sign(&note.Note{Text: body + "\n"}, by)
	ts.Check(err)
	_, line, _ := strings.Cut(string(added), "\n\n")
	s.Overwrite(ledger.CosignedKey("gw-0", 4), []byte(body+"\n\n"+sigs+line))
	return []byte("# who vouches for the logs\nwitness w1 " + vkey + " https://witness.example\nquorum w1\n")
}

// sealLog writes a log, and returns the key of its newest object.
func sealLog(ts *testscript.TestScript, s *ledgertest.Store, log string, signer ledger.Signer, how []string) (newest string) {
	ctx := context.Background()
	lock := ledger.Retention{Mode: ledger.Compliance, Until: time.Now().UTC().Add(48 * time.Hour).Truncate(24 * time.Hour)}
	c, err := ledger.OpenChain(ctx, s, ledger.ChainOptions{
		Log: log, Signer: signer, Retention: func(time.Time) ledger.Retention { return lock },
	})
	ts.Check(err)
	ts.Check(c.Commit(ctx, ledger.KindOpen, nil))
	for i, session := range []string{"s-1", "s-2"} {
		b := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: log, Compression: ledger.Gzip, Retention: lock}, time.Now())
		for n := range 3 {
			span := ptrace.NewSpan()
			semconv.WriteSpan(&semconv.Event{
				EventType: semconv.TypeToolCall, EventID: fmt.Sprintf("%s-%d", session, n), Timestamp: time.Date(2026, 11, 23, 10, i, n, 0, time.UTC), SessionID: session,
				RunID: session, AgentID: "shop", UserID: "ann", StepNumber: semconv.Some(int64(n + 1)), ToolName: "pay\x1b[2J", ToolInput: semconv.Text(fmt.Sprintf("row %d\n\u202e", n)), Outcome: "success",
			}, span)
			line, m, err := semconv.AppendSpan(nil, span)
			ts.Check(err)
			if slices.Contains(how, "newer") && session == "s-2" && n == 2 {
				line = bytes.Replace(line, []byte(`"schema_version":"1.1"`), []byte(`"schema_version":"9.0"`), 1)
			}
			b.Add(line, m)
		}
		o, err := b.Finish()
		ts.Check(err)
		_, err = s.Put(ctx, o.Key, o.Body, ledger.PutOptions{SHA256: sha256.Sum256(o.Body), Retention: lock})
		ts.Check(err)
		ts.Check(c.Commit(ctx, ledger.KindBatch, []ledger.Object{o.Object}))
		newest = o.Key
	}
	if !slices.Contains(how, "running") {
		ts.Check(c.Commit(ctx, ledger.KindClose, nil))
		ts.Check(c.Checkpoint(ctx, nil))
	}
	return newest
}

// record KEY DIR RECORDING seals what a recording gives (see testdata/captures), in a pulled copy.
func record(ts *testscript.TestScript, _ bool, args []string) {
	files, err := filepath.Glob(filepath.Join(ts.Getenv("CAPTURES"), args[2]+".*"))
	ts.Check(err)
	signer, err := ledger.LoadSigner([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	t := failing{ts}
	s, _, _ := trailtest.RecordingBy(t, signer, files...)
	ts.Check(store.Pull(context.Background(), s, ts.MkAbs(args[1]), func(store.PullProgress) {}))
}

// failing is a script as a test.
type failing struct{ *testscript.TestScript }

func (f failing) Helper()                           {}
func (f failing) FailNow()                          { f.Fatalf("failed") }
func (f failing) Errorf(format string, args ...any) { f.Logf(format, args...) }

// flip GLOB changes one byte in the middle of every file that matches.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(files) == 0 {
		ts.Fatalf("nothing matches %s", args[0])
	}
	for _, f := range files {
		body, err := os.ReadFile(f)
		ts.Check(err)
		body[len(body)/2] ^= 1
		ts.Check(os.Chmod(f, 0o600))
		ts.Check(os.WriteFile(f, body, 0o600))
	}
}

// exits CODE COMMAND ARGS… requires the exit code; stdout and stderr look at what it
// printed.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// mode FILE OCTAL checks the permissions of a file.
func mode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%o", info.Mode().Perm()); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}
