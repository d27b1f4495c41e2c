// Package where judges events by expressions in CEL.
package where

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/ext"
	"cel.dev/cel-go/interpreter"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// maxCost bounds what an expression may cost for one event, in the units of CEL: about a
// comparison, or ten characters that are looked at.
const maxCost = 100_000

// Expression is one in CEL (https://cel.dev) over an event. Each field of the schema is a
// variable. A field that the event has not, and a member that a value has not, make neither a
// comparison nor its contrary true, as NULL does in SQL. `event` is a map of what is there, so
// that has(event.outcome) asks whether it is.
type Expression struct{ program cel.Program }

var celTypes = map[semconv.Kind]*cel.Type{
	semconv.KindString: cel.StringType, semconv.KindInt: cel.IntType, semconv.KindFloat: cel.DoubleType,
	semconv.KindBool: cel.BoolType, semconv.KindTime: cel.TimestampType, semconv.KindAny: cel.DynType,
	semconv.KindObject: cel.MapType(cel.StringType, cel.DynType), semconv.KindArray: cel.ListType(cel.DynType),
	semconv.KindStrings: cel.ListType(cel.StringType),
}

var environment = sync.OnceValues(func() (*cel.Env, error) {
	o := []cel.EnvOption{
		ext.Strings(), cel.CrossTypeNumericComparisons(true),
		cel.Variable("event", cel.MapType(cel.StringType, cel.DynType)),
	}
	for _, f := range semconv.Fields() {
		o = append(o, cel.Variable(f.Name, celTypes[f.Kind]))
	}
	return cel.NewEnv(o...)
})

// New reads an expression. The error says where in it what is wrong, in several lines.
func New(text string) (*Expression, error) {
	env, err := environment()
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(text)
	if err := issues.Err(); err != nil {
		return nil, errors.New(strings.TrimSpace(strings.ReplaceAll(err.Error(), "<input>:", "")))
	}
	if t := ast.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return nil, fmt.Errorf("it is of type %s: it must be true or false", t)
	}
	p, err := env.Program(ast, cel.CostLimit(maxCost), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, err
	}
	return &Expression{p}, nil
}

// Is reports whether the expression is true of an event. An error says why that cannot be
// judged: a value is of another type than the expression asks for, or it costs too much.
func (w *Expression) Is(e *semconv.Event) (bool, error) {
	v, _, err := w.program.Eval(variables{e})
	if err != nil {
		for _, absent := range []string{"no such key", "no such attribute", "index out of bounds"} {
			if strings.HasPrefix(err.Error(), absent) {
				return false, nil
			}
		}
		return false, said(err)
	}
	b, ok := v.(types.Bool)
	if !ok {
		return false, fmt.Errorf("it is of type %s there, not true or false", v.Type().TypeName())
	}
	return bool(b), nil
}

// said is an error of CEL in words of users.
func said(err error) error {
	switch text := err.Error(); {
	case strings.Contains(text, "no such overload"):
		return errors.New("a value has another type than the expression asks for")
	case strings.Contains(text, "cost limit exceeded"):
		return errors.New("the expression costs too much there")
	default:
		return errors.New(text)
	}
}

// variables are the fields of an event as CEL asks for them.
type variables struct{ e *semconv.Event }

var _ interpreter.Activation = variables{}

// Parent implements interpreter.Activation.
func (variables) Parent() interpreter.Activation { return nil }

// ResolveName implements interpreter.Activation.
func (v variables) ResolveName(name string) (any, bool) {
	if name == "event" {
		all := map[string]any{}
		for _, f := range semconv.Fields() {
			if f.Has(v.e) {
				all[f.Name] = value(&f, v.e)
			}
		}
		return all, true
	}
	f := semconv.FieldNamed(name)
	if f == nil || !f.Has(v.e) {
		return nil, false
	}
	return value(f, v.e), true
}

func value(f *semconv.Field, e *semconv.Event) any {
	switch f.Kind {
	case semconv.KindInt:
		return f.Int(e).Value
	case semconv.KindFloat:
		return f.Float(e).Value
	case semconv.KindBool:
		return f.Bool(e).Value
	case semconv.KindTime:
		return f.Time(e)
	case semconv.KindStrings:
		return f.Strings(e)
	case semconv.KindString:
		return f.String(e)
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(f.JSON(e)))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return string(f.JSON(e))
	}
	return numbers(v)
}

// numbers has the numbers of a JSON value as CEL knows them: whole ones stay so.
func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if n, err := strconv.ParseUint(v.String(), 10, 64); err == nil {
			return n
		}
		x, _ := v.Float64()
		return x
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = numbers(v[name])
		}
	}
	return v
}
