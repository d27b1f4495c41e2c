package chaos

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"testing"
	"text/tabwriter"
	"time"
)

var (
	full  = flag.Bool("chaos.full", false, "run the whole matrix")
	seed  = flag.Uint64("chaos.seed", 0, "of the moments and the damage; 0 is a new one")
	only  = flag.String("chaos.fault", "", "run the faults whose name matches this expression")
	table = flag.String("chaos.table", "", "write the table to this file too, as Markdown")
)

// TestChaos runs the faults and prints the table. It passes when every row holds:
// nothing that was acknowledged is missing, no event has two contents, and the trail
// is CONFIRMED.
func TestChaos(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64N(1_000_000) + 1
	}
	t.Logf("-chaos.seed=%d", *seed)
	wanted := regexp.MustCompile(*only)
	var rows []*row
	for i, f := range faults {
		runs := f.quick
		if *full {
			runs = f.full
		}
		if runs == 0 && *only != "" {
			runs = 1
		}
		if runs == 0 || !wanted.MatchString(f.name) {
			continue
		}
		for _, mode := range f.modes {
			t.Run(mode+"/"+f.name, func(t *testing.T) {
				r := &row{fault: f.name, mode: mode, runs: runs}
				rows = append(rows, r)
				began := time.Now()
				w := newWorld(t, *seed+uint64(i), mode)
				defer w.load.stop()
				if r.skipped = f.do(w, runs); r.skipped != "" {
					t.Skip(r.skipped)
				}
				w.settle()
				w.judge(r)
				r.seconds = int(time.Since(began).Seconds())
				for _, p := range r.failed {
					t.Error(p)
				}
				if !r.holds() {
					t.Errorf("%+v", *r)
				}
			})
		}
	}
	print(os.Stdout, rows)
	if *table != "" {
		file, err := os.Create(*table)
		if err != nil {
			t.Fatal(err)
		}
		markdown(file, rows)
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

var columns = []string{"fault", "durability", "runs", "acknowledged", "sealed", "told twice", "lost", "doubled", "verdict", "holds"}

func (r *row) cells() []any {
	if r.skipped != "" {
		return []any{r.fault, r.mode, 0, "-", "-", "-", "-", "-", "-", "not run: " + r.skipped}
	}
	holds := "yes"
	if !r.holds() {
		holds = "NO"
	}
	lost := fmt.Sprint(r.lost)
	if r.told > 0 {
		lost += fmt.Sprintf(" (%d told in the trail)", r.told)
	}
	verdict := string(r.verdict)
	if verdict == "" {
		verdict = "-"
	}
	return []any{r.fault, r.mode, r.runs, r.acknowledged, r.sealed, r.twice, lost, r.doubled, verdict, holds}
}

func print(w io.Writer, rows []*row) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range columns {
		fmt.Fprintf(tab, "%s\t", c)
	}
	fmt.Fprintln(tab)
	for _, r := range rows {
		for _, c := range r.cells() {
			fmt.Fprintf(tab, "%v\t", c)
		}
		fmt.Fprintln(tab)
	}
	_ = tab.Flush()
}

func markdown(w io.Writer, rows []*row) {
	line := func(cells []any) {
		fmt.Fprint(w, "|")
		for _, c := range cells {
			fmt.Fprintf(w, " %v |", c)
		}
		fmt.Fprintln(w)
	}
	var head, rule []any
	for _, c := range columns {
		head, rule = append(head, c), append(rule, "---")
	}
	line(head)
	line(rule)
	for _, r := range rows {
		line(r.cells())
	}
}
