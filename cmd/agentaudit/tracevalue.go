package main

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/terminal"
	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/internal/values"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func traceValueCmd() *cobra.Command {
	var x sessionCall
	var session string
	cmd := &cobra.Command{
		Use:   "trace-value VALUE s3://BUCKET/PREFIX | DIR --session SESSION",
		Short: "Show where a value came into a session, and every call it went out in",
		Long: `Show where a value came into a session first, by the user, the system prompt where its text
is stored, a tool or documents, and every call and answer that it went out in. A value stands
in a text, in capitals or not, and not within a longer word. What was not captured is named.

Exit codes: 0 looked for, wherever it is; 1 something of the trail does not hold; 2 it could
not be read, or not all of it, or there is no such session.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if session == "" || args[0] == "" {
				return &argError{errors.New("give a value, and its session with --session"), cmd}
			}
			return x.read(cmd, args[1], []string{session}, func(w io.Writer, on terminal.Terminal, r ledger.Reader, list []*trail.Trail) error {
				prompts, err := storedPrompts(list[0], promptsOf(cmd.Context(), r))
				if err != nil {
					return err
				}
				flow := values.Of(list[0], prompts)
				t := flow.Trace(args[0])
				if x.output == "table" {
					return flow.Table(w, on, t, args[0], x.full)
				}
				for _, s := range t.List() {
					if err := writeJSON(w, s); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	x.add(cmd, "table", "jsonl")
	cmd.Flags().StringVar(&session, "session", "", "the session")
	return cmd
}

// storedPrompts are the texts of the system prompts of a session that are stored, by hash.
func storedPrompts(t *trail.Trail, stored func(hash string) (string, bool, error)) (map[string]string, error) {
	texts, asked := map[string]string{}, map[string]bool{}
	for e := range t.All() {
		hash := e.SystemPromptHash
		if hash == "" || asked[hash] {
			continue
		}
		asked[hash] = true
		text, ok, err := stored(hash)
		if err != nil {
			return nil, err
		}
		if ok {
			texts[hash] = text
		}
	}
	return texts, nil
}
