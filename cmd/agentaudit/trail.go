package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/terminal"
	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
)

func trailCmd() *cobra.Command {
	var at bucketFlags
	var trust trustFlags
	var output, order string
	var look trail.Look
	cmd := &cobra.Command{
		Use:   "trail SESSION s3://BUCKET/PREFIX | DIR",
		Short: "Show what happened in one session",
		Long: `Show what happened in one session, or in one run where its trace id is given. Events
are verified as they are read; what does not hold is told on standard error and not
shown. A table fits the terminal and shortens long texts, --full does not; ~ marks an event
of which a field was filled by a fallback, or from its run, and --full names them. jsonl prints the events as they were sealed; json
has everything, with the full texts of fields that were too long for their lines.

Exit codes: 0 shown; 1 something of the trail does not hold; 2 it could not be read, or
not all of it, as where a newer version wrote it, or there is no such session.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			if order != "step" && order != "time" {
				return fmt.Errorf("--order %q must be step or time", order)
			}
			keys, err := trust.keys()
			if err != nil {
				return err
			}
			r, done, err := at.open(cmd.Context(), args[1])
			if err != nil {
				return err
			}
			defer done()
			g := findings{more: "agentaudit verify --all"}
			t, err := trail.Read(cmd.Context(), r, keys, trust.logs, args[0])
			if err != nil {
				return g.conclude(cmd.ErrOrStderr(), err)
			}
			if output == "json" {
				if err := t.ReadOversize(cmd.Context(), r); err != nil {
					return err
				}
			}
			for _, p := range t.Problems {
				if f := findingIn(p); f != nil {
					g.add(f)
				}
			}
			if len(t.Events) == 0 && t.Unread == 0 {
				return g.conclude(cmd.ErrOrStderr(), fmt.Errorf("no event of session %q in this trail", args[0]))
			}
			look.Terminal = terminal.Of(cmd.OutOrStdout())
			look.ByTime = order == "time"
			return g.conclude(cmd.ErrOrStderr(), writeTrail(cmd.OutOrStdout(), t, output, look))
		},
	}
	at.add(cmd)
	trust.add(cmd)
	outputFlag(cmd, &output)
	cmd.Flags().BoolVar(&look.Full, "full", false, "in the table: whole texts, with their line breaks, and the fields that were filled")
	cmd.Flags().StringVar(&order, "order", "step", "of the table: step, that of runs and their steps, or time, by the agents' clocks")
	offer(cmd, "order", "step", "time")
	return cmd
}

func writeTrail(w io.Writer, t *trail.Trail, output string, look trail.Look) error {
	if output != "table" {
		w = terminal.Visible(w)
	}
	switch output {
	case "jsonl":
		for e := range t.All() {
			if _, err := fmt.Fprintf(w, "%s\n", e.Line); err != nil {
				return err
			}
		}
		return nil
	case "json":
		type sealed struct {
			Event    json.RawMessage            `json:"event"`                   // as sealed
			Resolved map[string]string          `json:"resolved,omitempty"`      // from other events of the run
			Notes    map[string]json.RawMessage `json:"notes,omitempty"`         // see resolve.View
			Oversize map[string]string          `json:"oversize_text,omitempty"` // full texts, by field
			Log      string                     `json:"log"`
			Manifest int64                      `json:"manifest"` // the one that names the object
			Object   string                     `json:"object"`
			Line     int                        `json:"line"`
		}
		out := struct {
			Session  string   `json:"session"`
			Events   []sealed `json:"events"`
			Problems []error  `json:"problems"`
			Apart    int      `json:"apart"` // events of the same runs that nothing shows to be of the session
		}{Session: t.Session, Events: []sealed{}, Problems: append([]error{}, t.Problems...), Apart: t.Apart}
		for e := range t.All() {
			var resolved map[string]string
			for _, f := range e.Fields {
				if resolved == nil {
					resolved = map[string]string{}
				}
				resolved[f.Name] = f.Value
			}
			_, notes := e.View().Resolved()
			out.Events = append(out.Events, sealed{json.RawMessage(e.Line), resolved, notes, e.OversizeText, e.Log, e.Seq, e.Object, e.N})
		}
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(out)
	}
	if err := t.Table(w, look); err != nil {
		return err
	}
	var err error
	if t.Doubles > 0 {
		_, err = fmt.Fprintf(w, "(%d events told twice, shown once: %s)\n", t.Doubles, termsafe.Line(t.Session))
	}
	if t.Apart > 0 && err == nil {
		_, err = fmt.Fprintf(w, "(%d events of the same runs are not shown: they name no session, and nothing from their own "+
			"sender and service says that they are of this one; ask for the run)\n", t.Apart)
	}
	return err
}
