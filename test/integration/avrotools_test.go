package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sellerstream/sellerstream/test/parts"
)

// avroTools is the oldest line of Apache's own compiler that takes no type twice, not even
// where both definitions are the same.
const avroTools = "1.11.4"

// TestAvroToolsCompilesAllSchemasInOneGo does what a consumer in Java does first.
func TestAvroToolsCompilesAllSchemasInOneGo(t *testing.T) {
	if os.Getenv("SELLERSTREAM_INTEGRATION") != "1" {
		t.Skip("Maven fetches avro-tools (56 MB): only in make integration")
	}
	mvn, java := parts.Program(t, "mvn"), parts.Program(t, "java")
	files, err := filepath.Glob("../../schemas/avro/*.avsc")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d schemas, %v", len(files), err)
	}
	dir := t.TempDir()
	output(t, exec.CommandContext(t.Context(), mvn, "-q", "-B", "dependency:copy", "-DoutputDirectory="+dir,
		"-Dartifact=org.apache.avro:avro-tools:"+avroTools), "")
	compile := []string{"-jar", filepath.Join(dir, "avro-tools-"+avroTools+".jar"), "compile", "schema"}
	output(t, exec.CommandContext(t.Context(), java, append(append(compile, files...), dir)...), "")
	for _, class := range []string{"Order", "Failure", "CancelItem", "ShipmentState"} {
		if _, err := os.Stat(filepath.Join(dir, "sellerstream", class+".java")); err != nil {
			t.Error(err)
		}
	}
}
