package agentauditexporter

import (
	"context"
	"crypto/x509"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/agentaudit/otelcol-agentaudit/internal/awsconf"
	"github.com/agentaudit/otelcol-agentaudit/internal/kmstest"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// kms puts the trail's key into a KMS of its own, and gives a configuration for it.
func (tr *trail) kms() (*kmstest.Server, string, *Config) {
	s := kmstest.Start(tr.t, tr.server.AccessKey, tr.server.SecretKey)
	arn := s.NewKey(types.KeySpecEccNistP256)
	pub, err := x509.ParsePKIXPublicKey(s.Public(arn))
	require.NoError(tr.t, err)
	tr.public = ledger.PublicKey{ID: ledger.KeyID(pub), Key: pub}
	c := tr.config()
	c.Signing = SigningConfig{KMSKeyID: arn, KMS: awsconf.Config{Endpoint: s.Endpoint}}
	return s, arn, c
}

func TestKMSSignsOnceACommit(t *testing.T) {
	tr := newTrail(t)
	s, _, c := tr.kms()
	r := start(t, c)
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), spans(event(0), event(1))))
	require.NoError(t, r.logs.ConsumeLogs(context.Background(), records(event(2))))
	r.stop()
	require.Equal(t, once(3), tr.requireConfirmed())
	require.Equal(t, 1, s.Calls("GetPublicKey"))
	require.Equal(t, len(tr.kinds())+1, s.Calls("Sign"), "the manifests, and the checkpoint at the end")
}

// KMS is taken away under load, and comes back refusing for a while: senders wait, and
// what they are told OK for is sealed.
func TestKMSGoneAndBack(t *testing.T) {
	tr := newTrail(t)
	s, arn, c := tr.kms()
	var throttle atomic.Bool
	var asked atomic.Int64
	s.Fault = func(context.Context, string) *kmstest.Error {
		asked.Add(1)
		if throttle.Load() {
			return &kmstest.Error{Code: "ThrottlingException", Message: "Rate exceeded"}
		}
		return nil
	}
	r := start(t, c)

	const senders = 8
	var sent, acknowledged atomic.Int64
	var wg sync.WaitGroup
	enough := make(chan struct{})
	for range senders {
		wg.Go(func() {
			for {
				n := int(sent.Add(1) - 1)
				if err := r.traces.ConsumeTraces(context.Background(), spans(event(n))); err != nil {
					t.Error(err)
				}
				acknowledged.Add(1)
				select {
				case <-enough:
					return
				default:
				}
			}
		})
	}
	some := func() {
		from := acknowledged.Load()
		require.Eventually(t, func() bool { return acknowledged.Load() >= from+2*senders }, time.Minute, time.Millisecond)
	}
	some()
	s.Stop()
	require.Equal(t, componentstatus.StatusRecoverableError, <-r.status)
	askedTwice := func() {
		from := asked.Load()
		require.Eventually(t, func() bool { return asked.Load() >= from+2 }, time.Minute, time.Millisecond)
	}
	throttle.Store(true)
	s.Start()
	askedTwice()
	s.SetState(arn, types.KeyStateDisabled)
	throttle.Store(false)
	askedTwice()
	require.Less(t, acknowledged.Load(), sent.Load(), "senders wait")
	s.SetState(arn, types.KeyStateEnabled)
	require.Equal(t, componentstatus.StatusOK, <-r.status, "although the bucket answered all the time")
	some()
	close(enough)
	wg.Wait()
	require.Equal(t, once(int(sent.Load())), tr.requireConfirmed(), "no event twice: an object is built once")
	r.stop()
	tr.requireConfirmed()
}

// A KMS that does not answer is asked again after the timeout.
func TestKMSThatHangs(t *testing.T) {
	tr := newTrail(t)
	s, _, c := tr.kms()
	c.TimeoutConfig.Timeout = time.Second // of the bucket, too
	var hang atomic.Bool
	hanging := make(chan struct{}, 1000)
	s.Fault = func(ctx context.Context, _ string) *kmstest.Error {
		if hang.Load() {
			hanging <- struct{}{}
			<-ctx.Done()
		}
		return nil
	}
	r := start(t, c)
	hang.Store(true)
	done := make(chan error, 1)
	go func() { done <- r.traces.ConsumeTraces(context.Background(), spans(event(0))) }()
	for range 2 {
		<-hanging
	}
	hang.Store(false)
	require.NoError(t, <-done)
	r.stop()
	require.Equal(t, once(1), tr.requireConfirmed())
}

// With a spool, a collector that starts while the KMS is away takes telemetry, and seals
// it when the KMS is back.
func TestKMSAwayAtTheStart(t *testing.T) {
	tr := newTrail(t)
	s, _, c := tr.kms()
	spooled := tr.spooledConfig()
	c.Durability, c.Spool = spooled.Durability, spooled.Spool
	s.Stop()
	r := start(t, c)
	require.NoError(t, r.traces.ConsumeTraces(context.Background(), spans(event(0), event(1))))
	require.Empty(t, tr.kinds(), "nothing is sealed without a signature")
	s.Start()
	require.Eventually(t, func() bool { return slices.Contains(tr.kinds(), "batch") }, time.Minute, 5*time.Millisecond)
	r.stop()
	require.Equal(t, once(2), tr.requireConfirmed())
}

func TestStartRefusesTheKMSKey(t *testing.T) {
	tr := newTrail(t)
	s, arn, c := tr.kms()
	s.SetState(arn, types.KeyStateDisabled)
	require.Contains(t, startError(t, c), "`signing::kms_key_id`: key "+arn+" of AWS KMS: it is disabled; enable it: ")
	c = tr.config()
	c.Signing = SigningConfig{KMSKeyID: s.NewKey(types.KeySpecEccNistEdwards25519), KMS: awsconf.Config{Endpoint: s.Endpoint}}
	require.Contains(t, startError(t, c), "manifests are longer: use a key of spec ECC_NIST_P256")
	c.Signing.KMSKeyID = "alias/audit" // says no region, so that it is the bucket's
	require.Contains(t, startError(t, c), "Credential should be scoped to ")
	c.Signing.KMS.Region = kmstest.Region
	require.Contains(t, startError(t, c), "there is no such key in this account and region")
	require.Empty(t, tr.keys(""))
}
