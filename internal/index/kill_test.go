package index

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// TestMain is also the program that TestKilledProcess kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv("INDEX_TRAIL"); dir != "" {
		if err := indexOnce(dir, os.Getenv("INDEX_TO"), os.Getenv("INDEX_KEY")); err != nil {
			println(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func indexOnce(dir, to, key string) error {
	text, err := os.ReadFile(key)
	if err != nil {
		return err
	}
	k, err := ledger.ParsePublicKey(text)
	if err != nil {
		return err
	}
	r, err := store.OpenDir(dir)
	if err != nil {
		return err
	}
	p, err := InFolder(to, true)
	if err != nil {
		return err
	}
	_, err = Open(p).Update(ctx, r, Options{Keys: []ledger.PublicKey{k}, FlushRows: 10, Workers: 2})
	return err
}

// A real process, killed with SIGKILL at any moment, again and again: in the end each line has
// one row, whatever files it left.
func TestKilledProcess(t *testing.T) {
	tr := newTrail(t)
	for n := range 30 {
		tr.seal([]string{"gw-0", "gw-1"}[n%2], monday, "", tr.events("s", 4)...)
	}
	dir := t.TempDir()
	trail, to, key := filepath.Join(dir, "trail"), filepath.Join(dir, "index"), filepath.Join(dir, "key.pem")
	require.NoError(t, store.Pull(ctx, tr, trail, nil))
	require.NoError(t, os.WriteFile(key, ledger.MarshalPublicKey(tr.key.Key), 0o600))
	place, err := InFolder(to, true)
	require.NoError(t, err)
	x := Open(place)
	killed := 0
	for range 60 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "INDEX_TRAIL="+trail, "INDEX_TO="+to, "INDEX_KEY="+key)
		cmd.Stderr = os.Stderr
		require.NoError(t, cmd.Start())
		after := time.AfterFunc(time.Duration(rand.IntN(150))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		after.Stop()
		if err == nil {
			break
		}
		require.Equal(t, -1, cmd.ProcessState.ExitCode(), "killed, and nothing else")
		killed++
	}
	t.Logf("killed %d times", killed)
	_, err = x.Update(ctx, tr, tr.options())
	require.NoError(t, err)
	require.Equal(t, tr.want(), keys(t, x))
}
