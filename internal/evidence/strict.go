package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
)

const (
	// maxParts bounds how many parts a bundle.json names, and maxHashes the hashes in their
	// paths: a short text can make many of them.
	maxParts  = 1 << 18
	maxHashes = 1 << 21
)

// parseBundle reads a bundle.json: one JSON text in which every name is one of this format,
// spelled as here and given once, so that no two readers see two bundles in it.
func parseBundle(text []byte) (*Bundle, error) {
	n := names{d: json.NewDecoder(bytes.NewReader(text))}
	if err := n.value(reflect.TypeFor[Bundle]()); err != nil {
		return nil, err
	}
	if _, err := n.d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON text")
	}
	b := &Bundle{}
	if err := json.Unmarshal(text, b); err != nil {
		return nil, err
	}
	if b.Format != Format && b.Format != formatV1 {
		return nil, fmt.Errorf("a bundle of format %q, this reader knows %s", b.Format, Format)
	}
	return b, nil
}

// names walks through a JSON text along the type that it is of, and checks the names in it
// before anything is built from it.
type names struct {
	d             *json.Decoder
	parts, hashes int
}

func (n *names) value(t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	token, err := n.d.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
			return errors.New("an object where there is none")
		}
		return n.object(t)
	case json.Delim('['):
		if t.Kind() != reflect.Slice {
			return errors.New("an array where there is none")
		}
		return n.array(t.Elem())
	}
	return nil // that it is of the right type, decoding finds out
}

func (n *names) object(t reflect.Type) error {
	if n.parts++; n.parts > maxParts {
		return errors.New("more parts than any bundle has")
	}
	seen := map[string]bool{}
	for n.d.More() {
		token, err := n.d.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		field, ok := fieldOf(t, name)
		if !ok || seen[name] {
			return fmt.Errorf("the name %q is not of this format, or is there twice", name)
		}
		seen[name] = true
		if err := n.value(field); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	_, err := n.d.Token()
	return err
}

func (n *names) array(of reflect.Type) error {
	for n.d.More() {
		if n.hashes++; n.hashes > maxHashes {
			return errors.New("more hashes than any bundle has")
		}
		if err := n.value(of); err != nil {
			return err
		}
	}
	_, err := n.d.Token()
	return err
}

func fieldOf(t reflect.Type, name string) (reflect.Type, bool) {
	for i := range t.NumField() {
		if tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); tag == name && tag != "-" {
			return t.Field(i).Type, true
		}
	}
	return nil, false
}
