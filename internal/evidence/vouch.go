package evidence

import (
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// consistency checks the checkpoints that are in the bundle. The log's own signature on one
// adds nothing to that of its newest manifest; that of a witness does.
func (c *checker) consistency(p *logPart) {
	for i := range p.Consistency {
		k := &p.Consistency[i]
		if err := k.check(p.x, &p.Tree); err != nil {
			c.fail(p.Log, CodeProofInvalid, k.File, "the tree of %d manifests is not of the log: %v", k.Size, err)
			continue
		}
		if k.File == "" {
			continue
		}
		text, err := c.a.read(k.File, maxCheckpoint)
		if err != nil {
			c.fail(p.Log, CodeBundleInvalid, k.File, "%v", err)
			continue
		}
		cp, err := p.x.Checkpoint(text, c.o.Witnesses.Known())
		if err != nil || cp.Size != k.Size || cp.Root != k.Root {
			c.fail(p.Log, CodeSignatureInvalid, k.File, "no checkpoint of log %s that its key signed, of %d manifests: %v",
				p.Log.Log, k.Size, err)
			continue
		}
		c.cosigned(p, cp)
	}
}

func (c *checker) cosigned(p *logPart, cp *ledger.Checkpoint) {
	if c.o.Witnesses.Asks(cp.Log) && c.o.Witnesses.Satisfied(cp) {
		p.held, p.witnessed = max(p.held, cp.Size), max(p.witnessed, cp.Size)
	}
	for _, s := range cp.Cosigs {
		at := s.At.Format(time.RFC3339)
		c.proven("witness %s saw the first %d manifests of log %s at %s", s.Witness, cp.Size, cp.Log, at)
	}
}

// unwitnessed tells where the quorum that the auditor asks for is missing.
func (c *checker) unwitnessed(p *logPart) {
	if c.o.AskWitnesses && c.o.Witnesses.Asks(p.Log.Log) && p.witnessed == 0 {
		c.unknown(p.Log, ledger.CodeNotWitnessed, bundleFile,
			"no checkpoint of log %s in the bundle, and none that you gave, is cosigned by a quorum of the witnesses that you ask for", p.Log.Log)
	}
}

const again = "make it again, with that checkpoint (`agentaudit prove --checkpoint`)"

// heldCheckpoints holds the log against what the auditor holds. Nothing that he holds is
// dropped silently.
func (c *checker) heldCheckpoints(p *logPart) {
	for _, cp := range c.o.Checkpoints {
		if cp.Log != p.Log.Log {
			continue
		}
		f := ledger.Finding{
			Severity: ledger.SeverityUnknown, Code: ledger.CodeNotCompared, Log: cp.Log, Seq: cp.Size - 1,
			Object: bundleFile, Expected: signed(cp),
		}
		root, ok := p.root(cp.Size)
		switch {
		case cp.Genesis != "" && p.x.Genesis() != "" && cp.Genesis != p.x.Genesis():
			f.Found = "a log that begins with " + p.x.Genesis()
			f.Message = "the checkpoint that you hold is of another log of this name"
		case cp.Size > p.Tree.Size+1:
			f.Message = "the checkpoint that you hold is newer than the bundle: " + again
		case !ok:
			f.Message = "the bundle does not show whether the checkpoint that you hold is of this log: " + again
		case root != cp.Root:
			f.Severity, f.Code = ledger.SeverityError, ledger.CodeCheckpointMismatch
			newest := p.Manifests[len(p.Manifests)-1].SHA256
			f.Found = "a tree of as many manifests with the root " + root + ", under manifest " + newest
			f.Message = "the log is not the one that the checkpoint was made of"
		default:
			p.held = max(p.held, cp.Size)
			p.sum.Checkpoints = append(p.sum.Checkpoints, cp.Size)
			c.proven("the log %s is the one of the checkpoint of %d manifests that you hold", cp.Log, cp.Size)
			c.cosigned(p, cp)
			continue
		}
		c.add(f)
	}
}

// signed is what a checkpoint says, with its signature.
func signed(cp *ledger.Checkpoint) string {
	return "the checkpoint " + strings.ReplaceAll(strings.TrimSpace(string(cp.Note)), "\n", " | ")
}

// root is the root of the log's first manifests, where the bundle shows it.
func (p *logPart) root(size int64) (string, bool) {
	if root, ok := p.x.Root(size); ok {
		return root, true
	}
	for i := range p.Consistency {
		if k := &p.Consistency[i]; k.Size == size && k.check(p.x, &p.Tree) == nil {
			return k.Root, true
		}
	}
	return "", false
}

// conditions notes what the claim rests on and the bundle cannot show: that keys were still
// the logs' own. Where the auditor knows something that speaks against it, there is no
// verdict. It returns what goes behind what is proven.
func (c *checker) conditions() string {
	var all []string
	for _, p := range c.logs {
		vouched := max(p.held, p.x.Pinned())
		if p.used < vouched {
			continue
		}
		if f := p.x.Doubt(vouched); f != nil {
			f.Object = p.Tree.File
			c.add(*f)
			continue
		}
		for _, k := range p.x.Conditions(vouched) {
			cond := Condition{Log: p.Log.Log, KeyID: k.KeyID, From: k.From}
			c.r.Conditions = append(c.r.Conditions, cond)
			all = append(all, cond.String())
		}
	}
	if len(all) == 0 {
		return ""
	}
	text := strings.Join(all, ", and ")
	c.limit("that %s: whoever got hold of a key that was replaced could make such a log of it: "+
		"a checkpoint that was kept elsewhere (--checkpoint), or a witness, shows it", text)
	return ", if " + text
}
