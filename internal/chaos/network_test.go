package chaos

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// network stands between collectors and the bucket: toxiproxy, for what happens to
// connections, and behind it a proxy of our own, for what a server answers.
//
//	collector ─▶ toxiproxy ─▶ answers ─▶ S3
type network struct {
	t     *testing.T
	toxi  *toxiproxy.Proxy
	fault atomic.Pointer[answer]
}

// answer is what the server says instead of what it would have said.
type answer struct {
	status int
	code   string
	share  float64 // of the requests
	// lost: writes take effect, and their answer never comes.
	lost bool
}

func newNetwork(t *testing.T, endpoint string) *network {
	n := &network{t: t}
	target, err := url.Parse(endpoint)
	require.NoError(t, err)
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	forward := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // which is signed
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	answers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := n.fault.Load()
		switch {
		case f == nil || rand.Float64() >= f.share:
			forward.ServeHTTP(w, r)
		case f.lost && r.Method == http.MethodPut:
			forward.ServeHTTP(httptest.NewRecorder(), r)
			select {
			case <-r.Context().Done(): // the client has given up
			case <-time.After(10 * time.Second):
			}
			panic(http.ErrAbortHandler)
		case f.lost:
			forward.ServeHTTP(w, r)
		default:
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(f.status)
			_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>a fault</Message></Error>", f.code)
		}
	}))
	answers.Config.ErrorLog = nil
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxics have loggers of their own
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	n.toxi = toxiproxy.NewProxy(server, "s3", "127.0.0.1:0", strings.TrimPrefix(answers.URL, "http://"))
	require.NoError(t, n.toxi.Start())
	t.Cleanup(func() {
		n.clear()
		n.toxi.Stop()
		answers.CloseClientConnections()
		answers.Close()
		transport.CloseIdleConnections()
	})
	return n
}

func (n *network) endpoint() string { return "http://" + n.toxi.Listen }

// away cuts the bucket off: connections end and none is taken.
func (n *network) away() { n.toxi.Stop() }

func (n *network) back() { require.NoError(n.t, n.toxi.Start()) }

// poison adds a toxic of toxiproxy.
func (n *network) poison(kind, stream, attributes string) {
	_, err := n.toxi.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
		`{"name":"%s-%s","type":%q,"stream":%q,"toxicity":1,"attributes":{%s}}`, kind, stream, kind, stream, attributes)))
	require.NoError(n.t, err)
}

// clear takes all faults away but that of a bucket that is away.
func (n *network) clear() {
	n.fault.Store(nil)
	n.toxi.Toxics.ResetToxics(context.Background())
}
