package store_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/agentaudit/otelcol-agentaudit/store"
)

// stub is a server that answers as the local S3 server never does. Requests come
// one at a time.
func stub(t *testing.T, handle func(http.ResponseWriter, *http.Request, string)) store.Config {
	t.Setenv("AWS_ACCESS_KEY_ID", "stub")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "stub")
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		handle(w, r, string(body))
	}))
	t.Cleanup(server.Close)
	return store.Config{Bucket: "trail", Region: "eu-central-1", Endpoint: server.URL, ForcePathStyle: true}
}

func answer(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>m</Message></Error>", code)
}
