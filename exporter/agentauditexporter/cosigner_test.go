package agentauditexporter

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	fnote "github.com/transparency-dev/formats/note"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	sumdb "golang.org/x/mod/sumdb/note"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/metadatatest"
	"github.com/agentaudit/otelcol-agentaudit/internal/witnesstest"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

// policyFile writes a policy.
func policyFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "witnesses.policy")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// TestWitness: real witnesses cosign the checkpoints of a collector, from one run to the next;
// one that is away keeps nothing waiting; and the auditor needs nothing but the policy.
func TestWitness(t *testing.T) {
	one, two := witnesstest.Start(t, "witness.example/one"), witnesstest.Start(t, "witness.example/two")
	tr := newTrail(t)
	c := tr.config()
	text := one.Line("one") + "witness two " + two.VKey + "\ngroup both all one two\nquorum both\n"
	c.Witness.PolicyFile = policyFile(t, text)
	c.Witness.URLs = []string{two.URL}
	policy, err := ledger.ParsePolicy([]byte(text))
	require.NoError(t, err)
	verify := func(size int64) {
		t.Helper()
		report, err := ledger.Verify(context.Background(), tr.open(), ledger.VerifyOptions{Keys: []ledger.PublicKey{tr.public}, Witnesses: policy})
		require.NoError(t, err)
		require.Equal(t, ledger.Confirmed, report.Verdict, "%+v", report.Findings)
		require.Empty(t, report.Findings)
		require.Equal(t, size, report.Logs[0].Witnessed.Size)
		require.Len(t, report.Logs[0].Witnessed.By, 2)
	}
	know := func() {
		cp, err := ledger.NewestCheckpoint(context.Background(), tr.open(), []ledger.PublicKey{tr.public}, "gw-0")
		require.NoError(t, err)
		vkey, err := ledger.VerifierKey(tr.public, cp.Origin())
		require.NoError(t, err)
		one.Know(cp.Origin(), vkey)
		two.Know(cp.Origin(), vkey)
	}
	run := func(n int) {
		r := start(t, c)
		require.NoError(t, r.traces.ConsumeTraces(context.Background(), spans(event(n))))
		r.stop()
	}
	run(0)
	require.Empty(t, cosignedKeys(tr), "they do not know the log yet")
	know()
	run(1)
	verify(6)
	run(2)
	verify(9)

	away := one.URL
	c.Witness.PolicyFile = policyFile(t, strings.ReplaceAll(text, away, "http://127.0.0.1:1"))
	run(3)
	verify(9)
	require.Len(t, cosignedKeys(tr), 3, "what one of them said is kept")
	tr.requireConfirmed()
}

func cosignedKeys(tr *trail) (list []string) {
	for _, key := range tr.keys(ledger.CheckpointPrefix) {
		if strings.HasSuffix(key, ".cosigned") {
			list = append(list, key)
		}
	}
	return list
}

// stubWitness is one whose answers a test chooses.
type stubWitness struct {
	url, vkey string
	sign      func(body string) string // cosigns the checkpoint in a request
}

func newStubWitness(t *testing.T, answer func(w *stubWitness, rw http.ResponseWriter, r *http.Request)) *stubWitness {
	t.Helper()
	skey, plain, err := sumdb.GenerateKey(rand.Reader, "witness.example/stub")
	require.NoError(t, err)
	s := &stubWitness{}
	s.vkey, err = fnote.VKeyToCosignatureV1(plain)
	require.NoError(t, err)
	signer, err := fnote.NewSignerForCosignatureV1(skey)
	require.NoError(t, err)
	s.sign = func(body string) string {
		_, note, _ := strings.Cut(body, "\n\n")
		text, _, _ := strings.Cut(note, "\n\n")
		signed, err := sumdb.Sign(&sumdb.Note{Text: text + "\n"}, signer)
		if err != nil {
			return err.Error()
		}
		_, line, _ := strings.Cut(string(signed), "\n\n")
		return line
	}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { answer(s, rw, r) }))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func body(r *http.Request) string {
	text, _ := io.ReadAll(r.Body)
	return string(text)
}

// cosigning is a committer whose checkpoints witnesses cosign.
func newCosigning(t *testing.T, timeout time.Duration, list ...*stubWitness) *committing {
	text, group := "", ""
	for i, w := range list {
		text += fmt.Sprintf("witness w%d %s %s\n", i, w.vkey, w.url)
		group += fmt.Sprintf(" w%d", i)
	}
	c := newCommitting(t, func(c *Config) { c.Checkpoint = time.Nanosecond }) // at each manifest
	c.cfg.Witness = WitnessConfig{PolicyFile: policyFile(t, text+"group g any"+group+"\nquorum g\n"), Timeout: timeout}
	p, err := c.cfg.Witness.load("gw-0")
	require.NoError(t, err)
	c.part.cosign = newCosigner(&c.cfg.Witness, p, c.store, c.signer, c.report)
	c.part.cosign.start(c.life)
	c.part.start(c.life)
	return c
}

func (c *committing) seal(n int) {
	o := c.object(c.maker(), nil, event(n))
	c.part.take(o)
	require.NoError(c.t, finished(c.t, o))
}

// TestSilentWitness: sealing goes on while a witness is silent, and stopping takes no longer
// than it may.
func TestSilentWitness(t *testing.T) {
	asked, silent := make(chan struct{}, 100), make(chan struct{})
	hang := newStubWitness(t, func(_ *stubWitness, _ http.ResponseWriter, r *http.Request) {
		_ = body(r) // so that the end of the request shows
		asked <- struct{}{}
		select {
		case <-silent:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(silent) })
	good := newStubWitness(t, func(w *stubWitness, rw http.ResponseWriter, r *http.Request) { fmt.Fprint(rw, w.sign(body(r))) })
	c := newCosigning(t, time.Hour, hang, good)
	c.seal(0)
	<-asked
	for n := range 5 {
		c.seal(n + 1) // with an hour to go
	}
	go func() { // the last round is cut short as well, by the end of the exporter's life
		<-asked
		c.end()
	}()
	_ = c.part.stop(c.life)
	require.GreaterOrEqual(t, c.kindsOf(ledger.KindBatch), 6)
}

// TestSlowWitness: what the others said is kept, also where one has not answered in the time
// that all have.
func TestSlowWitness(t *testing.T) {
	silent := make(chan struct{})
	hang := newStubWitness(t, func(_ *stubWitness, _ http.ResponseWriter, r *http.Request) {
		_ = body(r)
		select {
		case <-silent:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(silent) })
	good := newStubWitness(t, func(w *stubWitness, rw http.ResponseWriter, r *http.Request) { fmt.Fprint(rw, w.sign(body(r))) })
	c := newCosigning(t, time.Second, hang, good)
	c.seal(0)
	require.NoError(t, c.part.stop(c.life))
	require.Contains(t, c.store.Keys(ledger.CheckpointPrefix), ledger.CosignedKey("gw-0", 3))
}

func (c *committing) kindsOf(kind ledger.Kind) (n int) {
	for _, k := range c.kinds() {
		if k == kind {
			n++
		}
	}
	return n
}

// TestWitnessAnswers: nothing is kept but what the keys of the policy signed of this
// checkpoint; what witnesses refuse is counted, and told by what it means.
func TestWitnessAnswers(t *testing.T) {
	foreign := newStubWitness(t, nil)
	old := ""
	for name, c := range map[string]struct {
		answer func(w *stubWitness, rw http.ResponseWriter, r *http.Request)
		kept   bool
		code   string // of the warning
	}{
		"cosigned": {func(w *stubWitness, rw http.ResponseWriter, r *http.Request) { fmt.Fprint(rw, w.sign(body(r))) }, true, ""},
		"cosigned, with more": {func(w *stubWitness, rw http.ResponseWriter, r *http.Request) {
			text := body(r)
			fmt.Fprint(rw, foreign.sign(text)+w.sign(text)+"— x AAAAAAA=\n")
		}, true, ""},
		"by another key": {func(_ *stubWitness, rw http.ResponseWriter, r *http.Request) { fmt.Fprint(rw, foreign.sign(body(r))) }, false, ""},
		"of an older checkpoint": {func(w *stubWitness, rw http.ResponseWriter, _ *http.Request) {
			if old == "" {
				old = w.sign("\n\nagentaudit.dev/gw-0/x\n1\nAAAA\n\n")
			}
			fmt.Fprint(rw, old)
		}, false, ""},
		"garbage":              {func(_ *stubWitness, rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "x\n\ny") }, false, ""},
		"nothing":              {func(*stubWitness, http.ResponseWriter, *http.Request) {}, false, ""},
		"it knows no such log": {func(_ *stubWitness, rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusNotFound) }, false, ""},
		"it has seen another": {func(_ *stubWitness, rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(http.StatusUnprocessableEntity)
		}, false, ledger.CodeLogForked},
		"it has seen more": {func(_ *stubWitness, rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "text/x.tlog.size")
			rw.WriteHeader(http.StatusConflict)
			fmt.Fprintln(rw, 1<<40)
		}, false, ledger.CodeLogRewound},
	} {
		t.Run(name, func(t *testing.T) {
			w := newStubWitness(t, c.answer)
			p := newCosigning(t, time.Minute, w)
			require.NoError(t, p.part.stop(p.life)) // with the checkpoint of the end
			var kept []string
			for _, key := range p.store.Keys(ledger.CheckpointPrefix) {
				if strings.HasSuffix(key, ".cosigned") {
					kept = append(kept, key)
				}
			}
			if c.kept {
				require.Equal(t, []string{ledger.CosignedKey("gw-0", 2)}, kept)
				text, err := p.store.Get(context.Background(), kept[0], "")
				require.NoError(t, err)
				require.Equal(t, 2, strings.Count(string(text), "\n— "), "%s", text)
				lock, err := p.store.Retention(context.Background(), kept[0], "")
				require.NoError(t, err)
				require.Less(t, time.Until(lock.Until), 2*time.Minute, "it is removable")
				return
			}
			require.Empty(t, kept)
			failures(t, p.tel, w.url)
			if c.code != "" {
				metadatatest.AssertEqualAgentauditExporterWarnings(t, p.tel, []metricdata.DataPoint[int64]{{
					Value: 1, Attributes: attribute.NewSet(attribute.String("code", c.code)),
				}}, metricdatatest.IgnoreTimestamp())
			}
			r, err := ledger.Verify(context.Background(), p.store, ledger.VerifyOptions{Keys: []ledger.PublicKey{ledgertest.Public(t, p.signer)}})
			require.NoError(t, err)
			require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
		})
	}
}

// failures requires one failure of a witness.
func failures(t *testing.T, tel *componenttest.Telemetry, url string) {
	t.Helper()
	metadatatest.AssertEqualAgentauditExporterWitnessFailures(t, tel, []metricdata.DataPoint[int64]{{
		Value: 1, Attributes: attribute.NewSet(attribute.String("witness", url)),
	}}, metricdatatest.IgnoreTimestamp())
}

// TestWitnessConfig: a mistake stops the start, and the error says what to do.
func TestWitnessConfig(t *testing.T) {
	w := newStubWitness(t, nil)
	line := "witness w " + w.vkey
	vkey, err := ledger.VerifierKey(ledgertest.Public(t, ledgertest.NewSigner(t, "ed25519")), "agentaudit.dev/gw-9")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		policy, says string
	}{
		"no quorum":   {line + " " + w.url, "it has no `quorum` line"},
		"no URL":      {line + "\nquorum w", "it names no URL of a witness"},
		"a wrong URL": {line + " witness.example\nquorum w", `"witness.example" must be the URL of a witness`},
		"another log": {"log " + vkey + "\n" + line + " " + w.url + "\nquorum w", "its `log` lines do not name the log \"gw-0\""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := (&WitnessConfig{PolicyFile: policyFile(t, c.policy)}).load("gw-0")
			require.ErrorContains(t, err, "`witness::policy_file` (")
			require.ErrorContains(t, err, c.says)
		})
	}
	_, err = (&WitnessConfig{PolicyFile: "nowhere"}).load("gw-0")
	require.ErrorContains(t, err, "nowhere")
	list, err := (&WitnessConfig{}).load("gw-0")
	require.NoError(t, err)
	require.Nil(t, list)
	for says, c := range map[string]WitnessConfig{
		"`policy_file` must be set":         {URLs: []string{w.url}, Timeout: time.Second},
		"must be the URL of a witness":      {PolicyFile: "x", URLs: []string{"ftp://witness.example"}, Timeout: time.Second},
		"`timeout` (-1s) must be positive":  {PolicyFile: "x", Timeout: -time.Second},
		"\"\" must be the URL of a witness": {PolicyFile: "x", URLs: []string{""}, Timeout: time.Second},
	} {
		require.ErrorContains(t, c.Validate(), says)
	}
	require.NoError(t, (&WitnessConfig{PolicyFile: "x", URLs: []string{w.url}, Timeout: time.Second}).Validate())
}
