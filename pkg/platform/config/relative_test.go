package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestRelativePathsStartAtTheFileThatNamesThem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"sellerstream.yaml": Example + `
exclusions: {file: lists/skus.csv}
accounts_dir: accounts.d
`,
		"accounts.d/more.yaml": `
accounts:
  - {id: absolute, seller_id: A3TH9S8BH6GOG1, region: eu, marketplaces: [A1PA6795UKMFR9], refresh_token: {file: /run/secrets/a}}
  - {id: relative, seller_id: A3TH9S8BH6GOG2, region: eu, marketplaces: [A1PA6795UKMFR9], refresh_token: {file: ../secrets/b}}
`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := Load(filepath.Join(dir, "sellerstream.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{"exclusions": cfg.Exclusions.File, "accounts_dir": cfg.AccountsDir}
	for _, a := range cfg.Accounts {
		if a.ID == "absolute" || a.ID == "relative" {
			got[a.ID] = a.RefreshToken.File
		}
	}
	want := map[string]string{
		"exclusions": filepath.Join(dir, "lists/skus.csv"), "accounts_dir": filepath.Join(dir, "accounts.d"),
		"absolute": "/run/secrets/a", "relative": filepath.Join(dir, "secrets/b"),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A key that names a file and lacks the tag would start at the working directory.
func TestEveryFileKeyIsRelativeToItsFile(t *testing.T) {
	t.Parallel()
	var walk func(t reflect.Type, path string, visit func(path string, field reflect.StructField))
	walk = func(kind reflect.Type, path string, visit func(string, reflect.StructField)) {
		for kind.Kind() == reflect.Slice || kind.Kind() == reflect.Map || kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		if kind.Kind() != reflect.Struct || kind.PkgPath() != reflect.TypeFor[Config]().PkgPath() {
			return
		}
		for i := range kind.NumField() {
			field := kind.Field(i)
			if key := field.Tag.Get("yaml"); key != "" {
				visit(join(path, key), field)
				walk(field.Type, join(path, key), visit)
			}
		}
	}
	found := 0
	walk(reflect.TypeFor[Config](), "", func(path string, field reflect.StructField) {
		key := field.Tag.Get("yaml")
		if field.Type.Kind() != reflect.String || key != "file" && !strings.HasSuffix(key, "_file") && !strings.HasSuffix(key, "_dir") {
			return
		}
		found++
		if field.Tag.Get("path") != "relative" {
			t.Errorf(`%s names a file: give its field the tag path:"relative"`, path)
		}
	})
	if found < 3 {
		t.Errorf("%d keys that name files: the walk has missed some", found)
	}
}
