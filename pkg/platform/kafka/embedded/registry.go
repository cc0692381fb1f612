package embedded

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

const (
	readHeaderTimeout = 10 * time.Second
	shutdownTimeout   = 5 * time.Second
	maxRequestBytes   = 4 << 20
	maxSubjectBytes   = 255 // as srfake has it
)

// registryServer is srfake with a memory. Values in Kafka name their schema by
// its id, so ids must outlive the process: every new registration is
// journaled, and a restart replays the journal, which gives the same ids.
// Deletions and settings are not kept.
type registryServer struct {
	url    string
	fake   *srfake.Registry
	server *http.Server
	log    *slog.Logger
	served sync.WaitGroup

	mu      sync.Mutex // ids are given in the journal's order
	journal *os.File   // nil where nothing is kept
	known   map[registration]bool

	subjects, texts map[string]bool // of what is known
	next            int             // id of the next new schema
}

// registration is one subject's use of a schema id.
type registration struct {
	Subject string `json:"subject"`
	ID      int    `json:"id"`
}

// entry is a line of the journal.
type entry struct {
	registration
	Schema sr.Schema `json:"schema"`
}

func serveRegistry(listener net.Listener, journal string, log *slog.Logger) (*registryServer, error) {
	s := &registryServer{
		url:   "http://" + listener.Addr().String(),
		fake:  srfake.NewRegistry(),
		log:   log,
		known: make(map[registration]bool), subjects: make(map[string]bool), texts: make(map[string]bool),
		next: 1,
	}
	if journal != "" {
		if err := s.open(journal); err != nil {
			return nil, fmt.Errorf("embedded schema registry, %s: %w", journal, err)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/", s.fake.Handler())
	mux.HandleFunc("POST /subjects/{subject}/versions", s.register)
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: readHeaderTimeout}
	s.served.Go(func() {
		if err := s.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("embedded schema registry stopped", "error", err)
		}
	})
	return s, nil
}

// open replays the journal. The next line is written over a last one that a
// kill cut short.
func (s *registryServer) open(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644) //nolint:gosec // the operator names the directory
	if err != nil {
		return err
	}
	s.journal = file
	end, err := s.replay(file)
	if err == nil {
		_, err = file.Seek(end, io.SeekStart)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	return nil
}

// replay registers the journal's schemas again and returns where its last
// whole line ends.
func (s *registryServer) replay(r io.Reader) (end int64, err error) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err != nil {
			return 0, err
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return 0, fmt.Errorf("line at byte %d: %w", end, err)
		}
		if !s.seed(e) {
			id, _, err := s.fake.RegisterSchema(e.Subject, e.Schema)
			if err != nil {
				return 0, fmt.Errorf("subject %s: %w", e.Subject, err)
			}
			if id != e.ID {
				return 0, fmt.Errorf("subject %s: the schema had id %d and would now have %d; remove the data directory to start afresh", e.Subject, e.ID, id)
			}
		}
		s.know(e)
		end += int64(len(line))
	}
}

// register lets srfake register a schema and journals what is new before the
// client hears of it.
func (s *registryServer) register(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := entry{registration: registration{Subject: r.PathValue("subject"), ID: s.next}}
	answer := &bufferedResponse{header: w.Header(), status: http.StatusOK}
	if json.Unmarshal(body, &e.Schema) == nil && s.seed(e) {
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		fmt.Fprintf(&answer.body, `{"id":%d}`, e.ID)
	} else {
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.fake.Handler().ServeHTTP(answer, r)
	}
	if answer.status == http.StatusOK {
		if err := s.remember(r.PathValue("subject"), body, answer.body.Bytes()); err != nil {
			s.log.Error("embedded schema registry", "error", err)
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	w.WriteHeader(answer.status)
	if _, err := w.Write(answer.body.Bytes()); err != nil {
		s.log.Debug("embedded schema registry: answer not delivered", "error", err)
	}
}

// seed gives srfake a schema under the id of e, unless it may have an equal one or the
// subject may have a version. srfake would parse all that it has to look for an equal one:
// a start, which registers each of ours, took a second by that.
func (s *registryServer) seed(e entry) bool {
	text, err := canonical(e.Schema)
	if err != nil || s.texts[text] || s.subjects[e.Subject] || s.fake.SubjectExists(e.Subject) || e.ID < s.next ||
		e.Schema.Type != sr.TypeAvro || len(e.Schema.References) > 0 || len(e.Subject) > maxSubjectBytes || strings.ContainsRune(e.Subject, 0) {
		return false
	}
	s.fake.SeedSchema(e.Subject, 1, e.ID, e.Schema)
	return true
}

// know notes a registration.
func (s *registryServer) know(e entry) {
	s.known[e.registration], s.subjects[e.Subject], s.next = true, true, max(s.next, e.ID+1)
	if text, err := canonical(e.Schema); err == nil {
		s.texts[text] = true
	}
}

// canonical is the same for two schemas that srfake takes for equal.
func canonical(schema sr.Schema) (string, error) {
	var value any
	if err := json.Unmarshal([]byte(schema.Schema), &value); err != nil {
		return "", err
	}
	text, err := json.Marshal(value)
	return string(text), err
}

// remember appends a registration to the journal if it is new.
func (s *registryServer) remember(subject string, request, answer []byte) error {
	e := entry{registration: registration{Subject: subject}}
	if err := json.Unmarshal(answer, &e); err != nil { // {"id": n}
		return err
	}
	e.Subject = subject
	if err := json.Unmarshal(request, &e.Schema); err != nil {
		return err
	}
	if s.known[e.registration] {
		return nil
	}
	if err := s.write(e); err != nil {
		return err
	}
	s.know(e)
	return nil
}

func (s *registryServer) write(e entry) error {
	if s.journal == nil {
		return nil
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := s.journal.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write %s: %w", s.journal.Name(), err)
	}
	return nil
}

func (s *registryServer) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = s.server.Close() // a client that does not let go
	}
	s.served.Wait()
	if s.journal != nil {
		err = errors.Join(err, s.journal.Close())
	}
	return err
}

// bufferedResponse holds an answer back until it may be given.
type bufferedResponse struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *bufferedResponse) Header() http.Header         { return b.header }
func (b *bufferedResponse) WriteHeader(status int)      { b.status = status }
func (b *bufferedResponse) Write(p []byte) (int, error) { return b.body.Write(p) }
