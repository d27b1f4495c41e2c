package agentauditprocessor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// authData is what an authenticator leaves in the context of a request.
type authData map[string]any

func (a authData) GetAttribute(name string) any { return a[name] }

func (a authData) GetAttributeNames() (names []string) {
	for name := range a {
		names = append(names, name)
	}
	return names
}

func by(auth authData) context.Context {
	return client.NewContext(context.Background(), client.Info{Auth: auth})
}

func withCertificate(cert *x509.Certificate) context.Context {
	state := tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{cert}}}
	return peer.NewContext(context.Background(), &peer.Peer{AuthInfo: credentials.TLSInfo{State: state}})
}

func TestSenderIsRecorded(t *testing.T) {
	for name, c := range map[string]struct {
		ctx  context.Context
		want string
	}{
		"nobody": {context.Background(), ``},
		"oidc": {
			by(authData{"subject": "agent-1", "membership": []string{"finance"}, "raw": "eyJ.secret", "claims.iss": "https://id.example.com", "claims.jti": "x"}),
			`{"name":"agent-1","by":"auth","issuer":"https://id.example.com","membership":["finance"]}`,
		},
		"password":               {by(authData{"username": "ann", "raw": "YW5uOnNlY3JldA=="}), `{"name":"ann","by":"auth"}`},
		"a token without a name": {by(authData{"raw": "secret"}), ``},
		"certificate": {
			withCertificate(&x509.Certificate{Raw: []byte("der"), Subject: pkix.Name{CommonName: "agent-2"}, Issuer: pkix.Name{CommonName: "our CA"}}),
			`{"name":"agent-2","by":"certificate","issuer":"CN=our CA","certificate_sha256":"` + hexSHA("der") + `"}`,
		},
		"spiffe": {
			withCertificate(&x509.Certificate{Raw: []byte("der"), URIs: []*url.URL{{Scheme: "spiffe", Host: "example.com", Path: "/agent"}}}),
			`{"name":"spiffe://example.com/agent","by":"certificate","certificate_sha256":"` + hexSHA("der") + `"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			td := ptrace.NewTraces()
			span(td, "x", "execute_tool pay", 1, 0, attrs{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "pay"})
			require.NoError(t, r.traces.ConsumeTraces(c.ctx, td))
			e := r.events()[0]
			if c.want == "" {
				require.Empty(t, e.Sender)
				return
			}
			require.JSONEq(t, c.want, text(e.Sender))
		})
	}
}

// What a sender says of itself and of decisions counts only where it is trusted with it,
// and is kept as what it claimed where it is not.
func TestForgedAttributes(t *testing.T) {
	distrust := func(c *Config) { c.Trust.AuditAttributes = false }
	pin := func(from ...string) func(*Config) {
		return func(c *Config) { c.Trust = TrustConfig{IdentityFrom: from} }
	}
	forged := attrs{
		"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "pay", "gen_ai.agent.id": "billing",
		"audit.agent_id": "ceo", "audit.approval_status": "approved", "audit.approver_id": "ann@example.com", "audit.sender": `{"name":"ann"}`,
	}
	mallory := by(authData{"subject": "mallory"})
	for name, c := range map[string]struct {
		change     func(*Config)
		ctx        context.Context
		agent      string
		status     string
		alternates string
		missing    []string
	}{
		"trusted":                  {nil, mallory, "ceo", "approved", "", nil},
		"attributes distrusted":    {distrust, mallory, "billing", "", "", nil},
		"pinned to the client":     {pin("auth", "resource"), mallory, "mallory", "", `{"agent_id":"billing"}`, nil},
		"nobody authenticated":     {pin("auth", "resource"), context.Background(), "shop", "", `{"agent_id":"billing"}`, nil},
		"nobody, and nothing else": {pin("auth"), context.Background(), "", "", `{"agent_id":"billing"}`, []string{"agent_id"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.change)
			td, ld := ptrace.NewTraces(), plog.NewLogs()
			span(td, "x", "execute_tool pay", 1, 0, forged)
			log(ld, "x", nil, forged).SetEventName("gen_ai.evaluation.result")
			require.NoError(t, r.traces.ConsumeTraces(c.ctx, td))
			require.NoError(t, r.logs.ConsumeLogs(c.ctx, ld))
			events := r.events()
			require.Len(t, events, 2)
			for _, e := range events {
				require.Equal(t, c.agent, e.AgentID)
				require.Equal(t, c.status, e.ApprovalStatus)
				require.Subset(t, e.MissingFields, c.missing)
				if c.alternates != "" {
					require.JSONEq(t, c.alternates, text(e.Alternates))
				}
				if c.status == "" {
					require.Contains(t, text(e.Content), `"audit.approver_id":"ann@example.com"`, "what was claimed is kept")
				}
				require.NotContains(t, text(e.Sender), "ann")
			}
		})
	}

	t.Run("an event made of nothing else", func(t *testing.T) {
		r := newRig(t, distrust)
		td := ptrace.NewTraces()
		span(td, "x", "anything", 1, 0, attrs{"audit.event_type": "approval", "audit.approval_status": "approved"})
		require.NoError(t, r.traces.ConsumeTraces(mallory, td))
		require.Empty(t, r.spans.AllTraces(), "is no telemetry of an agent")
	})
}

// A sender that knows another's trace id cannot complete, or put a layer over, what the
// other tells.
func TestSendersAreKeptApart(t *testing.T) {
	for name, c := range map[string]struct {
		first  context.Context
		shared bool
	}{
		"another client":  {by(authData{"subject": "mallory"}), false},
		"the same client": {by(authData{"subject": "agent-1"}), true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			td := ptrace.NewTraces()
			span(td, "x", "invoke_agent a", 1, 0, attrs{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a", "gen_ai.conversation.id": "of the first", "user.id": "eve"})
			span(td, "x", "execute_tool pay", 2, 1, attrs{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "pay", "gen_ai.tool.call.id": "c1"})
			require.NoError(t, r.traces.ConsumeTraces(c.first, td))
			before := len(r.events())
			td = ptrace.NewTraces()
			span(td, "x", "execute_tool pay", 3, 1, attrs{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "pay", "gen_ai.tool.call.id": "c1"})
			require.NoError(t, r.traces.ConsumeTraces(by(authData{"subject": "agent-1"}), td))
			var e *semconv.Event
			for _, x := range r.events()[before:] {
				e = x
			}
			require.NotNil(t, e)
			if c.shared {
				require.Equal(t, "of the first", e.SessionID)
				require.Equal(t, "eve", e.UserID)
				return
			}
			require.NotEqual(t, "of the first", e.SessionID)
			require.Empty(t, e.UserID)
			require.Empty(t, e.LayerOf)
			require.Empty(t, e.ParentEventID)
		})
	}
}
