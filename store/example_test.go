package store_test

import (
	"context"
	"fmt"
	"os"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// A trail is copied whole, with all versions of its objects, and read from the copy as from the
// bucket. From is a trail in memory here, and one that Open opened elsewhere.
func ExamplePull() {
	ctx := context.Background()
	from := ledgertest.New()
	if _, err := from.Put(ctx, "manifests/gw-0/000000000000.json", []byte("{}"), ledger.PutOptions{}); err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "trail-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := store.Pull(ctx, from, dir, nil); err != nil {
		panic(err)
	}
	copied, err := store.OpenDir(dir)
	if err != nil {
		panic(err)
	}
	defer copied.Close()
	for v, err := range copied.List(ctx, "manifests/", "") {
		if err != nil {
			panic(err)
		}
		fmt.Println(v.Key, v.Size, "bytes")
	}
	// Output: manifests/gw-0/000000000000.json 2 bytes
}

// Mistakes in a configuration are all told at once, before anything is asked of the server.
func ExampleConfig_Validate() {
	c := store.Config{Bucket: "My_Bucket", Prefix: "team//trail"}
	fmt.Println(c.Validate())
	// Output:
	// `bucket` ("My_Bucket") must be 3 to 63 lower case letters, digits, dots and hyphens
	// `prefix` ("team//trail") must be letters, digits and the characters . _ = - in parts with one slash between them, such as team/trail
}

func ExampleParseURL() {
	bucket, prefix, err := store.ParseURL("s3://my-audit-bucket/team/trail")
	fmt.Println(bucket, prefix, err)
	// Output: my-audit-bucket team/trail <nil>
}
