package agentauditexporter

import (
	"context"
	"crypto/sha256"
	"time"

	"go.uber.org/zap"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// keepInterval is how often it is made sure that what data refers to is locked as long as
// the data.
const keepInterval = day

// publicKey is the object that publishes the signer's public key. It is there for
// convenience only, and no manifest names it.
type publicKey struct {
	put    putter
	lock   *LockConfig
	logger *zap.Logger

	key  string
	body []byte
	at   time.Time // when it was last seen to
}

func newPublicKey(s ledger.Signer, put putter, lock *LockConfig, logger *zap.Logger) *publicKey {
	return &publicKey{
		put: put, lock: lock, logger: logger,
		key:  ledger.KeyPrefix + ledger.KeyID(s.Public()) + ".pem",
		body: ledger.MarshalPublicKey(s.Public()),
	}
}

// publish makes sure, unless that was done of late, that the key is there, and locked at
// least as long as data that is sealed before it is seen to again.
func (k *publicKey) publish(ctx context.Context) error {
	if time.Since(k.at) < keepInterval {
		return nil
	}
	err := k.put.put(ctx, k.key, k.body, ledger.PutOptions{
		SHA256:      sha256.Sum256(k.body),
		Retention:   k.lock.from(time.Now().Add(2 * keepInterval)),
		ContentType: "application/x-pem-file",
	})
	if err == nil {
		k.at = time.Now()
	}
	return err
}

// refresh is publish where a failure costs nothing.
func (k *publicKey) refresh(ctx context.Context) {
	if err := k.publish(ctx); err != nil {
		k.logger.Warn("the lock of the public key was not extended and will be after the next manifest", zap.Error(err))
	}
}
