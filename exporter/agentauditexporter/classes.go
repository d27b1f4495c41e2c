package agentauditexporter

import (
	"bytes"
	"fmt"
	"sync"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/internal/where"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// maxClasses bounds the retention classes: each has objects of its own open.
const maxClasses = 16

// ClassConfig is a retention class: events that are kept for another time than the rest.
type ClassConfig struct {
	// Name stands in the keys of its objects, for lifecycle rules.
	Name string `mapstructure:"name"`
	// Retention is as LockConfig has it.
	Retention Duration `mapstructure:"retention"`
	// When is an expression in CEL over an event, as `agentaudit search --where` has it.
	When string `mapstructure:"when"`

	// prevent unkeyed literal initialization
	_ struct{}
}

func (c *LockConfig) validateClasses() (errs []error) {
	if len(c.Classes) > maxClasses {
		errs = append(errs, fmt.Errorf("`classes` (%d) must be at most %d", len(c.Classes), maxClasses))
	}
	seen := map[string]bool{ledger.DefaultClass: true}
	for i, class := range c.Classes {
		at := fmt.Sprintf("`classes[%d]", i)
		switch {
		case !ledger.ValidClass(class.Name):
			errs = append(errs, fmt.Errorf("%s::name` (%q) must be of lower case letters, digits and hyphens", at, class.Name))
		case seen[class.Name]:
			errs = append(errs, fmt.Errorf("%s::name` (%q) must be no other class's, nor %q", at, class.Name, ledger.DefaultClass))
		}
		seen[class.Name] = true
		if time.Duration(class.Retention) < minRetention {
			errs = append(errs, fmt.Errorf("%s::retention` (%v) must be at least %v", at, class.Retention, Duration(minRetention)))
		}
		if _, err := where.New(class.When); err != nil {
			errs = append(errs, fmt.Errorf("%s::when`: %w", at, err))
		}
	}
	return errs
}

// of is the retention of a kind; of a class that is not configured any more, and whose events
// are in the spool, what it was then.
func (c *LockConfig) of(k kind) Duration {
	if k.class == "" {
		return c.Retention
	}
	for _, have := range c.Classes {
		if have.Name == k.class {
			return have.Retention
		}
	}
	return Duration(k.kept)
}

// longest is the retention of what several classes may rely on.
func (c *LockConfig) longest() Duration {
	longest := c.Retention
	for _, class := range c.Classes {
		longest = max(longest, class.Retention)
	}
	return longest
}

// classifier says of what retention class an event is: the first whose expression is true.
type classifier struct {
	lock  *LockConfig
	rules []*where.Expression
	warn  func(code, message string)
	told  []sync.Once // of each rule, and last of what cannot be read
}

func newClassifier(lock *LockConfig, warn func(code, message string)) (*classifier, error) {
	c := &classifier{lock: lock, warn: warn}
	for _, class := range lock.Classes {
		rule, err := where.New(class.When)
		if err != nil {
			return nil, err
		}
		c.rules = append(c.rules, rule)
	}
	c.told = make([]sync.Once, len(c.rules)+1)
	return c, nil
}

// classify notes the class of each line.
func (c *classifier) classify(l *ledger.Lines) {
	if len(c.rules) == 0 {
		return
	}
	for i := range l.Metas {
		class := c.class(l.Line(i))
		if class == "" {
			continue
		}
		l.Metas[i].Class, l.Metas[i].Kept = class, time.Duration(c.lock.of(kind{class: class}))
	}
}

// class of a line. Where an expression cannot be judged, the longest of the classes that it
// may be of counts: what is gone too early does not come back.
func (c *classifier) class(line []byte) string {
	e, err := semconv.ParseLine(bytes.Clone(line))
	if err != nil {
		c.told[len(c.rules)].Do(func() {
			c.warn("class_unknown", fmt.Sprintf("events of which this is said for the first time are kept for the longest time, as they cannot be read: %v", err))
		})
		return c.longest(c.lock.Classes, "")
	}
	var unjudged []ClassConfig
	class := ""
	for i, rule := range c.rules {
		is, err := rule.Is(e)
		if err != nil {
			unjudged = append(unjudged, c.lock.Classes[i])
			c.told[i].Do(func() {
				c.warn("class_unknown", fmt.Sprintf("whether event %s is of class %s cannot be judged, so it and others like it are kept for the longer time: %v", e.EventID, c.lock.Classes[i].Name, err))
			})
		}
		if is {
			class = c.lock.Classes[i].Name
			break
		}
	}
	return c.longest(unjudged, class)
}

func (c *classifier) longest(classes []ClassConfig, class string) string {
	for _, other := range classes {
		if other.Retention > c.lock.of(kind{class: class}) {
			class = other.Name
		}
	}
	return class
}

// kind is what an object is of: its lines are all of one.
type kind struct {
	quarantine bool
	class      string // "" is the default
	kept       time.Duration
}

func kindOf(m *semconv.Meta) kind { return kind{m.Quarantine, m.Class, m.Kept} }

// stored are the classes as the store's lifecycle rules know them.
func (c *LockConfig) stored() (list []store.Class) {
	for _, class := range c.Classes {
		list = append(list, store.Class{Name: class.Name, Retention: time.Duration(class.Retention)})
	}
	return list
}
