// Package chaos is the experiment behind "acknowledged means safe": the real collector,
// senders that note what was acknowledged to them, a real S3 server, and faults. It
// holds tests only; `make chaos` runs all of them.
package chaos
