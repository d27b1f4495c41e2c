// Package spool keeps records on the local disk from when their senders are told OK
// until what was made of them is safe elsewhere: a write-ahead log that is written
// in groups, one sync for many senders, and removed a file at a time.
//
// A spool is a directory of segments. A segment takes records until it is cut; then
// it is read whole, once, and removed. Its records are numbered through all segments
// without a hole, and each has a checksum of its own, so that a reader knows how
// many are missing and which are whole. Segments are removed from the oldest on.
// Nothing else is kept: what is on disk after a crash is what is to be done, however
// often there is a crash while it is being done.
//
// # Which write-ahead log
//
// The files are those of github.com/hashicorp/raft-wal v0.4.0, written by its package
// segment. It was compared with github.com/tidwall/wal v1.2.1 by reading both, and by
// a benchmark that appends groups of records of 1,000 bytes, syncs each group, and
// removes what is old (two cores, ext4; MB/s):
//
//	records a group   tidwall/wal   raft-wal   raft-wal, segments alone
//	              1             5          6                          6
//	             16            42         67                         72
//	            256            91        382                        603
//
// tidwall/wal has no checksums: a flipped bit is returned as data. It does not open a
// log whose last write is torn. It does not sync the directory, so that a new file
// may be gone after a power failure with all that was acknowledged in it. After a
// write that failed, as on a full disk, its positions in memory and on disk differ.
// It removes records by writing the rest of a file again.
//
// raft-wal ends each group with a checksum, syncs a new file and its directory before
// the first group is acknowledged, and runs in Consul and Vault; its storage is behind
// an interface, which the tests here use to lose writes. Only its segments are used:
// the log above them keeps its list of files in a second database, two more syncs for
// each removal; it stays sealed, and refuses every write, when the disk was full as it
// made its next file; and on opening it takes what follows a damaged place for a torn
// write, and writes over it. Here a segment is left at the first write that fails, and
// reading is our own: it goes on behind a damage.
package spool
