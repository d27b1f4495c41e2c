package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

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

// idTable knows the content of each event id that was seen, and where.
type idTable struct {
	seen    map[[16]byte]telling
	more    map[[16]byte][]uint64 // further contents of an id, whichever was met first
	kept    int                   // contents in seen and more
	objects []string              // keys, by the number that a telling gives
	numbers map[string]uint32
	full    bool
}

// telling is a line that told an event first.
type telling struct {
	content uint64
	object  uint32
	line    uint32
}

func newIDTable() *idTable {
	return &idTable{seen: map[[16]byte]telling{}, more: map[[16]byte][]uint64{}, numbers: map[string]uint32{}}
}

// see says what a line is to those before it. Of an id that had another content
// before it gives the place where. How many lines are which does not depend on the
// order of the calls: objects are read in parallel.
func (t *idTable) see(id string, content uint64, object string, line int) (v idVerdict, where string, n int) {
	sum := sha256.Sum256([]byte(id))
	key := [16]byte(sum[:16])
	have, known := t.seen[key]
	switch {
	case known && (have.content == content || slices.Contains(t.more[key], content)):
		return idSame, "", 0
	case known && t.kept < maxIDs:
		t.more[key] = append(t.more[key], content)
		t.kept++
		return idOther, t.objects[have.object], int(have.line)
	case !known && t.kept < maxIDs:
		t.kept++
		t.seen[key] = telling{content, t.number(object), uint32(min(line, math.MaxUint32))}
		return idNew, "", 0
	case !t.full:
		t.full = true
		return idFull, "", 0
	}
	return idIgnored, "", 0
}

// number is the short name of an object.
func (t *idTable) number(object string) uint32 {
	n, ok := t.numbers[object]
	if !ok {
		n = uint32(len(t.objects)) // at most maxIDs: one id each
		t.objects, t.numbers[object] = append(t.objects, object), n
	}
	return n
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

// maxSteps bounds how many steps are kept to find runs that lack one, about 100 MB.
const maxSteps = 2_000_000

// stepTable counts the steps of runs, to find runs that lack one.
type stepTable struct {
	runs map[string]*runSteps
	kept int
	full bool // there were more: nothing can be said of any run
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
	if t.full = t.full || t.kept >= maxSteps; t.full {
		return
	}
	key := j.log + "\x00" + e.RunID
	r := t.runs[key]
	if r == nil {
		r = &runSteps{log: j.log, distinct: map[int64]struct{}{}}
		t.runs[key] = r
	}
	r.max = max(r.max, e.StepNumber.Value)
	before := len(r.distinct)
	r.distinct[e.StepNumber.Value] = struct{}{}
	t.kept += len(r.distinct) - before
}

// holes are the runs whose step numbers do not go from 1 to the highest.
func (t *stepTable) holes() (list []Finding) {
	if t.full {
		return []Finding{{Severity: SeverityWarning, Code: CodeStepsUncounted, Message: fmt.Sprintf("more than %d steps: whether a run lacks one was not judged", maxSteps)}}
	}
	for key, r := range t.runs {
		if int64(len(r.distinct)) != r.max {
			run := key[len(r.log)+1:]
			list = append(list, Finding{Severity: SeverityWarning, Code: CodeStepHole, Log: r.log, Expected: fmt.Sprintf("steps 1 to %d", r.max), Found: fmt.Sprintf("%d of them", len(r.distinct)), Message: "run " + run + " lacks a step"})
		}
	}
	return list
}
