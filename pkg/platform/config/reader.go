package config

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
)

// Reader reads a configuration again while it is in use. What is wrong takes
// nothing down: a file with a fault counts as it was when it was last good, and
// is tried again by every Reload. It is used by one goroutine.
type Reader struct {
	name string
	dir  string // "" for none
	main mainFile
	more map[string]*accountsFile // by path
}

// mainFile is the configuration file itself.
type mainFile struct {
	good  Config // as it was last accepted, with its own accounts only
	next  Config // as the file is now, if it has no fault of its own
	seen  stamp  // of what was read last
	again bool   // read it anew, although it may not have changed
}

// accountsFile is a file of the folder of accounts.
type accountsFile struct {
	good  []Account
	next  []Account // nil for a file with a fault of its own
	seen  stamp
	again bool
	gone  bool // next is what is left without it
}

// stamp tells one content of a file from another. Following links, as ConfigMaps
// need it: what they swap is a link to the folder.
type stamp struct{ info os.FileInfo }

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info}
}

func (s stamp) same(other stamp) bool {
	return s.info != nil && other.info != nil && os.SameFile(s.info, other.info) &&
		s.info.Size() == other.info.Size() && s.info.ModTime().Equal(other.info.ModTime())
}

// Open reads and checks a configuration as Load does.
func Open(name string) (*Reader, Config, error) {
	r := &Reader{name: name, more: map[string]*accountsFile{}}
	at := stampOf(name)
	text, err := readText(name)
	if err != nil {
		return nil, Config{}, fmt.Errorf("configuration: %w; write one with `sellerstream config example > %s`", err, name)
	}
	cfg, err := Parse(name, text)
	faults := &Faults{File: name}
	if err != nil && !errors.As(err, &faults) {
		return nil, Config{}, err
	}
	r.main = mainFile{good: cfg, next: cfg, seen: at}
	if r.dir = cfg.AccountsDir; r.dir != "" {
		if len(faults.Found) == 0 { // else the applications are in doubt
			r.readDir(faults)
			r.compare(faults, r.latest())
		}
	}
	r.accept(r.latest())
	return r, r.config(), faults.orNil()
}

// Changed reports whether a file differs from what was read last, or has appeared
// or gone.
func (r *Reader) Changed() bool {
	if !r.main.seen.same(stampOf(r.name)) {
		return true
	}
	paths, err := r.list()
	if err != nil {
		return true
	}
	left := len(r.more)
	for _, f := range r.more {
		if f.gone {
			left--
		}
	}
	if len(paths) != left {
		return true
	}
	for _, path := range paths {
		if f := r.more[path]; f == nil || f.gone || !f.seen.same(stampOf(path)) {
			return true
		}
	}
	return false
}

// Reload reads what has changed, and the secrets of new and changed accounts
// from store. It returns the configuration that holds now; its error, a *Faults,
// is about what had to stay as it was.
func (r *Reader) Reload(ctx context.Context, store *secrets.Store) (Config, error) {
	faults := &Faults{File: r.name}
	r.readMain(faults)
	r.readDir(faults)
	use := r.latest()
	for file := range r.checkSecrets(ctx, store, faults) {
		use[file] = false
	}
	r.compare(faults, use)
	r.accept(use)
	return r.config(), faults.orNil()
}

// readMain reads the file itself if it has changed.
func (r *Reader) readMain(faults *Faults) {
	at := stampOf(r.name)
	if !r.main.again && r.main.seen.same(at) {
		return
	}
	r.main.next, r.main.seen, r.main.again = r.main.good, at, true
	text, err := readText(r.name)
	if err != nil {
		faults.add(0, "", "%v: what was last read of it stays", err)
		return
	}
	cfg, err := Parse(r.name, text)
	var found *Faults
	if errors.As(err, &found) {
		faults.take(found)
		return
	}
	r.main.next, r.main.again = cfg, false
	for _, f := range r.more { // their applications may have changed
		f.again = true
	}
}

// readDir reads the files of the folder that have changed.
func (r *Reader) readDir(faults *Faults) {
	paths, err := r.list()
	if err != nil {
		faults.add(0, "accounts_dir", "%v: what was last read of it stays", err)
		return
	}
	for path, f := range r.more {
		if !slices.Contains(paths, path) {
			f.next, f.gone, f.again = []Account{}, true, true
		}
	}
	for _, path := range paths {
		f := r.more[path]
		if f == nil {
			f = &accountsFile{again: true}
			r.more[path] = f
		}
		if at := stampOf(path); f.again || !f.seen.same(at) {
			f.next, f.seen, f.again, f.gone = nil, at, true, false
			r.readAccounts(path, f, faults)
		}
	}
}

func (r *Reader) readAccounts(path string, f *accountsFile, faults *Faults) {
	text, err := readText(path)
	if err != nil {
		faults.at(place{file: path}, "", "%v", err)
		return
	}
	accounts, wrong := parseAccounts(path, text, &r.main.next)
	if wrong != nil {
		faults.take(wrong)
		return
	}
	f.next, f.again = accounts, false
}

// list is the files of the folder, in order. Hidden ones are no accounts: a
// ConfigMap keeps its old contents in one.
func (r *Reader) list() ([]string, error) {
	if r.dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, entry := range entries {
		ending := filepath.Ext(entry.Name())
		if (ending == ".yaml" || ending == ".yml") && !strings.HasPrefix(entry.Name(), ".") {
			paths = append(paths, filepath.Join(r.dir, entry.Name()))
		}
	}
	if len(paths) > maxFiles {
		return nil, fmt.Errorf("%d files of accounts, and at most %d are read: put several accounts into a file", len(paths), maxFiles)
	}
	return paths, nil
}

// choice reports for each file whether its present content counts; otherwise its
// last good content does.
type choice map[string]bool

func (r *Reader) latest() choice {
	use := choice{r.name: true}
	for path, f := range r.more {
		use[path] = f.next != nil
	}
	return use
}

// chosen is the main file and all accounts of a choice.
func (r *Reader) chosen(use choice) (Config, []Account) {
	cfg := r.main.good
	if use[r.name] {
		cfg = r.main.next
	}
	all := slices.Clone(cfg.Accounts)
	for _, path := range slices.Sorted(maps.Keys(r.more)) {
		if use[path] {
			all = append(all, r.more[path].next...)
		} else {
			all = append(all, r.more[path].good...)
		}
	}
	return cfg, all
}

// checkSecrets reads the secrets of what is new or changed, and returns the
// files with one that cannot be read.
func (r *Reader) checkSecrets(ctx context.Context, store *secrets.Store, faults *Faults) map[string]bool {
	before, now := r.config(), r.main.next
	_, now.Accounts = r.chosen(r.latest())
	known := make(map[string]*Account, len(before.Accounts))
	for i := range before.Accounts {
		known[before.Accounts[i].ID] = &before.Accounts[i]
	}
	var fresh []Secret
	for _, app := range now.Applications {
		if !slices.ContainsFunc(before.Applications, app.Equal) {
			fresh = append(fresh, app.ClientSecret, app.NextClientSecret)
		}
	}
	for _, a := range now.Accounts {
		if old := known[a.ID]; old == nil || !old.Equal(a) {
			fresh = append(fresh, a.RefreshToken)
		}
	}
	files := map[string]bool{}
	var unreadable *Faults
	fresh = slices.DeleteFunc(fresh, func(s Secret) bool { return !s.Given() })
	if errors.As(readAll(ctx, r.name, store, fresh), &unreadable) {
		for _, fault := range unreadable.Found {
			files[fault.File] = true
		}
		faults.take(unreadable)
	}
	return files
}

// compare looks for what single files cannot be blamed for: the same seller in
// two of them, or an application that only one of them knows. Those at odds go
// back to what they were, until nothing is: at the latest when all have.
func (r *Reader) compare(faults *Faults, use choice) {
	if _, accounts := r.chosen(use); len(accounts) == 0 && len(faults.Found) == 0 {
		faults.add(0, "accounts", "missing: neither here nor in accounts_dir is a seller account")
		clear(use)
		return
	}
	for again, first := true, true; again; first = false {
		again = false
		for _, c := range r.conflicts(r.chosen(use)) {
			if first { // the others are what follows from these
				faults.once(c.place, c.key, c.says)
			}
			for _, file := range []string{c.file, c.other} {
				again = again || use[file]
				use[file] = false
			}
		}
	}
}

// conflict is between two files.
type conflict struct {
	place
	key   string
	other string // the other file
	says  string
}

func (r *Reader) conflicts(cfg Config, accounts []Account) (found []conflict) {
	type seller struct{ id, region string }
	ids, sellers := make(map[string]*Account, len(accounts)), make(map[seller]*Account, len(accounts))
	applications := map[string]bool{}
	for _, app := range cfg.Applications {
		applications[app.Name] = true
	}
	for i := range accounts {
		a := &accounts[i]
		who := seller{a.SellerID, string(a.Region)}
		if first := ids[a.ID]; first != nil {
			found = append(found, conflict{a.at, "id", first.at.file, fmt.Sprintf("%q is also on line %d of %s: each account needs a name of its own", a.ID, first.at.line, first.at.file)})
		} else if first := sellers[who]; first != nil {
			found = append(found, conflict{a.at, "seller_id", first.at.file, fmt.Sprintf("the same seller and region as account %s (%s:%d): they would spend one quota twice; keep one", first.ID, first.at.file, first.at.line)})
		} else if !applications[a.Application] {
			found = append(found, conflict{a.at, "application", r.name, fmt.Sprintf("%q is not configured under applications", a.Application)})
		}
		ids[a.ID], sellers[who] = a, a
	}
	return found
}

// accept makes a choice what was last good.
func (r *Reader) accept(use choice) {
	if use[r.name] {
		r.main.good = r.main.next
	}
	for path, f := range r.more {
		switch {
		case use[path] && f.gone:
			delete(r.more, path)
		case use[path]:
			f.good = f.next
		}
	}
}

// config is what holds now.
func (r *Reader) config() Config {
	cfg, accounts := r.chosen(choice{})
	cfg.Accounts = accounts
	return cfg
}

// Equal reports whether two accounts are configured alike, wherever it stands.
func (a Account) Equal(b Account) bool {
	a.at, a.RefreshToken.at, b.at, b.RefreshToken.at = place{}, place{}, place{}, place{}
	return reflect.DeepEqual(a, b)
}

// Equal reports whether two applications are configured alike.
func (a Application) Equal(b Application) bool {
	a.ClientSecret.at, a.NextClientSecret.at = place{}, place{}
	b.ClientSecret.at, b.NextClientSecret.at = place{}, place{}
	return reflect.DeepEqual(a, b)
}

// NotLive are the keys in which two configurations differ and that a running
// process cannot change: all but accounts and applications.
func NotLive(a, b Config) (keys []string) {
	for _, cfg := range []*Config{&a, &b} {
		cfg.Accounts, cfg.Applications = nil, nil
		cfg.Kafka.SASL.Password.at, cfg.Kafka.SASL.Token.at, cfg.Kafka.SASL.ClientSecret.at = place{}, place{}, place{}
		cfg.Registry.Password.at, cfg.AWS.SecretAccessKey.at, cfg.Exclusions.Token.at = place{}, place{}, place{}
		cfg.BuyerData.Keys.at = place{}
	}
	before, after := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range before.NumField() {
		if !reflect.DeepEqual(before.Field(i).Interface(), after.Field(i).Interface()) {
			keys = append(keys, before.Type().Field(i).Tag.Get("yaml"))
		}
	}
	return keys
}
