package simulator

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/sqs"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Addresses are where Start listens. An empty one is a free port on loopback.
type Addresses struct {
	SPAPI       map[model.Region]string
	LWA         string
	SQS         string
	EventBridge string
	Documents   string
	Admin       string
}

// URLs are where the parts can be reached.
type URLs struct {
	SPAPI       map[model.Region]string `json:"spapi"` // by region, for every region that has an account
	LWA         string                  `json:"lwa"`   // without the path /auth/o2/token
	SQS         string                  `json:"sqs"`
	EventBridge string                  `json:"eventbridge"`
	Documents   string                  `json:"documents"` // where presigned URLs lead
	Admin       string                  `json:"admin"`     // without the path /_simulator/
}

// QueueURL is the SQS URL of a queue behind an SQS endpoint.
func (u URLs) QueueURL(name string) string { return u.SQS + sqs.Path(name) }

// Start listens and serves until Close. After an error nothing listens, and
// Start may be called again.
func (s *Simulator) Start(at Addresses) (URLs, error) {
	urls := URLs{SPAPI: make(map[model.Region]string)}
	var faults []error
	listen := func(address string, handler http.Handler) string {
		url, err := s.listen(address, handler)
		faults = append(faults, err)
		return url
	}
	for _, a := range s.config.Accounts {
		if _, tried := urls.SPAPI[a.Region]; !tried {
			urls.SPAPI[a.Region] = listen(at.SPAPI[a.Region], s.SPAPI(a.Region))
		}
	}
	urls.LWA = listen(at.LWA, s.LWA())
	urls.SQS = listen(at.SQS, s.SQS())
	urls.EventBridge = listen(at.EventBridge, s.EventBridge())
	urls.Documents = listen(at.Documents, s.Documents())
	urls.Admin = listen(at.Admin, s.Admin())
	if err := errors.Join(faults...); err != nil {
		return URLs{}, errors.Join(err, s.closeServers())
	}
	s.documents.ListenAt(urls.Documents)
	return urls, nil
}

// StartHosts serves Hosts with TLS until Close, beside what Start serves. It gives the
// certificate that clients have to trust, in PEM; the key to it is never written anywhere.
func (s *Simulator) StartHosts(address string) (url string, certificate []byte, err error) {
	signs, err := newAuthority()
	if err != nil {
		return "", nil, fmt.Errorf("simulator: make the certificate of Amazon's hosts: %w", err)
	}
	listener, err := listenAt(address)
	if err != nil {
		return "", nil, err
	}
	s.serve(tls.NewListener(listener, &tls.Config{GetCertificate: signs.issue, MinVersion: tls.VersionTLS12}), s.Hosts())
	return "https://" + reachable(listener.Addr()), signs.pem(), nil
}

func listenAt(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", cmp.Or(address, "127.0.0.1:0"))
	if err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}
	return listener, nil
}

func (s *Simulator) listen(address string, handler http.Handler) (string, error) {
	listener, err := listenAt(address)
	if err != nil {
		return "", err
	}
	s.serve(listener, handler)
	return "http://" + reachable(listener.Addr()), nil
}

func (s *Simulator) serve(listener net.Listener, handler http.Handler) {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.config.Logger.Handler(), slog.LevelWarn),
	}
	s.servers = append(s.servers, server)
	s.running.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.config.Logger.Error("simulator stopped serving", "address", listener.Addr(), "error", err)
		}
	})
}

// reachable is an address that a program on this machine can call: one that listens
// on all of them is on loopback, too.
func reachable(at net.Addr) string {
	if tcp, ok := at.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
	}
	return at.String()
}

// Close cuts every connection, ends what runs, and waits for it.
func (s *Simulator) Close() error {
	s.stop(errClosed)
	s.agenda.Close()
	err := s.closeServers()
	s.running.Wait()
	return err
}

func (s *Simulator) closeServers() error {
	var faults []error
	for _, server := range s.servers {
		faults = append(faults, server.Close())
	}
	s.servers = nil
	return errors.Join(faults...)
}
