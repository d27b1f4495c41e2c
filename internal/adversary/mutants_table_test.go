package adversary

// The tests that the mutants name.
const (
	honest = `^TestHonest$`
	remove = `^TestAdversary$/^(administrator|maker_of_copies$|man_in)`
)

var mutants = []mutant{
	{
		"the past removed is believed (R4, A2)", "begin.go",
		`case w.expiry != nil && w.expiry.After(w.now):`, `case false:`, remove, nil,
	},
	{
		"what does not count ends a key all the same (R3, A1)", "strangers.go",
		`	seq := c.m.Predicate.Seq
	why :=`, `	seq := c.m.Predicate.Seq
	for _, id := range c.m.signers {
		w.stop(id, seq)
	}
	why :=`, `^TestAdversary$/expired_key$`, nil,
	},
	{
		"a gap in the window's log is passed over (R6, A4c)", "gaps.go",
		`			w.fail(CodeManifestMissing, from, at, missing, "none", "manifests are missing from the chain")`,
		`			if w.since.IsZero() && w.until.IsZero() {
				w.fail(CodeManifestMissing, from, at, missing, "none", "manifests are missing from the chain")
			}`, remove, nil,
	},
	{
		"another key signs the next place (R2, A3c)", "walk.go",
		`return slices.Contains(m.signers, key) && !w.stopped(key, seq)`,
		`return len(m.signers) > 0 && !w.stopped(key, seq)`, `^TestAdversary$/another_log's_key`, nil,
	},
	{
		"a key that is named for another log begins this one (R2)", "span.go",
		`if r.named && k.Names(log) ||`, `if true ||`, `^TestAdversary$/another_log's_key,_with_bypass`,
		[]edit{{`	case s.Logs != nil && !slices.Contains(s.Logs, log):
		return false
`, ``}},
	},
	{
		"a held checkpoint that cannot be compared is dropped (R4, R5)", "checks.go",
		`		c.w.doubt(CodeNotCompared,`, `		c.w.warn(CodeNotCompared,`, honest, nil,
	},
	{
		"unreadable manifests are a warning (R5)", "walk.go",
		`	if len(denied) > 0 && !accepted && w.denied == nil {`, `	if false {`, `^TestAdversary$/encryption_key`, nil,
	},
	{
		"names in another case are read (R3, TestAttackCase)", "envelope.go",
		`exactNames(m.Payload, reflect.TypeFor[Statement]())`, `error(nil)`, `^TestAdversary$/current_key`, nil,
	},
	{
		"a key that was replaced comes back (R2)", "walk.go",
		`if k.ID == l.key || slices.ContainsFunc(w.epochs, func(e epoch) bool { return e.key == k.ID }) {`,
		`if false {`, `^TestAdversary$/current_key`, nil,
	},
	{
		"a replaced key signs on (R2, A4b)", "walk.go",
		`func (w *walker) due(l *link, m *Manifest) bool { return w.signed(l, m, l.key) }`,
		`func (w *walker) due(l *link, m *Manifest) bool {
	old := func(e epoch) bool { return slices.Contains(m.signers, e.key) }
	return w.signed(l, m, l.key) || slices.ContainsFunc(w.epochs, old)
}`, `^TestAdversary$/replaced_key`, nil,
	},
	{
		"a rotation is passed over (R2)", "link.go",
		`next.rotated, next.key = &p.Seq, k.ID`, `next.rotated = &p.Seq`, honest, nil,
	},
	{
		"time goes back (R3)", "link.go",
		`!p.Time.Equal(want)`, `false`, `^TestAdversary$/current_key`, nil,
	},
	{
		"the past may be said to be locked for less (R3, R4)", "link.go",
		`if !equalTime(p.PastUntil, l.pastUntil()) {`, `if false {`, `^TestAdversary$/current_key`, nil,
	},
	{
		"a manifest is locked for less than the past (R3)", "link.go",
		`if p.PastUntil != nil && p.Retention.Until.Before(*p.PastUntil) {`, `if false {`, `^TestAdversary$/current_key`, nil,
	},
	{
		"what another log says unsigned is an error (R5, A5)", "witnessed.go",
		`f := Finding{Severity: SeverityWarning, Code: CodeLogForked,`,
		`f := Finding{Severity: SeverityError, Code: CodeLogForked,`,
		`^TestAdversary$/another_log's_key$`, nil,
	},
	{
		"--at makes promises run out (R4)", "verify.go",
		`	if o.At.Before(now) {
		now = o.At
	}`, `	now = o.At`, remove, nil,
	},
	{
		"an empty time outside the log is confirmed (R7)", "scope.go",
		`if since.IsZero() && until.IsZero() {`, `if true {`, honest, nil,
	},
	{
		"the order of versions in a copy is believed (R3)", "begin.go",
		`if _, ok := w.r.(Copy); ok && len(w.rivals) > 0 {`, `if _, ok := w.r.(Copy); false && ok {`,
		`^TestAdversary$/maker_of_copies_with_the_current_key`, nil,
	},
	{
		"a later version is gone on from (R3, F1)", "walk.go",
		`		if w.due(w.at, c.m) && w.acceptable(w.at, c.m) == nil {
			m := *c.m`, `		for _, r := range w.rivals {
			if w.due(r.link, c.m) && r.accepts(c.m) == nil && w.acceptable(w.at, c.m) != nil {
				w.at, w.rivals = r.link, nil
				break
			}
		}
		if w.due(w.at, c.m) && w.acceptable(w.at, c.m) == nil {
			m := *c.m`, `^TestAdversary$/current_key$`, nil,
	},
	{
		"a stored checkpoint of more than is there is a warning (R5)", "checks.go",
		`		note(severity, CodeLogRewound,`, `		note(SeverityWarning, CodeLogRewound,`, remove, nil,
	},
	{
		"another log's note of more than is there is passed over (R5, A6)", "witnessed.go",
		`			if s.ref.Note != "" {
				v.noted(of, s)`, `			if s.ref.Note != "" {`, remove, nil,
	},
	{
		"locks of manifests are not looked at", "verify.go",
		`				if j.manifest != nil {
					check = v.manifestLock
				}`, `				if j.manifest != nil {
					continue
				}`, `^TestAdversary$/administrator`, nil,
	},
	{
		"the digest of an object is not looked at", "verifyobject.go",
		`if hexDigest(sum) == j.obj.SHA256 && int64(len(content)) == j.obj.Bytes {`,
		`if hexDigest(sum) != "" && int64(len(content)) == j.obj.Bytes {`, remove, nil,
	},
	{
		"a key without a name vouches for what has expired (R4)", "begin.go",
		`case !w.ring.pinned(key, w.genesis):`, `case false:`, `^TestAdversary$/another_log's_key`, nil,
	},
	{
		"a window is led by tiles that nobody holds a checkpoint of (R6, F15)", "verify.go",
		`	n := len(l.checks.held)
`, `	if len(l.checks.held) == 0 {
		text, _ := l.w.r.Get(ctx, TileCheckpointKey(l.w.log), "")
		_, size, _ := noteOf(string(text))
		body, _ := l.w.r.Get(ctx, ManifestKey(l.w.log, size-1), "")
		if m, err := openManifest(body, l.w.ring.all); err == nil && len(m.signers) > 0 {
			if t, err := m.tree(); err == nil {
				t.Append(m.Payload)
				root := hex.EncodeToString(t.Root())
				l.checks.held = []*Checkpoint{{Log: l.w.log, Size: size, Root: root, KeyID: m.signers[0]}}
			}
		}
	}
	n := len(l.checks.held)
`, `^TestPrivateTree$`, nil,
	},
	{
		"a bundle of what stood before what has expired", "../internal/evidence/prove.go",
		`if e.tree != nil && e.tree.Size() != before.Size() {`, `if false {`, `^TestBundles$/nobody`, nil,
	},
	{
		"manifests left out of a bundle of absence (R9)", "../internal/evidence/absence.go",
		`if i > first && s.seq != a.to.seq+1 {`, `if false {`, `^TestBundles$/maker_of_copies$`, nil,
	},
	{
		"a line that is not where it is said to be (R8)", "../internal/evidence/presence.go",
		`l.Path, o.root); err != nil {`, `l.Path, o.root); err != nil && false {`, `^TestBundles$/maker_of_copies$`, nil,
	},
	{
		"a line that says another session (R8)", "../internal/evidence/presence.go",
		`if pr.itself(cl) {`, `if true {`, `^TestBundles$/maker_of_copies$`, nil,
	},
	{
		"an older manifest's word ends what is locked still (R4)", "strangers.go",
		`w.at.version > 1 && w.expired(w.at, c.m) && w.at.seq > 0:`, `w.over(c.m) && w.at.seq > 0:`,
		`^TestAdversary$/holder_of_the_current_key$`, nil,
	},
	{
		"a manifest's word ends the one before it (R4)", "gaps.go",
		`case w.first > 0 && w.expired(w.at, c.m):`,
		`case w.first > 0 && (w.expired(w.at, c.m) || w.at.seq == w.first && w.over(c.m)):`,
		`^TestAdversary$/holder_of_the_current_key$`, nil,
	},
}
