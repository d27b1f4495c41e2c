package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/tidwall/gjson"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// maxIDs bounds how many event ids are compared with each other, about 100 MB.
const maxIDs = 2_000_000

type idVerdict int

const (
	idNew idVerdict = iota
	idSame
	idOther
	idFull
	idIgnored // past the bound, said before
)

// idTable knows the content of each event id that was seen.
type idTable struct {
	seen map[[16]byte]uint64
	full bool
}

func newIDTable() *idTable { return &idTable{seen: map[[16]byte]uint64{}} }

func (t *idTable) see(id string, content uint64) idVerdict {
	sum := sha256.Sum256([]byte(id))
	key := [16]byte(sum[:16])
	have, known := t.seen[key]
	switch {
	case known && have == content:
		return idSame
	case known:
		return idOther
	case len(t.seen) < maxIDs:
		t.seen[key] = content
		return idNew
	case !t.full:
		t.full = true
		return idFull
	}
	return idIgnored
}

// contentHash is a digest of what a line says, but for what differs between two
// tellings of one event: recorded_at, step_number and sender.
func contentHash(line []byte) uint64 {
	h := sha256.New()
	gjson.ParseBytes(line).ForEach(func(k, v gjson.Result) bool {
		switch k.Str {
		case "recorded_at", "step_number", "sender":
		default:
			h.Write([]byte(k.Raw))
			h.Write([]byte{':'})
			h.Write([]byte(v.Raw))
			h.Write([]byte{','})
		}
		return true
	})
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// SameEvent reports whether two lines tell one event: the same but for recorded_at,
// step_number and sender.
func SameEvent(a, b []byte) bool { return contentHash(a) == contentHash(b) }

// maxRuns bounds how many runs have their steps counted.
const maxRuns = 500_000

// stepTable counts the steps of runs, to find runs that lack one.
type stepTable struct {
	runs map[string]*runSteps
}

type runSteps struct {
	log      string
	max      int64
	distinct map[int64]struct{}
}

func newStepTable() *stepTable { return &stepTable{runs: map[string]*runSteps{}} }

func (t *stepTable) see(j job, e *semconv.Event) {
	if e.RunID == "" || !e.StepNumber.Valid || e.StepNumber.Value < 1 || e.StepNumber.Value > 1<<20 {
		return
	}
	key := j.log + "\x00" + e.RunID
	r := t.runs[key]
	if r == nil {
		if len(t.runs) >= maxRuns {
			return
		}
		r = &runSteps{log: j.log, distinct: map[int64]struct{}{}}
		t.runs[key] = r
	}
	r.max = max(r.max, e.StepNumber.Value)
	r.distinct[e.StepNumber.Value] = struct{}{}
}

// holes are the runs whose step numbers do not go from 1 to the highest.
func (t *stepTable) holes() (list []Finding) {
	for key, r := range t.runs {
		if int64(len(r.distinct)) != r.max {
			run := key[len(r.log)+1:]
			list = append(list, Finding{Severity: SeverityWarning, Code: CodeStepHole, Log: r.log, Expected: fmt.Sprintf("steps 1 to %d", r.max), Found: fmt.Sprintf("%d of them", len(r.distinct)), Message: "run " + run + " lacks a step"})
		}
	}
	return list
}
