package adversary

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	mutate   = flag.Bool("adversary.mutants", false, "bring back old faults, one at a time: the test must find each")
	mutateBy = flag.Int("adversary.mutant-histories", 100000, "how many histories each is given to be found in")
	only     = flag.String("adversary.mutant", "", "only the mutants whose name matches this expression")
)

// mutant is an old fault: a text of a file, by its path from package ledger, and what stood there before
// it was mended, or could stand there. By names those that it helps.
type mutant struct {
	name     string
	file     string
	old, new string
	by       string // the tests that must find it, as for -run
	and      []edit // of the same file
}

type edit struct{ old, new string }

// TestMutants: the adversary finds every fault that was once there. A text that is not
// found is an error: the table has to follow the code.
func TestMutants(t *testing.T) {
	if !*mutate {
		t.Skip("make adversary-mutants")
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			if ok, err := regexp.MatchString(*only, m.name); err != nil || !ok {
				t.Skip("not asked for")
			}
			m.check(t)
		})
	}
}

func (m *mutant) check(t *testing.T) {
	file, err := filepath.Abs(filepath.Join("..", "..", "ledger", m.file))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	with := string(text)
	for _, e := range append([]edit{{m.old, m.new}}, m.and...) {
		if n := strings.Count(with, e.old); n != 1 {
			t.Fatalf("%s holds %q %d times, need it once: bring the table of mutants up to date", m.file, e.old, n)
		}
		with = strings.Replace(with, e.old, e.new, 1)
	}
	dir := t.TempDir()
	changed := filepath.Join(dir, filepath.Base(m.file))
	overlay := filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {file: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{changed: with, overlay: string(list)} {
		if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m.run(t, overlay, filepath.Join(dir, "adversary.test"))
}

// run builds the test with the fault and expects it to fail.
func (m *mutant) run(t *testing.T, overlay, binary string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "test", "-c", "-overlay", overlay, "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the mutant does not build: %v\n%s", err, out)
	}
	began := time.Now()
	adversary := func(binary, run, histories, seed string) (string, error) {
		out, err := exec.CommandContext(ctx, binary, "-test.run", run, "-test.failfast", "-test.parallel=1",
			"-rapid.nofailfile", "-rapid.shrinktime=1ms",
			"-adversary.histories="+histories, "-adversary.seed="+seed).CombinedOutput()
		return string(out), err
	}
	out, err := adversary(binary, m.by, strconv.Itoa(*mutateBy), strconv.FormatUint(*seed, 10))
	found := regexp.MustCompile(`failed after (\d+) tests?: (.*)`).FindStringSubmatch(out)
	again := regexp.MustCompile(`-run="(.*)" .*-rapid.seed=(\d+)`).FindStringSubmatch(out)
	switch {
	case err == nil:
		t.Fatalf("SURVIVED %d histories of %s", *mutateBy, m.by)
	case found == nil || again == nil:
		t.Fatalf("the test ended otherwise: %v\n%s", err, out)
	}
	// It must be the mutant that the history finds: os.Args[0] is the test without it.
	if out, err := adversary(os.Args[0], "^"+strings.ReplaceAll(again[1], "/", "$/^")+"$", "1", again[2]); err != nil {
		t.Fatalf("the history fails without the mutant, too:\n%s", out)
	}
	t.Logf("found after %s histories, %v: %s", found[1], time.Since(began).Round(time.Millisecond), found[2])
}
