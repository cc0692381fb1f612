package config

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sellerstream/sellerstream/test/logged"
)

// folder is a configuration with a folder of accounts.
type folder struct {
	t    *testing.T
	path string
}

func newFolder(t *testing.T) *folder {
	t.Helper()
	f := &folder{t, t.TempDir()}
	if err := os.Mkdir(filepath.Join(f.path, "accounts.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *folder) name() string { return filepath.Join(f.path, "main.yaml") }

// write puts text into a file as an editor does; "" removes it.
func (f *folder) write(name, text string) {
	f.t.Helper()
	path := filepath.Join(f.path, name)
	if text == "" {
		if err := os.Remove(path); err != nil {
			f.t.Fatal(err)
		}
		return
	}
	if err := os.WriteFile(path+"~", []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		f.t.Fatal(err)
	}
}

// mainText is a configuration file with accounts.
func mainText(more string, accounts ...string) string {
	text := `kafka: {brokers: ["127.0.0.1:9092"]}
registry: {url: "http://127.0.0.1:8081"}
aws: {region: eu-west-1}
accounts_dir: accounts.d
applications: [{name: main, client_id: c, client_secret: {value: s}}]
` + more
	if len(accounts) > 0 {
		text += accountsText(accounts...)
	}
	return text
}

// accountsText is a block of accounts: "id" or "id=seller".
func accountsText(accounts ...string) string {
	text := "accounts:\n"
	for _, a := range accounts {
		id, seller, ok := strings.Cut(a, "=")
		if !ok {
			seller = "A0000000" + strings.ToUpper(id)
		}
		text += fmt.Sprintf("  - {id: %s, seller_id: %s, region: eu, marketplaces: [A1PA6795UKMFR9], refresh_token: {value: t}}\n", id, seller)
	}
	return text
}

func ids(cfg Config) string {
	var list []string
	for _, a := range cfg.Accounts {
		list = append(list, a.ID)
	}
	return strings.Join(list, " ")
}

func TestReloadKeepsWhatWasGood(t *testing.T) {
	t.Parallel()
	type edit struct{ file, text string }
	const a, b = "accounts.d/a.yaml", "accounts.d/b.yaml"
	for _, test := range []struct {
		name  string
		edits []edit
		want  string   // accounts
		says  []string // each fault, in order; none for a good configuration
	}{
		{"nothing", nil, "mm aa bb", nil},
		{"an account more", []edit{{a, accountsText("aa", "ac")}}, "mm aa ac bb", nil},
		{"a file more", []edit{{"accounts.d/c.yml", accountsText("cc")}}, "mm aa bb cc", nil},
		{"hidden and other files", []edit{{"accounts.d/.d.yaml", "x"}, {"accounts.d/d.yaml~", "x"}}, "mm aa bb", nil},
		{"a file less", []edit{{a, ""}}, "mm bb", nil},
		{"no accounts in the main file", []edit{{"main.yaml", mainText("")}}, "aa bb", nil},
		{"not YAML", []edit{{a, "accounts: ["}, {b, accountsText("bb", "bc")}}, "mm aa bb bc", []string{"a.yaml:1: not YAML"}},
		{"half a file", []edit{{a, "# to come\n"}}, "mm aa bb", []string{"a.yaml: accounts: missing"}},
		{"a key that is none", []edit{{a, "acounts: []\n"}}, "mm aa bb", []string{"a.yaml: accounts: missing", "a.yaml:1: acounts: no such key"}},
		{"a broken main file", []edit{{"main.yaml", mainText("kafak: {}\n", "mm", "mn")}, {a, accountsText("ac")}}, "mm ac bb", []string{"main.yaml:6: kafak: no such key"}},
		{"the main file gone", []edit{{"main.yaml", ""}, {a, accountsText("ac")}}, "mm ac bb", []string{"main.yaml: open "}},
		{"the same name in two files", []edit{{a, accountsText("aa", "bb=A9999999999")}}, "mm aa bb", []string{`b.yaml:2: accounts[0].id: "bb" is also on line 3 of `}},
		{"the same seller in two files", []edit{{a, accountsText("aa", "ac=A0000000MM")}}, "mm aa bb", []string{"a.yaml:3: accounts[1].seller_id: the same seller and region as account mm ("}},
		{"an account that moves", []edit{{a, accountsText("ac")}, {b, accountsText("aa", "bb")}}, "mm ac aa bb", nil},
		{"an account that moves to a broken place", []edit{{a, accountsText("ac")}, {b, accountsText("aa", "bb", "bb")}}, "mm ac bb", []string{`b.yaml:4: accounts[2].id: "bb" is also accounts[1]`, "b.yaml:4: accounts[2].seller_id"}},
		{"an application that is none", []edit{{a, strings.Replace(accountsText("aa"), "region:", "application: other, region:", 1)}}, "mm aa bb", []string{`a.yaml:2: accounts[0].application: "other" is not configured`}},
		{"an application renamed under an account's feet", []edit{
			{b, strings.Replace(accountsText("bb"), "region:", "application: main, region:", 1)},
			{"main.yaml", strings.Replace(mainText("", "mm"), "name: main", "name: renamed", 1)},
		}, "mm aa bb", []string{`b.yaml:2: accounts[0].application: "main" is not`}},
		{"a secret that cannot be read", []edit{{a, strings.Replace(accountsText("aa", "ac"), "{value: t}", "{env: SELLERSTREAM_TEST_UNSET}", 1)}}, "mm aa bb", []string{"a.yaml:2: accounts[0].refresh_token: the environment variable"}},
		{"nothing left", []edit{{a, ""}, {b, ""}, {"main.yaml", mainText("")}}, "mm aa bb", []string{"main.yaml: accounts: missing: neither here"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t)
			f.write("main.yaml", mainText("", "mm"))
			f.write(a, accountsText("aa"))
			f.write(b, accountsText("bb"))
			r, cfg, err := Open(f.name())
			if err != nil || ids(cfg) != "mm aa bb" || r.Changed() {
				t.Fatalf("open: %s, %v, changed %v", ids(cfg), err, r.Changed())
			}
			for _, e := range test.edits {
				f.write(e.file, e.text)
			}
			visible := slices.DeleteFunc(test.edits, func(e edit) bool { return strings.ContainsAny(e.file, "~") || strings.Contains(e.file, "/.") })
			if r.Changed() != (len(visible) > 0) {
				t.Errorf("changed: %v", r.Changed())
			}
			for range 2 { // what is wrong stays wrong, and does no harm
				cfg, err = r.Reload(t.Context(), nil)
				checkReload(t, f, cfg, err, test.want, test.says)
			}
			// Mended, all is as it stands in the files.
			f.write("main.yaml", mainText("", "mm"))
			f.write(a, accountsText("aa"))
			f.write(b, accountsText("bb"))
			if cfg, err = r.Reload(t.Context(), nil); err != nil || !strings.HasPrefix(ids(cfg), "mm aa bb") || r.Changed() {
				t.Errorf("mended: %s, %v, changed %v", ids(cfg), err, r.Changed())
			}
		})
	}
}

func checkReload(t *testing.T, f *folder, cfg Config, err error, want string, says []string) {
	t.Helper()
	if ids(cfg) != want {
		t.Errorf("accounts %q, want %q", ids(cfg), want)
	}
	var lines []string
	if err != nil {
		text := strings.ReplaceAll(err.Error(), f.path+"/accounts.d/", "")
		lines = strings.Split(strings.ReplaceAll(text, f.path+"/", ""), "\n")
	}
	if len(lines) != len(says) {
		t.Errorf("faults:\n%s\nwant %d", strings.Join(lines, "\n"), len(says))
	}
	for i := range min(len(lines), len(says)) {
		if !strings.HasPrefix(lines[i], says[i]) {
			t.Errorf("fault %q, want %q…", lines[i], says[i])
		}
	}
}

func TestOpenReportsEveryFileAtOnce(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.write("main.yaml", mainText("", "mm"))
	f.write("accounts.d/a.yaml", "accounts: {}\n")
	f.write("accounts.d/b.yaml", accountsText("mm"))
	_, err := Load(f.name())
	for _, says := range []string{"a.yaml:1: accounts: a block of keys here", `b.yaml:2: accounts[0].id: "mm" is also on line 7 of ` + f.name()} {
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v\ndoes not say %q", err, says)
		}
	}
	f.write("main.yaml", strings.Replace(mainText("", "mm"), "accounts.d", "none", 1))
	if _, err := Load(f.name()); err == nil || !strings.Contains(err.Error(), "accounts_dir: open ") {
		t.Errorf("no folder: %v", err)
	}
}

// Kubernetes shows a ConfigMap as links into a hidden folder, and swaps a link to
// that folder.
func TestASwappedConfigMapIsSeen(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	dir := filepath.Join(f.path, "accounts.d")
	swap := func(version string, accounts ...string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, "..v"+version), 0o700); err != nil {
			t.Fatal(err)
		}
		f.write("accounts.d/..v"+version+"/a.yaml", accountsText(accounts...))
		if err := os.Symlink("..v"+version, filepath.Join(dir, "..next")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..next"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	swap("1", "aa")
	if err := os.Symlink("..data/a.yaml", filepath.Join(dir, "a.yaml")); err != nil {
		t.Fatal(err)
	}
	f.write("main.yaml", mainText(""))
	r, cfg, err := Open(f.name())
	if err != nil || ids(cfg) != "aa" {
		t.Fatalf("%s, %v", ids(cfg), err)
	}
	swap("2", "bb") // as long as the one before
	if !r.Changed() {
		t.Error("the swap was not seen")
	}
	if cfg, err := r.Reload(t.Context(), nil); err != nil || ids(cfg) != "bb" {
		t.Errorf("%s, %v", ids(cfg), err)
	}
}

func TestNotLive(t *testing.T) {
	t.Parallel()
	parse := func(text string) Config {
		cfg, err := Parse("f", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	const secret = "aws: {region: eu-west-1, access_key_id: x, secret_access_key: {env: A}}"
	before := parse(strings.Replace(mainText("", "mm"), "aws: {region: eu-west-1}", secret, 1))
	after := parse("# a line more, and other accounts\n" + strings.Replace(mainText("", "mm", "nn"), "aws: {region: eu-west-1}", secret, 1))
	if keys := NotLive(before, after); keys != nil {
		t.Errorf("accounts alone: %v", keys)
	}
	if !before.Accounts[0].Equal(after.Accounts[0]) || before.Accounts[0].Equal(after.Accounts[1]) || !before.Applications[0].Equal(after.Applications[0]) {
		t.Error("where an account stands makes a difference, or what it is makes none")
	}
	after.Log.Level, after.Runtime.MaxPending = "debug", 5000
	if keys := NotLive(before, after); !slices.Equal(keys, []string{"log", "runtime"}) {
		t.Errorf("got %v", keys)
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFolder(t)
		f.write("main.yaml", mainText("", "mm"))
		r, _, err := Open(f.name())
		if err != nil {
			t.Fatal(err)
		}
		log, applied, hangup := &logged.Text{}, &logged.Text{}, make(chan os.Signal, 1)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			Watch{
				Reader: r, Hangup: hangup, Logger: slog.New(slog.NewTextHandler(log, nil)),
				Apply: func(cfg Config) { fmt.Fprintln(applied, ids(cfg)) },
				Again: func() { fmt.Fprintln(applied, "again") },
			}.Run(ctx)
		}()
		// after waits and returns what was applied and logged meanwhile.
		after := func(d time.Duration) (string, string) {
			time.Sleep(d)
			synctest.Wait()
			return strings.ReplaceAll(strings.TrimSpace(applied.Take()), "\n", ", "), log.Take()
		}
		check := func(what string, d time.Duration, want string, says ...string) {
			t.Helper()
			list, text := after(d)
			if list != want {
				t.Errorf("%s: applied %q, want %q", what, list, want)
			}
			if len(says) == 0 && text != "" {
				t.Errorf("%s: said %s", what, text)
			}
			for _, s := range says {
				if strings.Count(text, s) != 1 {
					t.Errorf("%s: said %q, want %q once", what, text, s)
				}
			}
		}
		check("nothing changes", 29*time.Second, "")
		check("files of secrets may have", 2*time.Second, "again")
		f.write("main.yaml", mainText("", "mm", "mn"))
		check("an account more", 4*time.Second, "mm mn")
		f.write("main.yaml", mainText("orders: {}\n", "mm", "mn", "mn"))
		check("a fault", 4*time.Second, "mm mn", `main.yaml:10: accounts[2].id:`)
		check("the same fault", 40*time.Second, "mm mn")
		hangup <- os.Interrupt
		check("a hangup says it again", time.Millisecond, "mm mn", `main.yaml:10: accounts[2].id:`)
		f.write("main.yaml", mainText("log: {level: debug}\n", "mm"))
		check("mended, with something else", 4*time.Second, "mm", "no fault any more", "takes effect at the next start\" keys=[log]")
		stop()
		<-done
	})
}

func BenchmarkParse10000Accounts(b *testing.B) {
	var accounts []string
	for i := range 10_000 {
		accounts = append(accounts, fmt.Sprintf("a%d=A%010d", i, i))
	}
	text := []byte(mainText("", accounts...))
	for b.Loop() {
		if _, err := Parse("f", text); err != nil {
			b.Fatal(err)
		}
	}
}
