package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// A lifecycle rule never removes a version that is locked. What it does to the newest
// version of a key, when its days are over, is to hide it under a delete marker; and what
// is hidden is removed a day later, or when its lock ends. So no rule can break a promise;
// but one whose days are too few hides what is still relied on, and verification warns of
// every marker. Locks end at the midnight after the retention, hence a day more.

// folder is a part of the trail and what its rule does.
type folder struct {
	prefix string
	// after is how many days after the retention the newest versions go; -1: never.
	after int32
}

// folders are all that a trail is written to. Where a retention class stands in a key, the
// folder is that of the default class.
var folders = []folder{
	{ledger.DataPrefix + datePart, 1},
	{ledger.QuarantinePrefix + datePart, 1},
	{ledger.ContentPrefix + datePart, 1},
	// Used again and again, and then locked for longer: one that is hidden is written anew.
	{ledger.BlobPrefix, 1},
	{ledger.PromptPrefix, 3}, // the exporter locks it for two days more
	// They outlive what they speak for, so that logs which saw each other go together.
	{ledger.ManifestPrefix, 30},
	{ledger.CheckpointPrefix, 30},
	// Whoever writes them says when they go.
	{ledger.KeyPrefix, -1},
	{ledger.HeldKeyPrefix, -1},
	{ledger.IndexPrefix, -1},
	{ledger.IndexTextPrefix, -1},
	{ledger.TilePrefix, -1},
}

// Class is a retention class beside the default, whose objects are kept for another time.
type Class struct {
	Name      string
	Retention time.Duration // rounded up to days
}

func (c *Class) days() int32 { return int32((c.Retention + day - 1) / day) }

// span is a folder with how many days what is in it is locked.
type span struct {
	folder
	retention int32
}

// spans are all folders of a trail with such classes. What objects of several classes may rely
// on is locked as the longest is.
func spans(retention int32, classes []Class) (list []span) {
	longest := retention
	for i := range classes {
		longest = max(longest, classes[i].days())
	}
	for _, f := range folders {
		base, dated := strings.CutSuffix(f.prefix, datePart)
		if !dated {
			list = append(list, span{f, longest})
			continue
		}
		list = append(list, span{f, retention})
		for i := range classes {
			c := &classes[i]
			list = append(list, span{folder{base + "class=" + c.Name + "/", f.after}, c.days()})
		}
	}
	return list
}

// datePart begins what follows a prefix in the key of an object of the default class.
const datePart = "date="

const abortUploadDays = 7

func (f *folder) days(retention int32) int32 {
	if f.after < 0 {
		return 0
	}
	return retention + f.after
}

// shown is the folder for a person.
func (f *folder) shown() string {
	if strings.Contains(f.prefix, "class=") {
		return f.prefix
	}
	return f.name() + "/"
}

// name is the folder's, for the id of its rule.
func (f *folder) name() string {
	name, rest, _ := strings.Cut(f.prefix, "/")
	if _, class, ok := strings.Cut(strings.TrimSuffix(rest, "/"), "class="); ok {
		return name + "-" + class
	}
	return name
}

func (s *S3) lifecycleRule(id string, f *folder, retention int32) types.LifecycleRule {
	r := types.LifecycleRule{
		ID:                          aws.String(id + f.name()),
		Status:                      types.ExpirationStatusEnabled,
		Filter:                      &types.LifecycleRuleFilter{Prefix: s.key(f.prefix)},
		NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(1)},
		// With days, markers that hide nothing any more go as well.
		Expiration: &types.LifecycleExpiration{ExpiredObjectDeleteMarker: aws.Bool(true)},
	}
	if days := f.days(retention); days > 0 {
		r.Expiration = &types.LifecycleExpiration{Days: &days}
	}
	return r
}

// ruleID begins the ids of the rules of this trail.
func (s *S3) ruleID() string {
	trail := sha256.Sum256([]byte(s.config.Prefix))
	return "agentaudit-" + hex.EncodeToString(trail[:8]) + "-"
}

// ruleChanges tells, in words for a person, what other rules than this trail has would do.
func (s *S3) ruleChanges(ctx context.Context, retention int32, classes []Class) (changes []string, err error) {
	rules, err := s.lifecycleRules(ctx)
	if notImplemented(err) {
		return nil, nil
	}
	want := map[string]int32{}
	for _, f := range spans(retention, classes) {
		want[s.ruleID()+f.name()] = f.days(f.retention)
	}
	for _, r := range rules {
		id := aws.ToString(r.ID)
		name, ours := strings.CutPrefix(id, s.ruleID())
		if !ours || r.Expiration == nil || r.Expiration.Days == nil {
			continue
		}
		had := *r.Expiration.Days
		switch days, kept := want[id]; {
		case !kept:
			changes = append(changes, fmt.Sprintf("nothing would remove %s any more, which is removed %d days after it was written", name, had))
		case had != days:
			changes = append(changes, fmt.Sprintf("%s of this trail, which is removed %d days after it was written, would be removed after %d", name, had, days))
		}
	}
	return changes, err
}

// setLifecycle replaces the rules of this trail and leaves all others as they are.
func (s *S3) setLifecycle(ctx context.Context, retention int32, classes []Class) error {
	rules, err := s.lifecycleRules(ctx)
	if err != nil {
		return err
	}
	id := s.ruleID()
	rules = slices.DeleteFunc(rules, func(r types.LifecycleRule) bool { return strings.HasPrefix(aws.ToString(r.ID), id) })
	for _, f := range spans(retention, classes) {
		rules = append(rules, s.lifecycleRule(id, &f.folder, f.retention))
	}
	rules = append(rules, types.LifecycleRule{
		ID:                             aws.String(id + "uploads"),
		Status:                         types.ExpirationStatusEnabled,
		Filter:                         &types.LifecycleRuleFilter{Prefix: s.key("")},
		AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(abortUploadDays)},
	})
	_, err = s.client.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{
		Bucket:                 &s.config.Bucket,
		LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: rules},
	})
	return err
}

func (s *S3) lifecycleRules(ctx context.Context) ([]types.LifecycleRule, error) {
	out, err := s.client.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &s.config.Bucket})
	if code, _ := answered(err); code == codeNoLifecycle {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.Rules, nil
}

// ErrNoLifecycle is the error of a server that has no lifecycle rules.
var ErrNoLifecycle = errors.New("this server has no lifecycle rules")

// CheckLifecycle tells, in lines for a person, what the bucket's lifecycle rules leave
// undone of a trail that is locked for that long, and what they do to it too early. None of
// it lets anything be removed that is locked. It needs s3:GetLifecycleConfiguration.
func (s *S3) CheckLifecycle(ctx context.Context, retention time.Duration, classes ...Class) (missing []string, err error) {
	rules, err := s.lifecycleRules(ctx)
	if notImplemented(err) {
		return nil, ErrNoLifecycle
	}
	if err != nil {
		return nil, s.explain(err)
	}
	rules = slices.DeleteFunc(rules, func(r types.LifecycleRule) bool { return r.Status != types.ExpirationStatusEnabled })
	days := int32((retention + day - 1) / day)
	for _, f := range spans(days, classes) {
		missing = append(missing, s.checkFolder(rules, &f.folder, f.retention)...)
	}
	return missing, nil
}

func (s *S3) checkFolder(rules []types.LifecycleRule, f *folder, retention int32) (missing []string) {
	want := f.days(retention)
	hides, removes := want == 0, false
	for _, r := range rules {
		prefix, all := rulePrefix(&r)
		if !strings.HasPrefix(*s.key(f.prefix), prefix) && !strings.HasPrefix(prefix, *s.key(f.prefix)) {
			continue
		}
		id := aws.ToString(r.ID)
		all = all && strings.HasPrefix(*s.key(f.prefix), prefix)
		if r.Expiration != nil && aws.ToInt32(r.Expiration.Days) > 0 {
			got := aws.ToInt32(r.Expiration.Days)
			hides = hides || all
			if early := cmp.Or(want, got+1); got < early {
				missing = append(missing, fmt.Sprintf("rule %q hides %s under delete markers after %d days, while it is relied on", id, f.shown(), got))
			}
		}
		if r.Expiration != nil && r.Expiration.Date != nil {
			missing = append(missing, fmt.Sprintf("rule %q hides %s under delete markers from %s on, whatever its lock", id, f.shown(), r.Expiration.Date.Format(time.DateOnly)))
		}
		for _, t := range r.Transitions {
			if t.StorageClass == types.TransitionStorageClassGlacier || t.StorageClass == types.TransitionStorageClassDeepArchive {
				missing = append(missing, fmt.Sprintf("rule %q moves %s to %s, where it cannot be verified", id, f.shown(), t.StorageClass))
			}
		}
		removes = removes || all && r.NoncurrentVersionExpiration != nil
	}
	if !hides || !removes {
		missing = append(missing, fmt.Sprintf("no rule removes %s when its lock has ended: run `agentaudit bucket init`", f.shown()))
	}
	return missing
}

// rulePrefix is the prefix that a rule is about; all is false where it takes only some of
// the objects under it.
func rulePrefix(r *types.LifecycleRule) (prefix string, all bool) {
	switch f := r.Filter; {
	case f == nil:
		return aws.ToString(r.Prefix), true //nolint:staticcheck // of rules of an older form
	case f.And != nil:
		return aws.ToString(f.And.Prefix), false
	default:
		return aws.ToString(f.Prefix), f.Tag == nil && f.ObjectSizeGreaterThan == nil && f.ObjectSizeLessThan == nil
	}
}
