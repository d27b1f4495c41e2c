// Command sqlite is the simplest audit trail: a row for each span in an embedded
// database, received over OTLP/gRPC. With -batch a request is one transaction,
// otherwise every span is.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"log"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip"
	_ "modernc.org/sqlite"
)

type server struct {
	ptraceotlp.UnimplementedGRPCServer
	mu    sync.Mutex
	db    *sql.DB
	batch bool
}

const insert = `INSERT INTO events (trace_id, span_id, name, started, ended, attributes) VALUES (?, ?, ?, ?, ?, ?)`

func (s *server) Export(ctx context.Context, req ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var tx *sql.Tx
	var err error
	for _, rs := range req.Traces().ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				if tx == nil {
					if tx, err = s.db.BeginTx(ctx, nil); err != nil {
						return ptraceotlp.NewExportResponse(), err
					}
				}
				attributes, err := json.Marshal(span.Attributes().AsRaw())
				if err == nil {
					_, err = tx.ExecContext(ctx, insert, span.TraceID().String(), span.SpanID().String(), span.Name(),
						int64(span.StartTimestamp()), int64(span.EndTimestamp()), string(attributes))
				}
				if err != nil {
					_ = tx.Rollback()
					return ptraceotlp.NewExportResponse(), err
				}
				if !s.batch {
					if err := tx.Commit(); err != nil {
						return ptraceotlp.NewExportResponse(), err
					}
					tx = nil
				}
			}
		}
	}
	if tx != nil {
		err = tx.Commit()
	}
	return ptraceotlp.NewExportResponse(), err
}

func main() {
	file := flag.String("file", "events.db", "the database")
	listen := flag.String("listen", "127.0.0.1:4317", "where OTLP over gRPC is taken")
	batch := flag.Bool("batch", false, "one transaction a request")
	flag.Parse()
	db, err := sql.Open("sqlite", *file+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := db.Exec(`CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, trace_id TEXT, span_id TEXT, name TEXT, started INTEGER, ended INTEGER, attributes TEXT)`); err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	s := grpc.NewServer(grpc.MaxRecvMsgSize(64 << 20))
	ptraceotlp.RegisterGRPCServer(s, &server{db: db, batch: *batch})
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	go func() {
		<-stop
		s.GracefulStop()
	}()
	if err := s.Serve(l); err != nil {
		log.Fatal(err)
	}
	if err := db.Close(); err != nil {
		log.Fatal(err)
	}
}
