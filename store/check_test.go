package store_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/s3test"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

const day = 24 * time.Hour

func TestCheckLeavesNothingBehind(t *testing.T) {
	tr := newTrail(t, s3test.BucketOptions{})
	require.NoError(t, tr.Check(t.Context(), "COMPLIANCE", day))
	require.Empty(t, list(t, tr, "", ""))
}

func TestCheck(t *testing.T) {
	server := s3test.Start(t)
	missing := server.Bucket(t, s3test.BucketOptions{})
	missing.Bucket = "there-is-none"
	for name, c := range map[string]struct {
		config store.Config
		want   string
	}{
		"missing bucket": {missing, "there is no bucket \"there-is-none\": make it with `agentaudit bucket init`, or correct `bucket`"},
		"no versioning":  {server.Bucket(t, s3test.BucketOptions{Unversioned: true}), "versioning is off in bucket"},
		"no object lock": {server.Bucket(t, s3test.BucketOptions{Unlocked: true}), "has no Object Lock"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, open(t, c.config).Check(t.Context(), "COMPLIANCE", day), c.want)
		})
	}
}

func TestCheckDefaultLock(t *testing.T) {
	server := s3test.Start(t)
	for name, c := range map[string]struct {
		bucket    types.DefaultRetention
		mode      string
		retention time.Duration
		want      string // "" is no error
	}{
		"the same":         {types.DefaultRetention{Mode: "COMPLIANCE", Days: aws.Int32(30)}, "COMPLIANCE", 30 * day, ""},
		"bucket is laxer":  {types.DefaultRetention{Mode: "GOVERNANCE", Days: aws.Int32(1)}, "COMPLIANCE", 30 * day, ""},
		"bucket is longer": {types.DefaultRetention{Mode: "COMPLIANCE", Days: aws.Int32(31)}, "COMPLIANCE", 30 * day, "locks for 31 days by default, `retention` is 30: set `retention` to at least 31d"},
		"years":            {types.DefaultRetention{Mode: "COMPLIANCE", Years: aws.Int32(7)}, "COMPLIANCE", 2554 * day, "locks for 2555 days by default"},
		"stricter mode":    {types.DefaultRetention{Mode: "COMPLIANCE", Days: aws.Int32(1)}, "GOVERNANCE", 30 * day, "locks in COMPLIANCE mode by default, `mode` is GOVERNANCE"},
	} {
		t.Run(name, func(t *testing.T) {
			config := server.Bucket(t, s3test.BucketOptions{})
			_, err := server.Client().PutObjectLockConfiguration(t.Context(), &s3.PutObjectLockConfigurationInput{
				Bucket: &config.Bucket,
				ObjectLockConfiguration: &types.ObjectLockConfiguration{
					ObjectLockEnabled: types.ObjectLockEnabledEnabled, Rule: &types.ObjectLockRule{DefaultRetention: &c.bucket},
				},
			})
			require.NoError(t, err)
			err = open(t, config).Check(t.Context(), c.mode, c.retention)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestCheckPermissions(t *testing.T) {
	read := []string{"s3:GetBucketVersioning", "s3:GetBucketObjectLockConfiguration", "s3:ListBucket", "s3:ListBucketVersions", "s3:GetObject"}
	for name, c := range map[string]struct {
		actions []string
		want    string
	}{
		"nothing":    {[]string{"s3:GetBucketTagging"}, "the credentials are wrong or lack s3:GetBucketVersioning in bucket"},
		"read only":  {read, "the credentials are wrong or lack s3:PutObject and s3:PutObjectRetention on team/trail/data/v1/* in bucket"},
		"write only": {append([]string{"s3:PutObject", "s3:PutObjectRetention"}, read[:4]...), "the credentials are wrong or lack s3:GetObject on team/trail/data/v1/* in bucket"},
		"enough":     {append([]string{"s3:PutObject", "s3:PutObjectRetention"}, read...), ""},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTrail(t, s3test.BucketOptions{})
			tr.server.AsUser(t, tr.config.Bucket, c.actions...)
			err := open(t, tr.config).Check(t.Context(), "GOVERNANCE", day)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ledger.ErrForbidden)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestCheckWrongCredentials(t *testing.T) {
	tr := newTrail(t, s3test.BucketOptions{})
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
	err := open(t, tr.config).Check(t.Context(), "GOVERNANCE", day)
	require.ErrorIs(t, err, ledger.ErrForbidden)
	require.ErrorContains(t, err, "the credentials are wrong or lack")
}

// A server that knows no If-Match would let one writer destroy another's chain.
func TestCheckServerWithoutConditions(t *testing.T) {
	c := stub(t, func(w http.ResponseWriter, r *http.Request, _ string) {
		switch query := r.URL.Query(); {
		case query.Has("versioning"):
			_, _ = w.Write([]byte("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"))
		case query.Has("object-lock"):
			_, _ = w.Write([]byte("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>"))
		case query.Has("versions"):
			_, _ = w.Write([]byte("<ListVersionsResult/>"))
		}
	})
	require.ErrorContains(t, open(t, c).Check(t.Context(), "GOVERNANCE", day), "writes without regard to If-Match")
}

func TestInitBucket(t *testing.T) {
	server := s3test.Start(t)
	c := server.Bucket(t, s3test.BucketOptions{})
	c.Bucket = "brand-new"
	done, notDone, err := store.InitBucket(t.Context(), c, store.InitOptions{Mode: "GOVERNANCE", Retention: 36 * time.Hour})
	require.NoError(t, err)
	require.Equal(t, []string{"made bucket brand-new with versioning and Object Lock", "default lock: GOVERNANCE for 2 days"}, done)
	require.Equal(t, []string{
		"lifecycle: data is removed when its lock has ended, 3 days after it was written: this server does not have that",
		"public access is blocked: this server does not have that",
		"encryption by default: this server does not have that",
	}, notDone)
	s := open(t, c)
	require.NoError(t, s.Check(t.Context(), "GOVERNANCE", 2*day))
	require.Error(t, s.Check(t.Context(), "GOVERNANCE", day), "the default lock is there")

	stricter := store.InitOptions{Mode: "COMPLIANCE", Retention: 3 * day}
	_, _, err = store.InitBucket(t.Context(), c, stricter)
	require.ErrorContains(t, err, "its default lock, GOVERNANCE for 2 days, would become COMPLIANCE for 3 days")
	require.NoError(t, s.Check(t.Context(), "GOVERNANCE", 2*day), "nothing was changed")
	stricter.KeepDefault = true
	done, _, err = store.InitBucket(t.Context(), c, stricter)
	require.NoError(t, err)
	require.Contains(t, done, "kept the default lock: GOVERNANCE for 2 days; objects bring their own")
	require.NoError(t, s.Check(t.Context(), "GOVERNANCE", 2*day), "nothing was changed")
	stricter.Change = true
	done, _, err = store.InitBucket(t.Context(), c, stricter)
	require.NoError(t, err, "again, and stricter")
	require.Contains(t, done, "found bucket brand-new, with versioning")
	require.Contains(t, done, "default lock: COMPLIANCE for 3 days")
	_, _, err = store.InitBucket(t.Context(), c, store.InitOptions{Mode: "COMPLIANCE", Retention: 3 * day})
	require.NoError(t, err, "the same again")
	_, _, err = store.InitBucket(t.Context(), c, store.InitOptions{Mode: "COMPLIANCE", Retention: day})
	require.ErrorContains(t, err, "locks for 3 days by default")

	bare := server.Bucket(t, s3test.BucketOptions{Unversioned: true})
	_, _, err = store.InitBucket(t.Context(), bare, store.InitOptions{Mode: "COMPLIANCE", Retention: day})
	require.NoError(t, err)
	require.NoError(t, open(t, bare).Check(t.Context(), "COMPLIANCE", day), "versioning and Object Lock came later")

	_, _, err = store.InitBucket(t.Context(), c, store.InitOptions{Mode: "compliance", Retention: day})
	require.EqualError(t, err, "`mode` (\"compliance\") must be COMPLIANCE or GOVERNANCE")
	_, _, err = store.InitBucket(t.Context(), c, store.InitOptions{Mode: "COMPLIANCE"})
	require.EqualError(t, err, "`retention` (0s) must be more than 0")
}

func TestInitBucketThatCannotBeLocked(t *testing.T) {
	c := stub(t, func(w http.ResponseWriter, r *http.Request, _ string) {
		switch query := r.URL.Query(); {
		case query.Has("object-lock") && r.Method == http.MethodGet:
			answer(w, http.StatusNotFound, "ObjectLockConfigurationNotFoundError")
		case query.Has("object-lock"):
			answer(w, http.StatusConflict, "InvalidBucketState")
		default:
			_, _ = w.Write([]byte("<VersioningConfiguration/>"))
		}
	})
	_, _, err := store.InitBucket(t.Context(), c, store.InitOptions{Mode: "COMPLIANCE", Retention: day})
	require.ErrorContains(t, err, "bucket \"trail\" was made without Object Lock, and it cannot be switched on here: choose another `bucket`")
}

func TestInitBucketLifecycle(t *testing.T) {
	var created, lifecycle string
	c := stub(t, func(w http.ResponseWriter, r *http.Request, body string) {
		switch query := r.URL.Query(); {
		case query.Has("versioning"):
			answer(w, http.StatusNotFound, "NoSuchBucket")
		case query.Has("lifecycle") && r.Method == http.MethodGet:
			_, _ = w.Write([]byte("<LifecycleConfiguration><Rule><ID>theirs</ID><Status>Enabled</Status><Filter><Prefix>logs/</Prefix></Filter><Expiration><Days>9</Days></Expiration></Rule></LifecycleConfiguration>"))
		case query.Has("lifecycle"):
			lifecycle = body
		case query.Has("object-lock") && r.Method == http.MethodGet:
			_, _ = w.Write([]byte("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>"))
		case len(query) == 0:
			created = body + r.Header.Get("x-amz-bucket-object-lock-enabled")
		}
	})
	c.Prefix = "team"
	done, notDone, err := store.InitBucket(t.Context(), c, store.InitOptions{
		Mode: "COMPLIANCE", Retention: 30 * day, Classes: []store.Class{{Name: "hipaa", Retention: 60 * day}, {Name: "brief", Retention: day}},
	})
	require.NoError(t, err)
	require.Len(t, done, 5)
	require.Empty(t, notDone)
	require.Contains(t, created, "<LocationConstraint>eu-central-1</LocationConstraint>")
	require.Contains(t, created, "true")
	require.Contains(t, lifecycle, "<ID>theirs</ID>", "rules of others stay")
	rule := func(prefix, id, expiration string) string {
		return "<Rule><Expiration>" + expiration + "</Expiration><Filter><Prefix>team/" + prefix + "</Prefix></Filter><ID>agentaudit-[0-9a-f]{16}-" + id +
			"</ID><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration><Status>Enabled</Status></Rule>"
	}
	for prefix, days := range map[string]int{
		"data/v1/date=": 31, "quarantine/v1/date=": 31, "content/v1/date=": 31, "data/v1/class=hipaa/": 61, "data/v1/class=brief/": 2,
		"quarantine/v1/class=hipaa/": 61, "content/v1/class=hipaa/": 61,
		"blobs/v1/": 61, "prompts/v1/": 63, "manifests/v1/": 90, "checkpoints/v1/": 90, // of the longest class
	} {
		id := strings.Split(prefix, "/")[0]
		if _, class, ok := strings.Cut(strings.TrimSuffix(prefix, "/"), "class="); ok {
			id += "-" + class
		}
		require.Regexp(t, rule(prefix, id, fmt.Sprintf("<Days>%d</Days>", days)), lifecycle)
	}
	for _, id := range []string{"keys", "held-keys", "index", "index-content", "tlog"} {
		require.Regexp(t, rule(id+"/v1/", id, "<ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>"), lifecycle)
	}
	require.Contains(t, lifecycle, "<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload><Filter><Prefix>team/</Prefix></Filter>")
}

func TestCheckLifecycle(t *testing.T) {
	var lifecycle string
	status := http.StatusOK
	c := stub(t, func(w http.ResponseWriter, r *http.Request, body string) {
		switch query := r.URL.Query(); {
		case query.Has("lifecycle") && r.Method == http.MethodPut:
			lifecycle = body
		case query.Has("lifecycle") && status != http.StatusOK:
			answer(w, status, map[int]string{403: "AccessDenied", 404: "NoSuchLifecycleConfiguration", 501: "NotImplemented"}[status])
		case query.Has("lifecycle"):
			_, _ = w.Write([]byte(lifecycle))
		case query.Has("versioning"):
			_, _ = w.Write([]byte("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"))
		case query.Has("object-lock") && r.Method == http.MethodGet:
			_, _ = w.Write([]byte("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>"))
		}
	})
	c.Prefix = "team"
	s := open(t, c)
	check := func(retention time.Duration) []string {
		missing, err := s.CheckLifecycle(t.Context(), retention)
		require.NoError(t, err)
		return missing
	}
	status = http.StatusNotFound
	missing := check(30 * day)
	require.Len(t, missing, 12)
	require.Equal(t, "no rule removes data/ when its lock has ended: run `agentaudit bucket init`", missing[0])
	_, _, err := store.InitBucket(t.Context(), c, store.InitOptions{Mode: "COMPLIANCE", Retention: 30 * day})
	require.NoError(t, err)
	status = http.StatusOK
	require.Empty(t, check(30*day))
	_, _, err = store.InitBucket(t.Context(), c, store.InitOptions{Mode: "COMPLIANCE", Retention: 2555 * day})
	require.ErrorContains(t, err, "data of this trail, which is removed 31 days after it was written, would be removed after 2556; ")
	missing, err = s.CheckLifecycle(t.Context(), 30*day, store.Class{Name: "hipaa", Retention: day})
	require.NoError(t, err)
	require.Equal(t, []string{
		"no rule removes data/v1/class=hipaa/ when its lock has ended: run `agentaudit bucket init`",
		"no rule removes quarantine/v1/class=hipaa/ when its lock has ended: run `agentaudit bucket init`",
		"no rule removes content/v1/class=hipaa/ when its lock has ended: run `agentaudit bucket init`",
	}, missing)
	require.Contains(t, check(31*day), "rule \"agentaudit-"+strings.Split(strings.Split(lifecycle, "agentaudit-")[1], "-")[0]+"-data\" hides data/ under delete markers after 31 days, while it is relied on")

	whole := lifecycle
	for rule, want := range map[string]string{
		"<Rule><ID>r</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter><Expiration><Days>7</Days></Expiration></Rule>":                                           `rule "r" hides blobs/ under delete markers after 7 days, while it is relied on`,
		"<Rule><ID>r</ID><Status>Enabled</Status><Filter><Prefix>team/keys/</Prefix></Filter><Expiration><Days>7</Days></Expiration></Rule>":                                 `rule "r" hides keys/ under delete markers after 7 days, while it is relied on`,
		"<Rule><ID>r</ID><Status>Enabled</Status><Prefix>team/</Prefix><Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition></Rule>":                   `rule "r" moves manifests/ to GLACIER, where it cannot be verified`,
		"<Rule><ID>r</ID><Status>Enabled</Status><Filter><Prefix>team/manifests/v1/gw-0/</Prefix></Filter><Expiration><Date>2027-01-01T00:00:00Z</Date></Expiration></Rule>": `rule "r" hides manifests/ under delete markers from 2027-01-01 on, whatever its lock`,
		"<Rule><ID>r</ID><Status>Disabled</Status><Filter><Prefix></Prefix></Filter><Expiration><Days>7</Days></Expiration></Rule>":                                          "",
		"<Rule><ID>r</ID><Status>Enabled</Status><Filter><Prefix>team2/</Prefix></Filter><Expiration><Days>7</Days></Expiration></Rule>":                                     "",
	} {
		lifecycle = strings.Replace(whole, "<Rule>", rule+"<Rule>", 1)
		if got := check(30 * day); want == "" {
			require.Empty(t, got)
		} else {
			require.Contains(t, got, want)
		}
	}
	lifecycle = "<LifecycleConfiguration><Rule><ID>r</ID><Status>Enabled</Status><Filter><And><Prefix>team/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule></LifecycleConfiguration>"
	require.Len(t, check(30*day), 12, "what takes only some of the objects removes not all")

	status = http.StatusNotImplemented
	_, err = s.CheckLifecycle(t.Context(), 30*day)
	require.ErrorIs(t, err, store.ErrNoLifecycle)
	status = http.StatusForbidden
	_, err = s.CheckLifecycle(t.Context(), 30*day)
	require.ErrorIs(t, err, ledger.ErrForbidden)
}
