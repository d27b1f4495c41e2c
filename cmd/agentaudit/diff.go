package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/profile"
	"github.com/agentaudit/otelcol-agentaudit/internal/search"
	"github.com/agentaudit/otelcol-agentaudit/internal/terminal"
	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func diffCmd() *cobra.Command {
	var x sessionCall
	var agent, from, to string
	cmd := &cobra.Command{
		Use:   "diff SESSION SESSION s3://BUCKET/PREFIX | DIR",
		Short: "Show in what two sessions, or two versions of an agent, differ",
		Long: `Show in what two sessions, or two versions of an agent, differ: agent versions, hashes of
system prompts, models, tools and their descriptions, and what was done how often. With
--agent, --from and --to, two versions of an agent, over all of the trail.

Exit codes: 0 they do not differ in what is captured; 1 they do, or something of the trail
does not hold; 2 it could not be read, or there is no such session, or no event of that version.`,
		Example: `  agentaudit diff S1 S2 DIR --key audit.pub
  agentaudit diff DIR --key audit.pub --agent shop --from 1.4 --to 1.5`,
		Args: func(cmd *cobra.Command, args []string) error {
			n := 3
			if agent != "" {
				n = 1
			}
			return cobra.ExactArgs(n)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if agent == "" {
				if from+to != "" {
					return &argError{errors.New("--from and --to go with --agent"), cmd}
				}
				return x.read(cmd, args[2], args[:2], func(w io.Writer, on terminal.Terminal, _ ledger.Reader, list []*trail.Trail) error {
					var two [2]*profile.Profile
					for i, t := range list {
						two[i] = profile.New()
						for _, e := range t.Events {
							two[i].Add(trail.Complete(e))
						}
					}
					return writeDiff(w, on, &x, "session "+args[0], "session "+args[1], two)
				})
			}
			if from == "" || to == "" {
				return &argError{errors.New("give both versions, with --from and --to"), cmd}
			}
			return diffVersions(cmd, &x, args[0], agent, [2]string{from, to})
		},
	}
	x.add(cmd, "table", "json")
	cmd.Flags().StringVar(&agent, "agent", "", "id or name of an agent of which to compare two versions")
	cmd.Flags().StringVar(&from, "from", "", "version of the agent")
	cmd.Flags().StringVar(&to, "to", "", "version of the agent to compare with")
	return cmd
}

func writeDiff(w io.Writer, on terminal.Terminal, x *sessionCall, a, b string, two [2]*profile.Profile) error {
	list := profile.Diff(two[0], two[1])
	var err error
	if x.output == "json" {
		err = writeJSON(w, map[string]any{"a": two[0], "b": two[1], "differences": append([]profile.Difference{}, list...)})
	} else {
		if x.full {
			on.Width = 0
		}
		err = profile.Table(w, on, a, b, two[0], two[1])
	}
	if err == nil && len(list) > 0 {
		return exitError(1)
	}
	return err
}

// diffVersions compares two versions of an agent over all of a trail.
func diffVersions(cmd *cobra.Command, x *sessionCall, where, agent string, versions [2]string) error {
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
	two := [2]*profile.Profile{profile.New(), profile.New()}
	source := &search.Trail{Reader: r, Keys: keys, Logs: x.trust.logs, Note: g.add}
	_, err = search.Search(cmd.Context(), source, &search.Query{Agents: []string{agent}}, nil, func(h *search.Hit) error {
		e := search.Shown(h.Event)
		for i, v := range versions {
			if e.AgentVersion == v {
				two[i].Add(e)
			}
		}
		return nil
	})
	for i, v := range versions {
		if err == nil && two[i].Events == 0 {
			err = fmt.Errorf("no event of version %q of agent %q in this trail", v, agent)
		}
	}
	if err == nil {
		out := terminal.Visible(cmd.OutOrStdout())
		if x.output == "table" {
			out = cmd.OutOrStdout()
		}
		err = writeDiff(out, terminal.Of(cmd.OutOrStdout()), x, agent+" "+versions[0], agent+" "+versions[1], two)
	}
	return g.conclude(cmd.ErrOrStderr(), err)
}
