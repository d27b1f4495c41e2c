package ledger

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// Policy says whose cosignatures count, and which of them together are enough, as a policy
// file does (c2sp.org/tlog-policy).
type Policy struct {
	logs      []note.Verifier // the logs that it is about; none: any
	witnesses []PolicyWitness
	quorum    *quorum // nil: none is asked for
}

// PolicyWitness is a witness of a policy.
type PolicyWitness struct {
	Witness
	URL string // its submission prefix (c2sp.org/tlog-witness), "" where the policy names none
}

// quorum is a witness, or a group of which n are enough.
type quorum struct {
	witness Witness // nil of a group
	n       int
	of      []*quorum
	member  bool // of a group: each counts once
}

const (
	// MaxPolicy bounds a policy file, in bytes.
	MaxPolicy = 1 << 20
	// noQuorum is the name that stands for no quorum.
	noQuorum = "none"
)

// ParsePolicy reads a policy file. It takes one difference to c2sp.org/tlog-policy: one key
// may sign several logs, as long as their origins differ. The libraries that read such files
// take some in which one witness counts twice, or in which nobody has to sign; this does not.
func ParsePolicy(text []byte) (*Policy, error) {
	if len(text) > MaxPolicy {
		return nil, errors.New("larger than any policy")
	}
	p := policyParser{names: map[string]*quorum{}, keys: map[string]bool{}}
	for i, line := range bytes.Split(text, []byte("\n")) {
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	if !p.decided {
		return nil, errors.New("it has no `quorum` line")
	}
	return &p.policy, nil
}

// AtLeast is the policy that n of some witnesses, by their verifier keys, are enough.
func AtLeast(n int, vkeys []string) (*Policy, error) {
	p := policyParser{names: map[string]*quorum{}, keys: map[string]bool{}}
	group := []string{"all of them", strconv.Itoa(n)}
	for _, vkey := range vkeys {
		if err := p.witness([]string{vkey, vkey}); err != nil {
			return nil, err
		}
		group = append(group, vkey)
	}
	if err := p.group(group); err != nil {
		return nil, err
	}
	return &p.policy, p.quorum(group[:1])
}

type policyParser struct {
	policy  Policy
	names   map[string]*quorum
	keys    map[string]bool // that were named
	decided bool            // the quorum line was read
}

func (p *policyParser) line(line []byte) error {
	if i := bytes.IndexFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }); i >= 0 {
		return fmt.Errorf("a control character (%#02x): lines end in a newline alone", line[i])
	}
	fields := strings.FieldsFunc(string(line), func(r rune) bool { return r == ' ' || r == '\t' })
	if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
		return nil
	}
	switch args := fields[1:]; fields[0] {
	case "log":
		return p.log(args)
	case "witness":
		return p.witness(args)
	case "group":
		return p.group(args)
	case "quorum":
		return p.quorum(args)
	}
	return fmt.Errorf("%q is none of log, witness, group and quorum", fields[0])
}

func (p *policyParser) log(args []string) error {
	if len(args) != 1 && len(args) != 2 {
		return errors.New("a log is `log VERIFIER-KEY [URL]`")
	}
	v, err := fnote.NewVerifier(args[0])
	if err != nil {
		return fmt.Errorf("%q is no verifier key of a log: %w", args[0], err)
	}
	if _, _, ok := parseOrigin(v.Name()); !ok {
		return fmt.Errorf("%q is no origin of a log of this program (`agentaudit checkpoint --vkey` prints them)", v.Name())
	}
	if !p.first(args[0]) {
		return fmt.Errorf("the log %s is there twice", v.Name())
	}
	p.policy.logs = append(p.policy.logs, v)
	return nil
}

func (p *policyParser) witness(args []string) error {
	if len(args) != 2 && len(args) != 3 {
		return errors.New("a witness is `witness NAME VERIFIER-KEY [URL]`")
	}
	w, err := ParseWitness(args[1])
	if err != nil {
		return err
	}
	// Two names for one key would count it twice.
	parts := strings.SplitN(args[1], "+", 3)
	key, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil {
		return err
	}
	if !p.first("key " + string(key[1:])) {
		return errors.New("a witness with the same key is there already")
	}
	if err := p.name(args[0], &quorum{witness: w}); err != nil {
		return err
	}
	is := PolicyWitness{Witness: w}
	if len(args) == 3 {
		is.URL = args[2]
	}
	p.policy.witnesses = append(p.policy.witnesses, is)
	return nil
}

func (p *policyParser) group(args []string) error {
	if len(args) < 3 {
		return errors.New("a group is `group NAME all|any|K MEMBER...`")
	}
	g := &quorum{}
	for _, name := range args[2:] {
		member := p.names[name]
		switch {
		case member == nil:
			return fmt.Errorf("there is no witness or group %q above", name)
		case member.member:
			return fmt.Errorf("%q is a member of a group already: it would count twice", name)
		}
		member.member = true
		g.of = append(g.of, member)
	}
	switch args[1] {
	case "all":
		g.n = len(g.of)
	case "any":
		g.n = 1
	default:
		n, err := strconv.Atoi(args[1])
		if err != nil || n < 1 || n > len(g.of) || strconv.Itoa(n) != args[1] {
			return fmt.Errorf("%q must be all, any or a number from 1 to %d", args[1], len(g.of))
		}
		g.n = n
	}
	return p.name(args[0], g)
}

func (p *policyParser) quorum(args []string) error {
	switch {
	case len(args) != 1:
		return errors.New("a quorum is `quorum NAME`")
	case p.decided:
		return errors.New("there are two quorums")
	case args[0] != noQuorum && p.names[args[0]] == nil:
		return fmt.Errorf("there is no witness or group %q above", args[0])
	}
	p.decided, p.policy.quorum = true, p.names[args[0]]
	return nil
}

func (p *policyParser) name(name string, q *quorum) error {
	if name == noQuorum || p.names[name] != nil {
		return fmt.Errorf("the name %q is taken", name)
	}
	p.names[name] = q
	return nil
}

// first reports whether something occurs for the first time.
func (p *policyParser) first(key string) bool {
	if p.keys[key] {
		return false
	}
	p.keys[key] = true
	return true
}

// Witnesses are those that the policy names.
func (p *Policy) Witnesses() []PolicyWitness { return p.witnesses }

// Known are their keys; none of no policy.
func (p *Policy) Known() (list []Witness) {
	if p == nil {
		return nil
	}
	for _, w := range p.witnesses {
		list = append(list, w.Witness)
	}
	return list
}

// Quorum reports whether the policy asks for any cosignature.
func (p *Policy) Quorum() bool { return p.quorum != nil }

// Asks reports whether the policy asks for a quorum of a log of that name.
func (p *Policy) Asks(log string) bool {
	return p != nil && p.quorum != nil && (len(p.logs) == 0 || slices.ContainsFunc(p.logs, func(v note.Verifier) bool {
		name, _, ok := parseOrigin(v.Name())
		return ok && name == log
	}))
}

// Satisfied reports whether a quorum of the witnesses cosigned a checkpoint, of a log that
// the policy is about. No policy asks for nothing.
func (p *Policy) Satisfied(c *Checkpoint) bool {
	if p == nil {
		return true
	}
	if len(p.logs) > 0 && !slices.ContainsFunc(p.logs, func(v note.Verifier) bool {
		_, err := note.Open(c.Note, note.VerifierList(v))
		return v.Name() == c.Origin() && err == nil
	}) {
		return false
	}
	if p.quorum == nil {
		return true
	}
	n, err := note.Open(c.Note, note.VerifierList(p.Known()...))
	return err == nil && p.quorum.reached(n.Sigs)
}

func (q *quorum) reached(sigs []note.Signature) bool {
	if q.witness != nil {
		return slices.ContainsFunc(sigs, func(s note.Signature) bool {
			return s.Name == q.witness.Name() && s.Hash == q.witness.KeyHash()
		})
	}
	n := 0
	for _, m := range q.of {
		if m.reached(sigs) {
			n++
		}
	}
	return n >= q.n
}
