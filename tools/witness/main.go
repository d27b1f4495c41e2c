// Command witnessdb makes a log known to a litewitness, as its witnessctl does, which needs
// modules that not every proxy has.
//
//	witnessdb DB ORIGIN VERIFIER-KEY
package main

import (
	"fmt"
	"os"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// schema is the one that litewitness makes where there is none.
const schema = `
CREATE TABLE IF NOT EXISTS log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL, tree_hash TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS key (origin TEXT NOT NULL, key TEXT NOT NULL, FOREIGN KEY(origin) REFERENCES log(origin));
`

// empty is the root of the empty tree: SHA-256 of nothing.
const empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: witnessdb DB ORIGIN VERIFIER-KEY")
		os.Exit(2)
	}
	if err := add(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "witnessdb:", err)
		os.Exit(1)
	}
}

func add(name, origin, key string) (err error) {
	db, err := sqlite.OpenConn(name, 0)
	if err != nil {
		return err
	}
	defer func() {
		if e := db.Close(); err == nil {
			err = e
		}
	}()
	if err := sqlitex.ExecScript(db, schema); err != nil {
		return err
	}
	exec := func(query string, args ...any) error {
		return sqlitex.Execute(db, query, &sqlitex.ExecOptions{Args: args})
	}
	if err := exec("INSERT OR IGNORE INTO log VALUES (?, 0, ?)", origin, empty); err != nil {
		return err
	}
	return exec("INSERT INTO key VALUES (?, ?)", origin, key)
}
