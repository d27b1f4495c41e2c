package ledger

// Rule describes a code of findings: the table of docs/verification.md and the rules of
// SARIF reports.
type Rule struct {
	Code     string
	Severity Severity // the gravest that it comes with
	Means    string
	Do       string // what an operator or auditor should do
}

// Rules are all codes of findings about trails.
var Rules = []Rule{
	{CodeManifestMissing, SeverityError, "A sequence number between others has no manifest: it was removed, or every version at its key is unsigned.", "Compare with copies and checkpoints kept elsewhere. Under COMPLIANCE nobody could remove it: look at who may bypass GOVERNANCE."},
	{CodeChainBroken, SeverityError, "A manifest that a trusted key signed does not continue the one before it: the log was rewritten, or forked, by a holder of the key.", "Treat the key as stolen. What checkpoints kept elsewhere confirm still counts."},
	{CodeStartMissing, SeverityError, "The oldest manifests are gone although the lock of those that follow has long to go.", "As for `manifest_missing`."},
	{CodeObjectMissing, SeverityError, "A sealed data object is gone before its retention ended.", "Look for the deletion in the bucket's access log; restore it from a replica: it verifies by its digest."},
	{CodeObjectAltered, SeverityError, "No version under the key has the digest that was signed.", "The sealed version was replaced or damaged. Restore it from a replica."},
	{CodeNotLocked, SeverityError, "An object is locked in a weaker mode, or for less time, than was promised.", "Look at who shortened the lock (GOVERNANCE with bypass), and lock it again."},
	{CodeCopyAltered, SeverityError, "A file of a pulled copy is not as it was pulled: perhaps one that nobody signed.", "Pull again. If the sealed content is concerned, `object_altered` or a finding about manifests says so as well."},
	{CodeLineInvalid, SeverityError, "A sealed line is no event of the schema: signed so, that is by the writer.", "Look at the writer's version; a trusted writer never writes such a line."},
	{CodeMerkleMismatch, SeverityError, "The lines do not give the Merkle root that was signed.", "As for `line_invalid`."},
	{CodeCountMismatch, SeverityError, "What the manifest says of an object (events, sizes, times, sessions) is not what its lines give: a session filter was forged, for one.", "As for `line_invalid`."},
	{CodeEncodingInvalid, SeverityError, "An object is not one whole compressed stream of whole lines, so readers could disagree about what it holds.", "As for `line_invalid`."},
	{CodeCheckpointMismatch, SeverityError, "The log's tree is not the one that a checkpoint was made of: the log was rewritten since.", "Treat the key as stolen; the checkpoint, with its witnesses, is the older truth."},
	{CodeLogRewound, SeverityError, "A checkpoint, or the manifest of another log, speaks of manifests that are not there: the tail was cut off.", "As for `manifest_missing`."},
	{CodeLogForked, SeverityError, "The manifest of another log recorded another manifest at this place: the log was rewritten since.", "As for `checkpoint_mismatch`."},
	{CodeNewerVersion, SeverityUnknown, "A manifest, an object or a line of a format that this program does not know.", "Verify with the newest version of this program."},
	{CodeLogAmbiguous, SeverityUnknown, "Given keys contradict each other: two of them wrote a log of one name, or one says that it follows another by a rotation that is not there.", "Name the keys of the log: `--key LOG=FILE`."},
	{CodeNotCompared, SeverityUnknown, "A checkpoint that you hold is of manifests that are not there any more, so that it cannot be compared.", "Give one of a later state."},
	{CodeNotWitnessed, SeverityUnknown, "No checkpoint of the log, in the store or given, is cosigned by a quorum of the witnesses that you ask for (`--witnesses`). As a warning: the newest that is has become older than `--max-age`.", "Ask the operator why, and the witnesses what they saw. Without `--witnesses` the verdict rests on the log's key alone."},
	{CodeOutsideWindow, SeverityUnknown, "A log says nothing of the time that was asked for: it ends before, unclosed, or what it has begins behind.", "Ask for another time, or name the logs with `--log`."},
	{CodeUnknownLog, SeverityWarning, "A log of which no trusted key signed a manifest: it was planted, or its key was not given. Nothing is said of it.", "Give its key with `--key`, or name the logs to verify with `--log`."},
	{CodeUnreadable, SeverityUnknown, "The store refuses a manifest or an object that was sealed: nothing is known of it, nor of what follows in the log. Beside one that counts it is a warning.", "Give access, or look at who wrote that version, and with which encryption key."},
	{CodeNotCopied, SeverityUnknown, "A bounded copy (`pull --since`, `--session`) does not hold the object. Nothing is known of it but that the store listed it.", "Ask within the bound of the copy (`--since`, `--until`, `--level chain`), or pull again without one."},
	{CodeKeyNotValid, SeverityWarning, "A manifest is signed by a key outside its time: after a rotation, or outside the span of the trust file. It is not believed.", "Someone holds an old key, or a collector was not given the new one."},
	{CodeForeignCheckpoint, SeverityWarning, "Something at a checkpoint's key that no key of the log signed. It is not believed.", "Look at who may write to the bucket."},
	{CodeTimestampInvalid, SeverityWarning, "What stands beside a checkpoint as its timestamp was not made over it by an authority that `--tsa-cert` trusts. The checkpoint itself holds.", "Give the authority's root; look at who may write to the bucket."},
	{CodeForeignManifest, SeverityWarning, "Something at a manifest's key that no trusted key signed. It is not believed.", "As for `foreign_checkpoint`; give further keys with `--key` where the log has several writers."},
	{CodeOtherWriter, SeverityWarning, "Two manifests at one place continue the chain; the older counts.", "Give each collector a `log` of its own."},
	{CodeLaterVersion, SeverityWarning, "Another version lies over a sealed object. The sealed one was read.", "Look at who may write to the bucket."},
	{CodeDeleteMarker, SeverityWarning, "A delete marker hides an object from listings. It was read through.", "Remove the marker; look at who may delete."},
	{CodeOrphan, SeverityWarning, "A data object that no manifest names: its writer stopped between upload and commit, or it was planted. Its events are not part of the trail; those of a crash were sent again.", "Nothing, after a crash."},
	{CodeForeignObject, SeverityWarning, "An object that is not part of a trail.", "Keep other data out of the prefix."},
	{CodeEventIDReused, SeverityWarning, "One event id is told with two contents. Ids come from senders: both are kept and shown.", "Look at both events and their senders."},
	{CodeNotOpened, SeverityWarning, "A log that was retired goes on, and not with an `open`: no program of ours does that. What is sealed there is checked like the rest.", "Look at who has the key, and at what writes with it."},
	{CodeClockSkew, SeverityWarning, "The time of a manifest is more than a minute before that of the one before it.", "Set the collector's clock."},
	{CodeHeartbeatGap, SeverityWarning, "A writer that had not closed its log was silent for longer than `--max-age`.", "Look at the collector's log of that time: the bucket may have been away."},
	{CodeStaleHead, SeverityWarning, "The newest manifest is older than `--max-age` and does not close the log: the writer stopped, or the tail is missing.", "Look at the collector; compare with a checkpoint kept elsewhere."},
	{CodeStepHole, SeverityWarning, "A run lacks a step number: an event was dropped between the processor and the exporter, or goes to another log.", "Look for filters between the two; verify all logs together."},
	{CodeUncleanStart, SeverityInfo, "A writer started without the one before having closed: a crash, or a second writer.", "Nothing."},
	{CodeRetired, SeverityInfo, "Another writer with the log's key had found no manifest of it for long, and ended it. Its own writer may have more to seal, and opens the log again when it comes back.", "Nothing where writers come and go; else look at the collector."},
	{CodeKeyRotated, SeverityInfo, "The old key of the log named a new one.", "Compare the new key's id with what you were told."},
	{CodeExpired, SeverityInfo, "An object is gone, as its retention promised.", "Nothing."},
	{CodeStartExpired, SeverityInfo, "The oldest manifests are gone, as their retention promised.", "Nothing."},
}
