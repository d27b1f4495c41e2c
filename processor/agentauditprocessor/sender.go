package agentauditprocessor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net"
	"slices"

	"go.opentelemetry.io/collector/client"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs"
)

// sender is who authenticated to the receiver; the zero sender is nobody.
type sender struct {
	Name       string   `json:"name"`
	By         string   `json:"by"` // auth, by an extension; or certificate
	Issuer     string   `json:"issuer,omitempty"`
	Membership []string `json:"membership,omitempty"`
	SHA256     string   `json:"certificate_sha256,omitempty"`
}

// authenticated is who sent the request of a context: whom an authenticator of the
// receiver names (its attribute subject or username), else the verified client
// certificate of a gRPC connection. Tokens are not kept.
func authenticated(ctx context.Context) sender {
	if auth := client.FromContext(ctx).Auth; auth != nil {
		s := sender{By: fromAuth}
		for _, key := range []string{"subject", "username"} {
			if v, ok := auth.GetAttribute(key).(string); ok && s.Name == "" {
				s.Name = v
			}
		}
		s.Issuer, _ = auth.GetAttribute("claims.iss").(string)
		s.Membership, _ = auth.GetAttribute("membership").([]string)
		if s.Name != "" {
			return s
		}
	}
	p, ok := peer.FromContext(ctx)
	if !ok {
		return sender{}
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 || len(info.State.VerifiedChains[0]) == 0 {
		return sender{}
	}
	cert := info.State.VerifiedChains[0][0]
	sum := sha256.Sum256(cert.Raw)
	s := sender{Name: cert.Subject.CommonName, By: "certificate", Issuer: cert.Issuer.String(), SHA256: hex.EncodeToString(sum[:])}
	if len(cert.URIs) > 0 { // SPIFFE
		s.Name = cert.URIs[0].String()
	}
	if s.Name == "" {
		s.Name = cert.Subject.String()
	}
	return s
}

// rememberedAs is who is told apart in what is remembered of runs: who authenticated, else
// the address of the peer where the operator says so, else all are one.
func (a *auditor) rememberedAs(ctx context.Context, s sender) runs.Sender {
	if s.Name != "" || !a.cfg.Trust.SenderAddress {
		return runs.Sender{By: s.By, Issuer: s.Issuer, Name: s.Name}
	}
	addr := client.FromContext(ctx).Addr
	if addr == nil {
		return runs.Sender{}
	}
	host, _, err := net.SplitHostPort(addr.String())
	if err != nil {
		host = addr.String()
	}
	return runs.Sender{By: "address", Name: host}
}

// JSON is the sender as the field of an event, nil for nobody.
func (s *sender) JSON() []byte {
	if s.Name == "" {
		return nil
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic("bad types in sender.JSON: " + err.Error())
	}
	return text
}

// pin makes agent_id what the sources say that are trusted with it. What the record
// claimed stays in alternates.
func (a *auditor) pin(e *runs.Event) {
	if len(a.cfg.Trust.IdentityFrom) == 0 {
		return
	}
	id := ""
	for _, from := range a.cfg.Trust.IdentityFrom {
		switch {
		case id != "":
		case from == fromAuth:
			id = e.From
		case from == fromResource:
			id = e.Workload
		}
	}
	derived := slices.Index(e.DerivedFields, "agent_id")
	if derived >= 0 {
		e.DerivedFields = slices.Delete(slices.Clone(e.DerivedFields), derived, derived+1)
	} else if e.AgentID != id && e.AgentID != "" {
		e.Alternates = addMember(e.Alternates, "agent_id", e.AgentID)
	}
	e.AgentID = id
}

// addMember adds a member to a JSON object, which may be empty.
func addMember(object []byte, key, text string) []byte {
	out := append([]byte(nil), object...)
	if len(out) < 3 {
		out = append(out[:0], '{')
	} else {
		out[len(out)-1] = ','
	}
	out = append(jsontext.AppendString(out, key), ':')
	return append(jsontext.AppendString(out, text), '}')
}
