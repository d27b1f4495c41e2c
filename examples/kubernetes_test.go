package examples

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestKubernetes: the collector takes the configuration, and each pod has a log of its own,
// which stays.
func TestKubernetes(t *testing.T) {
	text, err := os.ReadFile("kubernetes.yaml")
	require.NoError(t, err)
	type env struct {
		Name      string
		ValueFrom struct {
			FieldRef struct {
				FieldPath string `yaml:"fieldPath"`
			} `yaml:"fieldRef"`
		} `yaml:"valueFrom"`
	}
	type object struct {
		Kind string
		Data map[string]string
		Spec struct {
			Template struct {
				Spec struct {
					Containers []struct {
						Env []env
					}
				}
			}
			VolumeClaimTemplates []struct{ Metadata struct{ Name string } } `yaml:"volumeClaimTemplates"`
		}
	}
	objects := map[string]object{}
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var o object
		err := d.Decode(&o)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		objects[o.Kind] = o
	}
	set := objects["StatefulSet"].Spec
	fields := map[string]string{}
	for _, e := range set.Template.Spec.Containers[0].Env {
		fields[e.Name] = e.ValueFrom.FieldRef.FieldPath
	}
	require.Equal(t, map[string]string{"POD_NAME": "metadata.name", "POD_IP": "status.podIP"}, fields)
	require.Equal(t, "spool", set.VolumeClaimTemplates[0].Metadata.Name)

	file := filepath.Join(t.TempDir(), "collector.yaml")
	require.NoError(t, os.WriteFile(file, []byte(objects["ConfigMap"].Data["collector.yaml"]), 0o600))
	cmd := exec.CommandContext(t.Context(), collectorBinary, "validate", "--config", file)
	cmd.Env = append(os.Environ(), "POD_IP=127.0.0.1", "POD_NAME=gw-0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
