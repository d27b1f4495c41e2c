package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// bucketFlags say how a bucket is reached.
type bucketFlags struct{ cfg store.Config }

func (f *bucketFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.cfg.Region, "region", "", "region of the bucket; default: that of the AWS configuration")
	cmd.Flags().StringVar(&f.cfg.Endpoint, "endpoint", "", "URL of an S3 server other than AWS")
	cmd.Flags().BoolVar(&f.cfg.ForcePathStyle, "force-path-style", false, "put the bucket into the path of the URL, as most servers other than AWS need")
	cmd.Flags().StringVar(&f.cfg.RoleARN, "role-arn", "", "role to assume")
}

func (f *bucketFlags) config(url string) (store.Config, error) {
	c := f.cfg
	var err error
	c.Bucket, c.Prefix, err = store.ParseURL(url)
	return c, err
}

// open opens a trail: a bucket, or a folder that pull made.
func (f *bucketFlags) open(ctx context.Context, where string) (ledger.Reader, func(), error) {
	if !strings.HasPrefix(where, "s3://") {
		d, err := store.OpenDir(where)
		if err != nil {
			return nil, nil, err
		}
		return d, func() { _ = d.Close() }, nil
	}
	c, err := f.config(where)
	if err != nil {
		return nil, nil, err
	}
	s, err := store.Open(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	return s, s.Close, nil
}

// outputFlag is the choice of the output's form.
func outputFlag(cmd *cobra.Command, p *string) {
	cmd.Flags().StringVarP(p, "output", "o", "table", "form of the output: table, json or jsonl")
	offer(cmd, "output", "table", "json", "jsonl")
}

func checkOutput(s string) error {
	switch s {
	case "table", "json", "jsonl":
		return nil
	}
	return fmt.Errorf("--output %q must be table, json or jsonl", s)
}

// progress is a line on standard error that is written over, where that is a terminal.
type progress struct {
	w    io.Writer
	on   bool
	last time.Time
	n    int
}

func newProgress() *progress {
	return &progress{w: os.Stderr, on: term.IsTerminal(int(os.Stderr.Fd()))}
}

func (p *progress) say(format string, args ...any) {
	if !p.on || time.Since(p.last) < 200*time.Millisecond {
		return
	}
	p.last = time.Now()
	s := fmt.Sprintf(format, args...)
	fmt.Fprintf(p.w, "\r%-*s", p.n, s)
	p.n = len(s)
}

// left is about how long the rest takes, when that part is done; "" for too early to
// say.
func left(began time.Time, done float64) string {
	spent := time.Since(began)
	if done < 0.01 || spent < 2*time.Second {
		return ""
	}
	return ", about " + time.Duration(float64(spent)*(1-done)/done).Round(time.Second).String() + " left"
}

// coloured writes a text in a colour, where w is a terminal and NO_COLOR is not set
// (no-color.org).
func coloured(w io.Writer, ansi, text string) string {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" || !term.IsTerminal(int(f.Fd())) {
		return text
	}
	return "\x1b[" + ansi + "m" + text + "\x1b[0m"
}

// clear takes the line away.
func (p *progress) clear() {
	if p.on && p.n > 0 {
		fmt.Fprintf(p.w, "\r%*s\r", p.n, "")
	}
}
