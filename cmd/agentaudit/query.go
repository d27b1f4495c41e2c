package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/search"
	"github.com/agentaudit/otelcol-agentaudit/internal/where"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// queryFlags say what is looked for.
type queryFlags struct {
	q            search.Query
	where        string
	since, until string
}

func (f *queryFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	list := func(p *[]string, name, usage string) {
		flags.StringArrayVar(p, name, nil, usage+"; may be given more than once")
	}
	flags.StringArrayVar(&f.q.Texts, "text", nil,
		"words that the event says somewhere, in capitals or not, and not within longer words; of several all are to be there")
	list(&f.q.Agents, "agent", "id or name of the agent")
	list(&f.q.Users, "user", "on whose behalf")
	list(&f.q.Tools, "tool", "name of the tool")
	list(&f.q.Types, "type", "type of the event, such as tool_call")
	list(&f.q.Outcomes, "outcome", "success, error, denied, suspended or blocked")
	list(&f.q.Approvals, "approval", "approved, rejected or pending")
	list(&f.q.Models, "model", "model that was asked for, or that answered")
	flags.StringVar(&f.q.PromptHash, "prompt-hash", "", "SHA-256 of the system prompt, or its beginning")
	flags.StringVar(&f.q.Session, "session", "", "id of the session or of the run, or its beginning")
	flags.StringVar(&f.since, "since", "", "only events that began since, by the agent's clock: a time, or 24h or 7d ago")
	flags.StringVar(&f.until, "until", "", "only events that began before, by the agent's clock: a time, or 24h or 7d ago")
	flags.StringVar(&f.where, "where", "",
		"`expression` in CEL over the event's fields, such as 'tool_name == \"pay\" && tool_input.amount > 100'")
	for name, values := range map[string][]string{
		"type": typeNames(), "approval": {semconv.ApprovalApproved, semconv.ApprovalRejected, semconv.ApprovalPending},
		"outcome": {
			semconv.OutcomeSuccess, semconv.OutcomeError, semconv.OutcomeDenied, semconv.OutcomeSuspended, semconv.OutcomeBlocked,
		},
	} {
		offer(cmd, name, values...)
	}
}

func typeNames() (names []string) {
	for _, t := range semconv.EventTypes() {
		names = append(names, string(t))
	}
	return names
}

// query is what is looked for.
func (f *queryFlags) query() (*search.Query, error) {
	q := f.q
	var err error
	if err = parseWindow(f.since, f.until, &q.Since, &q.Until); err != nil {
		return nil, err
	}
	for _, t := range q.Types {
		if !semconv.EventType(t).Valid() {
			return nil, fmt.Errorf("--type %q must be one of %s", t, strings.Join(typeNames(), ", "))
		}
	}
	if slices.ContainsFunc(q.Texts, func(t string) bool { return strings.TrimSpace(t) == "" }) {
		return nil, errors.New("--text is empty")
	}
	if f.where != "" {
		if q.Where, err = where.New(f.where); err != nil {
			return nil, &argError{err: fmt.Errorf("--where: %w", err)}
		}
	}
	return &q, nil
}

// clocks of --since and --until: commands that look for events mean the agent's, those that
// judge or copy what was sealed mean the sealing.
const (
	agentsClock = "the event, by the agent's clock"
	sealedClock = "the sealing"
)

// sayWindow tells which time a command goes by, where it was bounded.
func sayWindow(w io.Writer, clock string, since, until time.Time) {
	if since.IsZero() && until.IsZero() {
		return
	}
	from, to := "", ""
	if !since.IsZero() {
		from = " from " + since.UTC().Format(time.RFC3339)
	}
	if !until.IsZero() {
		to = " to " + until.UTC().Format(time.RFC3339)
	}
	fmt.Fprintf(w, "agentaudit: by the time of %s:%s%s\n", clock, from, to)
}

// offer gives a flag's values to the completion of a shell.
func offer(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}
