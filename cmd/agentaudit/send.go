package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// sender exports telemetry as an SDK would: traces over gRPC, log records over HTTP.
type sender struct {
	traces  ptraceotlp.GRPCClient
	conn    *grpc.ClientConn
	logsURL string
}

// newSender makes a sender to the collector at two addresses, HOST:PORT each.
func newSender(grpcAddr, httpAddr string) (*sender, error) {
	conn, err := grpc.NewClient(grpcAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	return &sender{traces: ptraceotlp.NewGRPCClient(conn), conn: conn, logsURL: "http://" + httpAddr + "/v1/logs"}, nil
}

func (s *sender) close() { _ = s.conn.Close() }

func (s *sender) sendTraces(ctx context.Context, td ptrace.Traces) error {
	resp, err := s.traces.Export(ctx, ptraceotlp.NewExportRequestFromTraces(td))
	if err != nil {
		return err
	}
	if n := resp.PartialSuccess().RejectedSpans(); n > 0 {
		return fmt.Errorf("the collector refused %d spans: %s", n, resp.PartialSuccess().ErrorMessage())
	}
	return nil
}

func (s *sender) sendLogs(ctx context.Context, ld plog.Logs) error {
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
