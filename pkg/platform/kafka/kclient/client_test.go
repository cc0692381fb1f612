package kclient_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every Kafka client is made here, so that each has the bounds.
func TestNoClientIsMadeElsewhere(t *testing.T) {
	t.Parallel()
	made := regexp.MustCompile(`kgo\.New(Client|GroupTransactSession)\(`)
	files := 0
	for _, root := range []string{"../../../../bridge", "../../../../cmd", "../../..", "../../../../processors"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "../../../platform/kafka/kclient/") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			files++
			if made.Match(text) {
				t.Errorf("%s makes a Kafka client without bounds: use package kclient", path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 100 {
		t.Errorf("only %d files were looked at", files)
	}
}
