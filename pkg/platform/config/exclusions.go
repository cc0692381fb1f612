package config

import (
	"net"
	"net/url"
	"strings"
	"time"
)

// Exclusions names the list of SKUs that other services manage: in at most one of File,
// URL and Topic.
type Exclusions struct {
	File  string `yaml:"file" path:"relative"`
	URL   string `yaml:"url"`
	Token Secret `yaml:"token"`
	// Insecure allows to send the token without TLS to another machine.
	Insecure bool   `yaml:"insecure"`
	Topic    string `yaml:"topic"` // its name on the wire: it may be another service's
	// TTL is how long a list holds, on the pipeline's clock.
	TTL time.Duration `yaml:"ttl"`
	// OrdersWait is how long orders wait at start for the first list, in real time.
	OrdersWait time.Duration `yaml:"orders_wait"`
}

// Given reports whether there is a list.
func (e Exclusions) Given() bool { return e.File != "" || e.URL != "" || e.Topic != "" }

func (v *validator) exclusions() {
	e := v.cfg.Exclusions
	sources := 0
	for _, given := range []string{e.File, e.URL, e.Topic} {
		if given != "" {
			sources++
		}
	}
	if sources > 1 {
		v.fault("exclusions", "more than one source: keep one of file, url and topic")
	}
	if e.URL != "" {
		v.encrypted("exclusions.url", e.URL, e.Insecure || !e.Token.Given(), "exclusions.insecure")
	}
	v.source("exclusions.token", e.Token)
	if e.Token.Given() && e.URL == "" {
		v.fault("exclusions.token", "a token belongs to a url: write it too, or leave the token out")
	}
	if !topicText.MatchString(e.Topic) || len(e.Topic) > 249 {
		v.fault("exclusions.topic", "%q is not a topic's name: use at most 249 letters, digits, \".\", \"_\" and \"-\"", e.Topic)
	}
	v.duration("exclusions.ttl", e.TTL, 10*time.Second, 24*time.Hour)
	v.duration("exclusions.orders_wait", e.OrdersWait, 0, time.Hour)
}

// confidential reports whether nobody on the way reads what is sent to a URL.
func confidential(text string) bool {
	u, err := url.Parse(text)
	if err != nil || !strings.EqualFold(u.Scheme, "http") {
		return true // one that is no URL has its fault already
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
