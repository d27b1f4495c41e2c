package localcollector

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
)

// Sender exports telemetry as an SDK would: traces over gRPC, log records over HTTP.
type Sender struct {
	traces  ptraceotlp.GRPCClient
	conn    *grpc.ClientConn
	logsURL string
}

// NewSender makes a sender to a collector.
func NewSender(c *Collector) (*Sender, error) {
	conn, err := grpc.NewClient(c.Addresses[0], grpc.WithTransportCredentials(insecure.NewCredentials()),
		// A collector that is started again is found soon.
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, MaxDelay: 500 * time.Millisecond}, MinConnectTimeout: time.Second}))
	if err != nil {
		return nil, err
	}
	return &Sender{traces: ptraceotlp.NewGRPCClient(conn), conn: conn, logsURL: "http://" + c.Addresses[1] + "/v1/logs"}, nil
}

// Close ends the connection.
func (s *Sender) Close() { _ = s.conn.Close() }

// SendTraces exports spans over gRPC. The error is of gRPC, as a sender sees it.
func (s *Sender) SendTraces(ctx context.Context, td ptrace.Traces) error {
	resp, err := s.traces.Export(ctx, ptraceotlp.NewExportRequestFromTraces(td))
	if err != nil {
		return err
	}
	if n := resp.PartialSuccess().RejectedSpans(); n > 0 {
		return fmt.Errorf("the collector refused %d spans: %s", n, resp.PartialSuccess().ErrorMessage())
	}
	return nil
}

// SendLogs exports log records over HTTP.
func (s *Sender) SendLogs(ctx context.Context, ld plog.Logs) error {
	body, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.logsURL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1024))
		return fmt.Errorf("the collector answered %s: %s", resp.Status, text)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
