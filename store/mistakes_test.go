package store_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/store"
)

// TestMistakesSayWhatToDo: what is wrong around a trail is told by what mends it.
func TestMistakesSayWhatToDo(t *testing.T) {
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	refused := func(status int, code string) func(*testing.T) store.Config {
		return func(t *testing.T) store.Config {
			return stub(t, func(w http.ResponseWriter, _ *http.Request, _ string) { answer(w, status, code) })
		}
	}
	away := store.Config{Bucket: "trail", Region: "eu-central-1", Endpoint: "http://127.0.0.1:1", ForcePathStyle: true}
	for name, c := range map[string]struct {
		config func(*testing.T) store.Config
		says   string
	}{
		"the clock":       {refused(403, "RequestTimeTooSkewed"), "the clock of this machine is not that of the store"},
		"not implemented": {refused(501, "NotImplemented"), "does not have what a trail needs (conditional writes, versions and Object Lock)"},
		"an archive":      {refused(403, "InvalidObjectState"), "it is in an archive class: restore it first"},
		"a disabled key":  {refused(400, "KMS.DisabledException"), "it must be enabled, and these credentials need kms:Decrypt"},
		"no bucket":       {refused(404, "NoSuchBucket"), "make it with `agentaudit bucket init`"},
		"another region":  {refused(301, "PermanentRedirect"), "is in another region: correct `region`"},
		"nothing there":   {func(*testing.T) store.Config { return away }, "cannot be reached at `endpoint` http://127.0.0.1:1"},
		"no credentials": {func(t *testing.T) store.Config {
			t.Setenv("AWS_ACCESS_KEY_ID", "")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "")
			return away
		}, "there are no credentials: set AWS_ACCESS_KEY_ID"},
		"no region": {func(t *testing.T) store.Config {
			t.Setenv("AWS_REGION", "")
			t.Setenv("AWS_DEFAULT_REGION", "")
			return store.Config{Bucket: "trail"}
		}, "there is no region: set `region` (--region) or AWS_REGION"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", "a")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "b")
			s := open(t, c.config(t))
			_, err := s.Get(t.Context(), "manifests/v1/gw-0/000000000000.json", "v")
			require.ErrorContains(t, err, c.says)
			for _, err = range s.List(t.Context(), "", "") {
				require.ErrorContains(t, err, c.says)
			}
		})
	}
}
