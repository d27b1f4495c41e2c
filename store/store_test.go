package store_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/agentaudit/otelcol-agentaudit/internal/s3test"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// trail is a bucket on a real server, with a prefix.
type trail struct {
	*store.S3
	server *s3test.Server
	config store.Config
}

func newTrail(t *testing.T, o s3test.BucketOptions) *trail {
	server := s3test.Start(t)
	if o.Prefix == "" {
		o.Prefix = "team/trail"
	}
	c := server.Bucket(t, o)
	return &trail{S3: open(t, c), server: server, config: c}
}

func open(t *testing.T, c store.Config) *store.S3 {
	t.Helper()
	s, err := store.Open(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func locked(body string) ledger.PutOptions {
	return ledger.PutOptions{SHA256: sha256.Sum256([]byte(body)), Retention: governance(time.Hour), ContentType: "text/plain"}
}

func governance(d time.Duration) ledger.Retention {
	return ledger.Retention{Mode: "GOVERNANCE", Until: time.Now().UTC().Add(d).Truncate(time.Second)}
}

func (tr *trail) put(t *testing.T, key, body string) string {
	t.Helper()
	id, err := tr.Put(t.Context(), key, []byte(body), locked(body))
	require.NoError(t, err)
	return id
}

// foreign writes as someone else would: without condition or lock.
func (tr *trail) foreign(t *testing.T, key, body string) string {
	t.Helper()
	out, err := tr.server.Client().PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &tr.config.Bucket, Key: aws.String(tr.config.Prefix + "/" + key), Body: strings.NewReader(body),
	})
	require.NoError(t, err)
	return aws.ToString(out.VersionId)
}

func (tr *trail) hide(t *testing.T, key string) {
	t.Helper()
	_, err := tr.server.Client().DeleteObject(t.Context(), &s3.DeleteObjectInput{
		Bucket: &tr.config.Bucket, Key: aws.String(tr.config.Prefix + "/" + key),
	})
	require.NoError(t, err)
}

func list(t *testing.T, r ledger.Reader, prefix, startAfter string) []ledger.Version {
	t.Helper()
	var found []ledger.Version
	for v, err := range r.List(t.Context(), prefix, startAfter) {
		require.NoError(t, err)
		found = append(found, v)
	}
	return found
}

func keys(versions []ledger.Version) []string {
	var keys []string
	for _, v := range versions {
		keys = append(keys, v.Key)
	}
	return keys
}

func TestPutThenGet(t *testing.T) {
	tr := newTrail(t, s3test.BucketOptions{})
	opts := locked("one")
	id, err := tr.Put(t.Context(), "data/v1/a", []byte("one"), opts)
	require.NoError(t, err)
	require.NotEmpty(t, id)

	for _, version := range []string{"", id} {
		body, err := tr.Get(t.Context(), "data/v1/a", version)
		require.NoError(t, err)
		require.Equal(t, "one", string(body))
		r, err := tr.Retention(t.Context(), "data/v1/a", version)
		require.NoError(t, err)
		require.Equal(t, opts.Retention, r)
	}
	// What stands in the bucket: under the prefix, as it was, with its checksum.
	head, err := tr.server.Client().GetObject(t.Context(), &s3.GetObjectInput{
		Bucket: &tr.config.Bucket, Key: aws.String("team/trail/data/v1/a"), ChecksumMode: "ENABLED",
	})
	require.NoError(t, err)
	require.NoError(t, head.Body.Close())
	require.Nil(t, head.ContentEncoding)
	require.Equal(t, "text/plain", aws.ToString(head.ContentType))
	require.Equal(t, "dpLDrTVAu4A8Ags67mbNiIcSMjTqDG5xQ8Ct1z/0Me0=", aws.ToString(head.ChecksumSHA256)) // printf one | openssl dgst -sha256 -binary | base64
}

func TestPutRefusesWhatDoesNotMatchItsChecksum(t *testing.T) {
	tr := newTrail(t, s3test.BucketOptions{})
	_, err := tr.Put(t.Context(), "a", []byte("one"), locked("two"))
	require.Error(t, err)
	require.Empty(t, list(t, tr, "", ""))
}

func TestPutConditions(t *testing.T) {
	tr := newTrail(t, s3test.BucketOptions{})
	first := tr.put(t, "a", "one")
	_, err := tr.Put(t.Context(), "a", []byte("two"), locked("two"))
	require.ErrorIs(t, err, ledger.ErrExists)

	versions, err := tr.Versions(t.Context(), "a")
	require.NoError(t, err)
	require.Len(t, versions, 1)
	require.Equal(t, first, versions[0].ID)

	over := locked("two")
	over.IfMatch = versions[0].ETag
	second, err := tr.Put(t.Context(), "a", []byte("two"), over)
	require.NoError(t, err)
	late := locked("three")
	late.IfMatch = over.IfMatch
	_, err = tr.Put(t.Context(), "a", []byte("three"), late)
	require.ErrorIs(t, err, ledger.ErrExists)

	missing := locked("x")
	missing.IfMatch = over.IfMatch
	_, err = tr.Put(t.Context(), "never", []byte("x"), missing)
	require.ErrorIs(t, err, ledger.ErrExists)

	versions, err = tr.Versions(t.Context(), "a")
	require.NoError(t, err)
	require.Len(t, versions, 2)
	require.Equal(t, []string{first, second}, []string{versions[0].ID, versions[1].ID})
	require.False(t, versions[0].Latest)
	require.True(t, versions[1].Latest)
	require.Equal(t, int64(3), versions[1].Size)
}

func TestPutOverDeleteMarkerHasOneWinner(t *testing.T) {
	tr := newTrail(t, s3test.BucketOptions{})
	tr.foreign(t, "a", "squatted")
	tr.hide(t, "a")
	tr.hide(t, "a")

	var wins, losses atomic.Int32
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			body := fmt.Sprint("writer ", i)
			switch _, err := tr.Put(t.Context(), "a", []byte(body), locked(body)); {
			case err == nil:
				wins.Add(1)
			case errors.Is(err, ledger.ErrExists):
				losses.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.Equal(t, int32(1), wins.Load())
	require.Equal(t, int32(7), losses.Load())

	versions, err := tr.Versions(t.Context(), "a")
	require.NoError(t, err)
	require.Len(t, versions, 4)
	require.False(t, versions[0].DeleteMarker)
	require.True(t, versions[1].DeleteMarker)
	require.True(t, versions[2].DeleteMarker)
	require.True(t, versions[3].Latest)
}

func TestWhatIsNotThere(t *testing.T) {
	tr := newTrail(t, s3test.BucketOptions{})
	_, err := tr.Get(t.Context(), "a", "")
	require.ErrorIs(t, err, ledger.ErrNotFound)
	_, err = tr.Retention(t.Context(), "a", "")
	require.ErrorIs(t, err, ledger.ErrNotFound)
	versions, err := tr.Versions(t.Context(), "a")
	require.NoError(t, err)
	require.Empty(t, versions)
	require.ErrorIs(t, tr.ExtendRetention(t.Context(), "a", "01M84KTF46B25V601FDYNCR5KW", governance(time.Hour)), ledger.ErrNotFound)

	id := tr.put(t, "a", "one")
	tr.hide(t, "a")
	_, err = tr.Get(t.Context(), "a", "")
	require.ErrorIs(t, err, ledger.ErrNotFound)
	versions, err = tr.Versions(t.Context(), "a")
	require.NoError(t, err)
	require.Len(t, versions, 2)
	require.True(t, versions[1].DeleteMarker && versions[1].Latest)
	_, err = tr.Get(t.Context(), "a", versions[1].ID)
	require.ErrorIs(t, err, ledger.ErrNotFound)
	_, err = tr.Get(t.Context(), "a", "01M84KTF46B25V601FDYNCR5KW")
	require.ErrorIs(t, err, ledger.ErrNotFound)

	body, err := tr.Get(t.Context(), "a", id)
	require.NoError(t, err, "the content is there, behind the marker")
	require.Equal(t, "one", string(body))
}

func TestList(t *testing.T) {
	tr := newTrail(t, s3test.BucketOptions{})
	for _, key := range []string{"manifests/v1/gw/1", "manifests/v1/gw/0", "manifests/v1/gw.a/0", "data/v1/x y+%&ü"} {
		tr.put(t, key, key)
	}
	older := list(t, tr, "manifests/v1/gw/0", "")[0].ID
	tr.foreign(t, "manifests/v1/gw/0", "squatted")
	tr.hide(t, "manifests/v1/gw/1")
	// Outside of the trail, though it begins alike.
	_, err := tr.server.Client().PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &tr.config.Bucket, Key: aws.String("team/trail2/a"), Body: strings.NewReader("x"),
	})
	require.NoError(t, err)

	all := list(t, tr, "", "")
	require.Equal(t, []string{
		"data/v1/x y+%&ü", "manifests/v1/gw.a/0", "manifests/v1/gw/0", "manifests/v1/gw/0", "manifests/v1/gw/1", "manifests/v1/gw/1",
	}, keys(all))
	require.Equal(t, older, all[2].ID)
	require.True(t, all[3].Latest)
	require.False(t, all[4].DeleteMarker)
	require.True(t, all[5].DeleteMarker)

	require.Equal(t, all[2:], list(t, tr, "manifests/v1/gw/", ""))
	require.Equal(t, all[4:], list(t, tr, "", "manifests/v1/gw/0"))
	require.Equal(t, all[4:], list(t, tr, "manifests/v1/gw/", "manifests/v1/gw/0"))
	require.Empty(t, list(t, tr, "", "manifests/v1/gw/1"))
	for v, err := range tr.List(t.Context(), "", "") {
		require.NoError(t, err)
		require.Equal(t, all[0], v)
		break
	}
}

// A page of a listing holds 1000 versions.
func TestListPages(t *testing.T) {
	tr := newTrail(t, s3test.BucketOptions{})
	var group sync.WaitGroup
	var want []string
	for i := range 1205 {
		key := fmt.Sprintf("data/%04d", i/2*2) // some keys with one version, some with two
		if i%5 == 0 {
			key = fmt.Sprintf("data/%04d", i)
		}
		want = append(want, key)
	}
	for worker := range 8 {
		group.Go(func() {
			for i := worker; i < len(want); i += 8 {
				tr.foreign(t, want[i], fmt.Sprint(i))
			}
		})
	}
	group.Wait()
	found := list(t, tr, "", "")
	require.ElementsMatch(t, want, keys(found))
	seen := map[string]bool{}
	for i, v := range found {
		require.False(t, seen[v.ID], "%s twice", v.Key)
		seen[v.ID] = true
		require.True(t, i == 0 || found[i-1].Key <= v.Key)
	}

	var ids []string
	for i := range 1105 {
		ids = append(ids, tr.foreign(t, "often", fmt.Sprint(i)))
	}
	versions, err := tr.Versions(t.Context(), "often")
	require.NoError(t, err)
	var got []string
	for _, v := range versions {
		got = append(got, v.ID)
	}
	require.Equal(t, ids, got)
}

func TestRetention(t *testing.T) {
	tr := newTrail(t, s3test.BucketOptions{})
	opts := locked("one")
	opts.Retention = ledger.Retention{Mode: "COMPLIANCE", Until: time.Now().UTC().Add(2 * time.Hour).Truncate(time.Second)}
	id, err := tr.Put(t.Context(), "a", []byte("one"), opts)
	require.NoError(t, err)

	shorter := opts.Retention
	shorter.Until = shorter.Until.Add(-time.Hour)
	require.Error(t, tr.ExtendRetention(t.Context(), "a", id, shorter))
	_, err = tr.server.Client().DeleteObject(t.Context(), &s3.DeleteObjectInput{
		Bucket: &tr.config.Bucket, Key: aws.String("team/trail/a"), VersionId: &id,
	})
	require.Error(t, err)
	r, err := tr.Retention(t.Context(), "a", id)
	require.NoError(t, err)
	require.Equal(t, opts.Retention, r)

	longer := opts.Retention
	longer.Until = longer.Until.Add(time.Hour)
	require.NoError(t, tr.ExtendRetention(t.Context(), "a", id, longer))
	r, err = tr.Retention(t.Context(), "a", id)
	require.NoError(t, err)
	require.Equal(t, longer, r)

	r, err = tr.Retention(t.Context(), "b", tr.foreign(t, "b", "not locked"))
	require.NoError(t, err)
	require.Zero(t, r)
}

func TestRetentionInBucketWithoutLock(t *testing.T) {
	tr := newTrail(t, s3test.BucketOptions{Unlocked: true})
	r, err := tr.Retention(t.Context(), "a", tr.foreign(t, "a", "one"))
	require.NoError(t, err)
	require.Zero(t, r)
}

func TestForbidden(t *testing.T) {
	tr := newTrail(t, s3test.BucketOptions{})
	id := tr.put(t, "a", "one")
	tr.server.AsUser(t, tr.config.Bucket, "s3:ListBucket")
	s := open(t, tr.config)

	_, err := s.Get(t.Context(), "a", "")
	require.ErrorIs(t, err, ledger.ErrForbidden)
	_, err = s.Put(t.Context(), "b", []byte("one"), locked("one"))
	require.ErrorIs(t, err, ledger.ErrForbidden)
	_, err = s.Retention(t.Context(), "a", id)
	require.ErrorIs(t, err, ledger.ErrForbidden)
	require.ErrorIs(t, s.ExtendRetention(t.Context(), "a", id, governance(2*time.Hour)), ledger.ErrForbidden)
}

// An empty trail and a bucket that is not there must not look alike.
func TestMissingBucketIsNoMissingKey(t *testing.T) {
	c := s3test.Start(t).Bucket(t, s3test.BucketOptions{})
	c.Bucket = "there-is-none"
	s := open(t, c)
	_, getErr := s.Get(t.Context(), "a", "")
	_, versionsErr := s.Versions(t.Context(), "a")
	_, putErr := s.Put(t.Context(), "a", []byte("one"), locked("one"))
	for _, err := range []error{getErr, versionsErr, putErr} {
		require.NotErrorIs(t, err, ledger.ErrNotFound)
		require.ErrorContains(t, err, "there is no bucket \"there-is-none\": make it with `agentaudit bucket init`, or correct `bucket`")
	}
}

func TestServerTakenAwayAndGivenBack(t *testing.T) {
	tr := newTrail(t, s3test.BucketOptions{})
	tr.put(t, "a", "one")
	tr.server.Stop()
	_, err := tr.Put(t.Context(), "b", []byte("two"), locked("two"))
	require.Error(t, err)
	for _, verdict := range []error{ledger.ErrExists, ledger.ErrForbidden, ledger.ErrNotFound} {
		require.NotErrorIs(t, err, verdict)
	}
	_, err = tr.Get(t.Context(), "a", "")
	require.Error(t, err)
	require.NotErrorIs(t, err, ledger.ErrNotFound)

	tr.server.Start()
	tr.put(t, "b", "two")
	require.Equal(t, []string{"a", "b"}, keys(list(t, tr, "", "")))
}

func TestConflictIsTriedAgainWithTheSameBytes(t *testing.T) {
	var bodies []string
	var conditions []string
	c := stub(t, func(w http.ResponseWriter, r *http.Request, body string) {
		bodies = append(bodies, body)
		conditions = append(conditions, r.Header.Get("If-None-Match"))
		if len(bodies) == 1 {
			answer(w, http.StatusConflict, "ConditionalRequestConflict")
			return
		}
		w.Header().Set("x-amz-version-id", "v2")
	})
	id, err := open(t, c).Put(t.Context(), "a", []byte("one"), locked("one"))
	require.NoError(t, err)
	require.Equal(t, "v2", id)
	require.Equal(t, []string{"one", "one"}, bodies)
	require.Equal(t, []string{"*", "*"}, conditions)
}

// What only a service other than the local one keeps is seen in the request.
func TestPutRequest(t *testing.T) {
	var got http.Header
	c := stub(t, func(w http.ResponseWriter, r *http.Request, _ string) {
		got = r.Header
		w.Header().Set("x-amz-version-id", "v1")
	})
	c.KMSKeyID = "alias/audit"
	opts := locked("one")
	_, err := open(t, c).Put(t.Context(), "a", []byte("one"), opts)
	require.NoError(t, err)
	require.Equal(t, "aws:kms", got.Get("x-amz-server-side-encryption"))
	require.Equal(t, "alias/audit", got.Get("x-amz-server-side-encryption-aws-kms-key-id"))
	require.Equal(t, "GOVERNANCE", got.Get("x-amz-object-lock-mode"))
	require.Equal(t, opts.Retention.Until.Format(time.RFC3339), got.Get("x-amz-object-lock-retain-until-date"))
	require.Equal(t, "dpLDrTVAu4A8Ags67mbNiIcSMjTqDG5xQ8Ct1z/0Me0=", got.Get("x-amz-checksum-sha256"))
	require.Empty(t, got.Get("Content-Encoding"))
}

func TestAssumedRole(t *testing.T) {
	var role, signedBy string
	c := stub(t, func(w http.ResponseWriter, r *http.Request, body string) {
		if strings.Contains(body, "Action=AssumeRole") {
			role = body
			_, _ = w.Write([]byte("<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASSUMED</AccessKeyId><SecretAccessKey>s</SecretAccessKey>" +
				"<SessionToken>t</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"))
			return
		}
		signedBy = r.Header.Get("Authorization")
		w.Header().Set("x-amz-version-id", "v1")
	})
	t.Setenv("AWS_ENDPOINT_URL_STS", c.Endpoint)
	c.RoleARN = "arn:aws:iam::123456789012:role/audit"
	_, err := open(t, c).Put(t.Context(), "a", []byte("one"), locked("one"))
	require.NoError(t, err)
	require.Contains(t, role, "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Faudit")
	require.Contains(t, signedBy, "Credential=ASSUMED/")
}

// A key that XML cannot hold must not keep the trail from being listed.
func TestListOfStrangeKeys(t *testing.T) {
	c := stub(t, func(w http.ResponseWriter, r *http.Request, _ string) {
		if r.URL.Query().Get("encoding-type") != "url" {
			t.Error("the listing is not asked for in URL encoding")
		}
		page := `<Version><Key>data%2Fa%01+b</Key><VersionId>1</VersionId></Version><IsTruncated>true</IsTruncated><NextKeyMarker>data%2Fa%01+b</NextKeyMarker><NextVersionIdMarker>1</NextVersionIdMarker>`
		if r.URL.Query().Get("key-marker") == "data/a\x01 b" {
			page = `<Version><Key>data%2Fa%01+b</Key><VersionId>0</VersionId></Version><Version><Key>data%2Fb</Key><VersionId>2</VersionId></Version>`
		}
		fmt.Fprintf(w, "<ListVersionsResult><EncodingType>url</EncodingType>%s</ListVersionsResult>", page)
	})
	found := list(t, open(t, c), "", "")
	require.Equal(t, []string{"data/a\x01 b", "data/a\x01 b", "data/b"}, keys(found))
	require.Equal(t, "0", found[0].ID, "oldest first, across the pages too")
}

// The answer has versions and markers in two lists.
func TestVersionsAndMarkersInOneOrder(t *testing.T) {
	c := stub(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		_, _ = w.Write([]byte(`<ListVersionsResult>
<DeleteMarker><Key>a</Key><VersionId>m4</VersionId><LastModified>2026-11-23T10:00:03.000Z</LastModified></DeleteMarker>
<DeleteMarker><Key>a</Key><VersionId>m2</VersionId><LastModified>2026-11-23T10:00:01.900Z</LastModified></DeleteMarker>
<DeleteMarker><Key>b</Key><VersionId>m6</VersionId><LastModified>2026-11-23T10:00:01.000Z</LastModified></DeleteMarker>
<Version><Key>a</Key><VersionId>v5</VersionId><IsLatest>true</IsLatest><LastModified>2026-11-23T10:00:03.000Z</LastModified></Version>
<Version><Key>a</Key><VersionId>v3</VersionId><LastModified>2026-11-23T10:00:02.000Z</LastModified></Version>
<Version><Key>a</Key><VersionId>v1</VersionId><LastModified>2026-11-23T10:00:01.000Z</LastModified></Version>
<Version><Key>c</Key><VersionId>v7</VersionId><LastModified>2026-11-23T10:00:01.000Z</LastModified></Version>
</ListVersionsResult>`))
	})
	var ids []string
	for _, v := range list(t, open(t, c), "", "") {
		ids = append(ids, v.ID)
	}
	require.Equal(t, []string{"v1", "m2", "v3", "m4", "v5", "m6", "v7"}, ids)
}
