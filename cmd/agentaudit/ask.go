package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/ask"
	"github.com/agentaudit/otelcol-agentaudit/internal/terminal"
	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
)

// sessionCall is a call of a command that reads one session.
type sessionCall struct {
	at     bucketFlags
	trust  trustFlags
	output string
	full   bool
}

// add adds its flags; forms are those of the output.
func (x *sessionCall) add(cmd *cobra.Command, forms ...string) {
	x.at.add(cmd)
	x.trust.add(cmd)
	cmd.Flags().BoolVar(&x.full, "full", false, "do not shorten what was said")
	if len(forms) > 0 {
		cmd.Flags().StringVarP(&x.output, "output", "o", forms[0], "form of the output: "+orList(forms))
		offer(cmd, "output", forms...)
		run := cmd.RunE
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(forms, x.output) {
				return fmt.Errorf("--output %q must be %s", x.output, orList(forms))
			}
			return run(cmd, args)
		}
	}
}

// orList is a list in words: a, b or c.
func orList(list []string) (text string) {
	for i, s := range list {
		switch {
		case i == 0:
		case i == len(list)-1:
			text += " or "
		default:
			text += ", "
		}
		text += s
	}
	return text
}

// read opens a trail and reads sessions of it; show writes what it shows of them. What does not
// hold is told behind that.
func (x *sessionCall) read(cmd *cobra.Command, where string, sessions []string, show func(w io.Writer, on terminal.Terminal, r ledger.Reader, list []*trail.Trail) error) error {
	keys, err := x.trust.keys()
	if err != nil {
		return err
	}
	r, done, err := x.at.open(cmd.Context(), where)
	if err != nil {
		return err
	}
	defer done()
	g := findings{more: "agentaudit verify --all"}
	var list []*trail.Trail
	for _, session := range sessions {
		t, err := trail.Read(cmd.Context(), r, keys, x.trust.logs, session)
		if err != nil {
			return g.conclude(cmd.ErrOrStderr(), err)
		}
		for _, p := range t.Problems {
			if f := findingIn(p); f != nil {
				g.add(f)
			}
		}
		if len(t.Events) == 0 {
			err := fmt.Errorf("no event of session %q in this trail", session)
			if t.Unread > 0 {
				err = nil
			}
			return g.conclude(cmd.ErrOrStderr(), err)
		}
		list = append(list, t)
	}
	out := bufio.NewWriter(terminal.Visible(cmd.OutOrStdout()))
	if x.output != "json" {
		out = bufio.NewWriter(cmd.OutOrStdout()) // tables are safe, and coloured
	}
	err = show(out, terminal.Of(cmd.OutOrStdout()), r, list)
	return g.conclude(cmd.ErrOrStderr(), errors.Join(err, out.Flush()))
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// promptsOf looks up the texts of system prompts that are stored with a trail.
func promptsOf(ctx context.Context, r ledger.Reader) func(hash string) (string, bool, error) {
	return func(hash string) (string, bool, error) {
		text, err := ledger.ReadPrompt(ctx, r, hash)
		if f := findingIn(err); f != nil {
			return "", false, nil
		}
		return string(text), err == nil, err
	}
}

func askCmd() *cobra.Command {
	var x sessionCall
	cmd := &cobra.Command{
		Use:   "ask SESSION s3://BUCKET/PREFIX | DIR",
		Short: "Answer an auditor's five questions about a session",
		Long: `Answer an auditor's five questions about a session:

  1 What reasoning led to each action?
  2 Which tool ran, with which parameters; was it what was asked for and approved?
  3 Did it agree with the system prompt?
  4 Was there an instruction in what the agent read?
  5 Did a human approve it, who, when, before or after?

Each is answered from the events, with their ids: yes, no, or that it cannot be known, because
a field was not captured, and what makes the agent's library send it. Nothing is guessed.

Exit codes: 0 answered, however; 1 something of the trail does not hold; 2 it could not be
read, or not all of it, or there is no such session.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return x.read(cmd, args[1], args[:1], func(w io.Writer, on terminal.Terminal, r ledger.Reader, list []*trail.Trail) error {
				a := ask.Asker{Setting: agentauditprocessor.Setting, Prompt: promptsOf(cmd.Context(), r)}
				answers, err := a.Ask(list[0])
				switch {
				case err != nil:
					return err
				case x.output == "json":
					return writeJSON(w, answers)
				}
				return answers.Table(w, on, x.full)
			})
		},
	}
	x.add(cmd, "table", "json")
	return cmd
}
