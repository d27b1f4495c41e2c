// Package agentauditexporter seals audit events as signed JSON Lines objects in
// an S3 bucket with Object Lock, in the format of the ledger. The OK that a
// sender gets means that its events are in the locked bucket, under a signed
// manifest; or, where the operator says so, that they are synced to a log on the local
// disk from which they will be sealed.
package agentauditexporter

//go:generate mdatagen metadata.yaml
