package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/index"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// openIndex opens an index: in a bucket, or in a folder, which create makes.
func (f *bucketFlags) openIndex(ctx context.Context, where string, create bool) (*index.Index, func(), error) {
	if !strings.HasPrefix(where, "s3://") {
		p, err := index.InFolder(where, create)
		if err != nil {
			return nil, nil, err
		}
		return index.Open(p), func() {}, nil
	}
	c, err := f.config(where)
	if err != nil {
		return nil, nil, err
	}
	s, err := store.Open(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	locks, err := s.Locks(ctx)
	if err != nil {
		s.Close()
		return nil, nil, err
	}
	return index.Open(index.InBucket(s, locks)), s.Close, nil
}

func indexCmd() *cobra.Command {
	var at bucketFlags
	var trust trustFlags
	var to, shard string
	var o index.Options
	cmd := &cobra.Command{
		Use:   "index s3://BUCKET/PREFIX | DIR",
		Short: "Keep tables of the trail beside it, for SQL engines",
		Long: `Keep tables of the trail beside it, as Parquet files that DuckDB, ClickHouse, Spark, Trino,
Athena and others read: docs/query.md. Each run goes on behind the last manifest that is in
the index; it may be stopped at any time. Several may run at once: --shard 0/4 to 3/4 share
the logs. Rows of objects that have expired and are gone are removed.

What is sealed is verified as it is read; what does not hold has no rows, and the table of
objects says so. An index is derived, and no evidence: it can be deleted, and nobody signs
it. Rows without what was said stand under index/v1/, what was said under index-content/v1/.

Exit codes: 0 the index is up to date; 1 so it is, and something of the trail does not hold;
2 it could not be read, or not all of it, or the index not be written.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.Shard, o.Shards, err = parseShard(shard); err != nil {
				return err
			}
			if o.Keys, err = trust.keys(); err != nil {
				return err
			}
			o.Logs = trust.logs
			if to == "" {
				if to = args[0]; !strings.HasPrefix(to, "s3://") {
					return errors.New("an index of a copy needs a place of its own: give --to")
				}
			}
			r, done, err := at.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer done()
			x, closeIndex, err := at.openIndex(cmd.Context(), to, true)
			if err != nil {
				return err
			}
			defer closeIndex()
			p, began := newProgress(), time.Now()
			o.Progress = func(d index.Progress) {
				p.say("%d of %d logs, %d events, %.0f events/s%s", d.LogsDone, d.Logs, d.Events,
					float64(d.Events)/time.Since(began).Seconds(), left(began, (float64(d.LogsDone)+d.Done)/float64(max(d.Logs, 1))))
			}
			g := findings{more: "agentaudit verify --all"}
			o.Note = func(f ledger.Finding) { g.add(&f) }
			d, err := x.Update(cmd.Context(), r, o)
			if err == nil {
				_, err = x.Expire(cmd.Context(), r)
			}
			p.clear()
			fmt.Fprintf(cmd.OutOrStdout(), "%d events of %d objects in %d logs, %d files\n", d.Events, d.Objects, d.Logs, d.Files)
			return g.conclude(cmd.ErrOrStderr(), err)
		},
	}
	cmd.AddCommand(indexResolveCmd(), indexCompactCmd(), indexCheckCmd(), indexDDLCmd(), indexFindCmd())
	at.add(cmd)
	trust.add(cmd)
	cmd.Flags().StringVar(&to, "to", "", "where the index is kept: s3://BUCKET/PREFIX or a folder; default: beside the trail")
	cmd.Flags().StringVar(&shard, "shard", "", "`I/N`: only the I-th of N shares of the logs, from 0")
	cmd.Flags().IntVar(&o.Workers, "workers", 0, "logs that are read at once; default: as many as there are processors")
	return cmd
}

// parseShard reads I/N; "" is all.
func parseShard(text string) (shard, shards int, err error) {
	if text == "" {
		return 0, 0, nil
	}
	i, n, _ := strings.Cut(text, "/")
	shard, errI := strconv.Atoi(i)
	shards, errN := strconv.Atoi(n)
	if errI != nil || errN != nil || shard < 0 || shard >= shards {
		return 0, 0, fmt.Errorf("--shard %q must be such as 0/4, the first of four", text)
	}
	return shard, shards, nil
}
