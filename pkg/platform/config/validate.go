package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// validator holds the rules that a well-formed file can still break.
type validator struct {
	cfg    *Config
	faults *Faults
	lines  map[string]int
	broken map[string]bool // paths that have their fault already
}

var (
	// Kafka's legal topic characters (org.apache.kafka.common.internals.Topic).
	topicText = regexp.MustCompile(`^[a-zA-Z0-9._-]*$`)
	// Account ids become Kafka keys, state keys and labels.
	accountID = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)
	// An SQS queue's ARN as Amazon's model wants it; FIFO queues have a dot.
	queueARN = regexp.MustCompile(`^arn:aws:sqs:[a-z0-9-]+:[0-9]+:[A-Za-z0-9_-]{1,80}$`)
	// Seller ids as Amazon writes them ("merchant token").
	sellerID = regexp.MustCompile(`^[A-Z0-9]{10,20}$`)
	// ARNs of IAM roles, in any of AWS's partitions.
	// AWS STS, AssumeRole, ExternalId; it may have 1,224 characters, which validator.role's words say.
	externalIDText = regexp.MustCompile(`^[\w+=,.@:/-]{2,1000}[\w+=,.@:/-]{0,224}$`)
	roleText       = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\x21-\x7e]+$`)
)

// fault reports path, on its line or on that of the nearest key above it. It
// reports nothing where the file could not be read as what path should be: the
// value is a default then, not what was meant.
func (v *validator) fault(path, format string, args ...any) {
	if v.unreadable(path) {
		return
	}
	line := 0
	for at := path; line == 0 && at != ""; at = above(at) {
		line = v.lines[at]
	}
	v.faults.add(line, path, format, args...)
}

// unreadable reports whether path, or anything that it is part of, could not be read.
func (v *validator) unreadable(path string) bool {
	for at := path; at != ""; at = above(at) {
		if v.broken[at] {
			return true
		}
	}
	return v.broken[""]
}

// above is the path of what path is part of; "" is the file.
func above(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

func (v *validator) validate() {
	v.general()
	v.aws()
	v.spapi()
	applications := v.applications()
	v.accounts(applications)
	v.bridge(applications)
	v.subscriptions()
	v.exclusions()
	v.orders(time.Now())
	v.buyerData()
	v.inventory()
	v.shipments()
	v.cancellations()
	v.events()
	v.runtime()
	v.admin()
}

// CheckPrefix returns what is wrong with the prefix; nil for nothing.
func (c Config) CheckPrefix() error {
	if topicText.MatchString(c.Prefix) && len(c.Prefix) <= 100 {
		return nil
	}
	return fmt.Errorf("%q cannot begin a topic's name: use at most 100 letters, digits, \".\", \"_\" and \"-\"", c.Prefix)
}

func (v *validator) general() {
	c := v.cfg
	if err := c.CheckPrefix(); err != nil {
		v.fault("prefix", "%v", err)
	}
	v.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	v.oneOf("log.format", c.Log.Format, "text", "json")
	v.kafka()
	v.registry()
}

func (v *validator) registry() {
	c := v.cfg
	if c.Registry.URL == "" {
		v.fault("registry.url", "missing: write the schema registry's URL, such as http://127.0.0.1:8081")
	} else {
		// A registry without a password is told nothing secret.
		v.encrypted("registry.url", c.Registry.URL, c.Registry.Insecure || c.Registry.Username == "", "registry.insecure")
	}
	if (c.Registry.Username == "") == c.Registry.Password.Given() && !v.unreadable("registry.password") {
		v.fault("registry.username", "username and password go together: write both or neither")
	}
	v.source("registry.password", c.Registry.Password)
	v.duration("registry.schema_patience", c.Registry.SchemaPatience, time.Minute, 7*24*time.Hour)
	v.pair("registry.tls", c.Registry.TLS.CertFile, c.Registry.TLS.KeyFile)
	if c.Registry.TLS != (RegistryTLS{}) && strings.HasPrefix(c.Registry.URL, "http://") {
		v.fault("registry.tls", "the registry's URL has no TLS: write one that starts with https://, or leave the section out")
	}
}

func (v *validator) aws() {
	a := v.cfg.AWS
	if (a.AccessKeyID == "") == a.SecretAccessKey.Given() && !v.unreadable("aws.secret_access_key") {
		v.fault("aws.access_key_id", "access_key_id and secret_access_key go together: write both, or neither to use the AWS SDK's own chain")
	}
	v.source("aws.secret_access_key", a.SecretAccessKey)
	if a.SecretAccessKey.AWS != "" {
		v.fault("aws.secret_access_key", "AWS Secrets Manager cannot be read without this key: write {env: NAME} or {file: /path}")
	}
	if a.Region == "" {
		v.fault("aws.region", "missing: write the AWS region of the queues and the bus, such as eu-west-1")
	}
	v.role("aws", a.Role, a.ExternalID)
	for path, endpoint := range map[string]string{
		"aws.sqs_endpoint": a.SQSEndpoint, "aws.eventbridge_endpoint": a.EventBridgeEndpoint, "aws.sts_endpoint": a.STSEndpoint,
		"aws.secretsmanager_endpoint": a.SecretsManagerEndpoint, "aws.kms_endpoint": a.KMSEndpoint,
	} {
		if endpoint != "" {
			v.encrypted(path, endpoint, a.Insecure, "aws.insecure")
		}
	}
	v.duration("aws.secrets_ttl", a.SecretsTTL, 10*time.Second, 24*time.Hour)
}

func (v *validator) spapi() {
	s := v.cfg.SPAPI
	v.encrypted("spapi.lwa_endpoint", s.LWAEndpoint, s.Insecure, "spapi.insecure")
	for region, endpoint := range s.Endpoints {
		path := "spapi.endpoints." + string(region)
		if !region.Valid() {
			v.fault(path, "no such region: the regions are na, eu and fe")
			continue
		}
		v.encrypted(path, endpoint, s.Insecure, "spapi.insecure")
	}
	// Amazon refuses a User-Agent of more than 500 characters.
	if len(s.UserAgent) > 400 {
		v.fault("spapi.user_agent", "%d characters: Amazon takes 500 with what the client adds, write at most 400", len(s.UserAgent))
	}
	v.duration("spapi.timeout", s.Timeout, time.Second, 5*time.Minute)
	for i, host := range s.DocumentHosts {
		path, plain := fmt.Sprintf("spapi.document_hosts[%d]", i), strings.HasPrefix(host, "http://")
		name := strings.TrimPrefix(strings.TrimPrefix(host, "http://"), "*.")
		if name == "" || strings.ContainsAny(name, "/*@ ") {
			v.fault(path, "this is no host: write a name, *.name for all below it, or http://name")
		} else if plain { // whoever has the URL of a document has the document
			v.encrypted(path, "http://"+name, s.Insecure, "spapi.insecure")
		}
	}
}

// applications returns the names that accounts may use.
func (v *validator) applications() []string {
	var names []string
	if len(v.cfg.Applications) == 0 {
		v.fault("applications", "missing: write at least one SP-API application with name, client_id and client_secret")
	}
	for i, app := range v.cfg.Applications {
		path := fmt.Sprintf("applications[%d]", i)
		switch {
		case app.Name == "":
			v.fault(path+".name", "missing: give the application a name")
		case slices.Contains(names, app.Name):
			v.fault(path+".name", "%q is given twice: names must differ", app.Name)
		default:
			names = append(names, app.Name)
		}
		if app.ClientID == "" {
			v.fault(path+".client_id", "missing: it is in Seller Central under \"LWA credentials\"")
		}
		v.required(path+".client_secret", app.ClientSecret)
		v.source(path+".next_client_secret", app.NextClientSecret)
		v.quotas(path+".quotas", app.Quotas, "no operation with a limit for an application", func(o model.Operation) bool { return o.ApplicationRate > 0 })
	}
	return names
}

func (v *validator) accounts(applications []string) {
	if len(v.cfg.Accounts) == 0 && v.cfg.AccountsDir == "" {
		v.fault("accounts", "missing: write at least one seller account")
	}
	ids := map[string]int{}
	sellers := map[string]string{}
	for i := range v.cfg.Accounts {
		a := &v.cfg.Accounts[i]
		path := fmt.Sprintf("accounts[%d]", i)
		first, twice := ids[a.ID]
		switch {
		case !accountID.MatchString(a.ID):
			v.fault(path+".id", "%q cannot name an account: use up to 63 lower-case letters, digits, \".\", \"_\" and \"-\", such as acme-eu", a.ID)
		case twice:
			v.fault(path+".id", "%q is also accounts[%d]: each account needs a name of its own", a.ID, first)
		}
		ids[a.ID] = i
		seller := a.SellerID + "/" + string(a.Region)
		if other, twice := sellers[seller]; twice && a.SellerID != "" {
			v.fault(path+".seller_id", "the same seller and region as account %s: they would spend one quota twice; keep one", other)
		}
		sellers[seller] = a.ID
		v.account(path, a, applications)
	}
}

func (v *validator) account(path string, a *Account, applications []string) {
	if !sellerID.MatchString(a.SellerID) {
		v.fault(path+".seller_id", "%q is not a seller id: Seller Central shows it as \"Merchant token\", such as A3TH9S8BH6GOGM", a.SellerID)
	}
	if !a.Region.Valid() {
		v.fault(path+".region", "%q is not a region: write na, eu or fe", a.Region)
	}
	if len(a.Marketplaces) == 0 {
		v.fault(path+".marketplaces", "missing: list the marketplace ids, the home marketplace first, such as [A1PA6795UKMFR9]")
	}
	for i, id := range a.Marketplaces {
		if region := model.RegionOf(id); region == "" || region != a.Region && a.Region.Valid() {
			v.fault(fmt.Sprintf("%s.marketplaces[%d]", path, i), "%q is not a marketplace of region %s", id, a.Region)
		}
	}
	switch {
	case a.Application == "" && len(applications) == 1:
		a.Application = applications[0]
	case len(applications) == 0: // which is a fault of its own
	case !slices.Contains(applications, a.Application):
		v.fault(path+".application", "%q is not configured under applications; there is %s", a.Application, strings.Join(applications, ", "))
	}
	v.required(path+".refresh_token", a.RefreshToken)
	v.role(path, a.Role, a.ExternalID)
	v.listings(path+".inventory", a.Inventory)
	v.wanted(path+".orders", a.Orders)
	if a.BuyerData && !v.cfg.BuyerData.Given() && !v.unreadable("buyer_data") {
		v.fault(path+".buyer_data", "there is no key to encrypt with: write buyer_data.keys or buyer_data.kms")
	}
	v.quotas(path+".quotas", a.Quotas, "no such operation", func(o model.Operation) bool {
		_, share := model.IsShare(o.Name)
		return !share // which follows from the limit of its operation
	})
}

// quotas are limits of operations that match; unlike is what another one is.
func (v *validator) quotas(path string, quotas map[string]Quota, unlike string, matches func(model.Operation) bool) {
	for operation, plan := range quotas {
		if known, ok := model.Describe(operation); !ok || !matches(known) {
			var names []string
			for _, one := range model.Operations() {
				if matches(one) {
					names = append(names, one.Name)
				}
			}
			v.fault(path+"."+operation, "%s: the operations are %s", unlike, strings.Join(names, ", "))
		} else if !(plan.Rate >= minRate && plan.Rate <= maxRate) || plan.Burst < 1 || plan.Burst > maxBurst { // NaN is neither
			v.fault(path+"."+operation, "write a rate from %g to %d (requests per second) and a burst from 1 to %d", minRate, maxRate, maxBurst)
		}
	}
}

// The bounds of a configured quota. The lowest rate is one call in about a day.
const (
	minRate  = 0.00001
	maxRate  = 10_000
	maxBurst = 100_000
)

func (v *validator) bridge(applications []string) {
	seen := map[string]bool{}
	for i, queue := range v.cfg.Bridge.Queues {
		path := fmt.Sprintf("bridge.queues[%d]", i)
		v.encrypted(path+".url", queue.URL, v.cfg.AWS.Insecure, "aws.insecure")
		if seen[queue.URL] {
			v.fault(path+".url", "the queue is listed twice")
		}
		seen[queue.URL] = true
		if strings.HasSuffix(queue.URL, ".fifo") {
			v.fault(path+".url", "a FIFO queue: Amazon delivers notifications to standard queues only")
		}
		if queue.Region != "" && !queue.Region.Valid() {
			v.fault(path+".region", "%q is not a region: write na, eu or fe", queue.Region)
		}
		v.queueARN(path, queue, applications)
	}
	v.between("bridge.max_pollers", v.cfg.Bridge.MaxPollers, 1, 256)
	v.duration("bridge.visibility_timeout", v.cfg.Bridge.VisibilityTimeout, 10*time.Second, 12*time.Hour)
}

func (v *validator) queueARN(path string, queue Queue, applications []string) {
	if queue.Application != "" && len(applications) > 0 && !slices.Contains(applications, queue.Application) {
		v.fault(path+".application", "%q is not configured under applications; there is %s", queue.Application, strings.Join(applications, ", "))
	}
	name := ""
	if at, err := url.Parse(queue.URL); err == nil {
		name = at.Path[strings.LastIndexByte(at.Path, '/')+1:]
	}
	switch {
	case queue.ARN == "" && queue.ListingChanges:
		v.fault(path+".listing_changes", "the queue has no arn: write it, since its AWS account and region are those of the events")
	case queue.ARN == "":
	case !queueARN.MatchString(queue.ARN):
		v.fault(path+".arn", "%q is not the ARN of a standard queue, such as arn:aws:sqs:eu-west-1:123456789012:sp-api-notifications", queue.ARN)
	case !strings.HasSuffix(queue.ARN, ":"+name):
		v.fault(path+".arn", "it names another queue than the url does: the bridge would not read what is subscribed")
	}
}

// subscriptions wants one queue for each application and region.
func (v *validator) subscriptions() {
	for i, queue := range v.cfg.Bridge.Queues {
		if queue.ListingChanges && queue.Region == "" && v.twoRegions() {
			v.fault(fmt.Sprintf("bridge.queues[%d].listing_changes", i), "a seller has accounts in several regions, and changes of quantities name none: give each region a queue of its own")
		}
		for _, a := range v.cfg.Accounts {
			queues := v.cfg.Bridge.QueuesFor(a.Application, a.Region)
			if len(queues) > 1 && slices.Contains(queues[1:], queue) {
				v.fault(fmt.Sprintf("bridge.queues[%d].arn", i), "account %s would be subscribed to %d queues: give each of them a region or an application", a.ID, len(queues))
				break
			}
		}
	}
}

// twoRegions reports whether a seller has accounts in several regions.
func (v *validator) twoRegions() bool {
	region := map[string]model.Region{}
	for _, a := range v.cfg.Accounts {
		if other, ok := region[a.SellerID]; ok && other != a.Region {
			return true
		}
		region[a.SellerID] = a.Region
	}
	return false
}

func (v *validator) events() {
	if v.cfg.Events.Bus == "" {
		v.fault("events.bus", "missing: write the event bus's name or ARN")
	}
	if source := v.cfg.Events.Source; source == "" || strings.HasPrefix(source, "aws.") {
		v.fault("events.source", "%q: EventBridge wants a source, and keeps \"aws.\" for itself", source)
	}
	v.between("events.max_entry_bytes", v.cfg.Events.MaxEntryBytes, 1<<10, 1<<20)
	v.between("events.max_in_flight", v.cfg.Events.MaxInFlight, 1, 256)
	if rate := v.cfg.Events.MaxRate; rate != 0 && !(rate >= 0.1 && rate <= 100_000) {
		v.fault("events.max_rate", "%v: write events a second from 0.1 to 100000, or 0 for any number", rate)
	}
}

func (v *validator) runtime() {
	r := v.cfg.Runtime
	v.duration("runtime.session_timeout", r.SessionTimeout, time.Second, 30*time.Minute)
	// Each handover waits for a heartbeat.
	v.duration("runtime.heartbeat_interval", r.HeartbeatInterval, 50*time.Millisecond, time.Second)
	if r.HeartbeatInterval > r.SessionTimeout/3 {
		v.fault("runtime.heartbeat_interval", "%s: write at most a third of session_timeout (%s), or a single late heartbeat loses the units", r.HeartbeatInterval, r.SessionTimeout)
	}
	v.duration("runtime.rebalance_timeout", r.RebalanceTimeout, time.Second, time.Hour)
	v.duration("runtime.drain_timeout", r.DrainTimeout, time.Second, time.Hour)
	if r.DrainTimeout >= r.RebalanceTimeout {
		v.fault("runtime.drain_timeout", "%s is not shorter than rebalance_timeout (%s): Kafka would give the units away in the middle of the drain", r.DrainTimeout, r.RebalanceTimeout)
	}
	v.between("runtime.max_pending", r.MaxPending, 1000, 10_000_000)
	v.between("runtime.max_process_pending", r.MaxProcess, 1000, 100_000_000)
	if r.MaxProcessBytes != 0 {
		v.between("runtime.max_process_bytes", r.MaxProcessBytes, 16<<20, 1<<40)
	}
	for i, role := range r.Roles {
		v.oneOf(fmt.Sprintf("runtime.roles[%d]", i), role, Roles()...)
	}
	if c := v.cfg.Clock; !(c.Speed > 0 && c.Speed <= 10_000) { // NaN is neither
		v.fault("clock.speed", "%g: write 1 against Amazon, or the speed that a simulator printed", c.Speed)
	} else if (c.Speed != 1) == c.Epoch.IsZero() {
		v.fault("clock.epoch", "speed and epoch go together: write both as a simulator printed them, or neither")
	}
}

// Roles are the names of the program's roles.
func Roles() []string {
	return []string{"bridge", "orders", "inventory", "feeds", "shipments", "cancellations", "events", "subscriptions"}
}

func (v *validator) oneOf(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		v.fault(path, "%q: write one of %s", value, strings.Join(allowed, ", "))
	}
}

func (v *validator) between(path string, value, low, high int) {
	if value < low || value > high {
		v.fault(path, "%d: write a number from %d to %d", value, low, high)
	}
}

func (v *validator) duration(path string, value, low, high time.Duration) {
	if value < low || value > high {
		v.fault(path, "%s: write a duration from %s to %s", value, low, high)
	}
}

// url reports whether text is a URL. It repeats nothing of a text that is not: that may
// hold a password.
func (v *validator) url(path, text string) bool {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		v.fault(path, "this is not a URL that starts with https:// or http:// and a host")
	case u.User != nil:
		v.fault(path, "credentials do not belong in a URL, where they end in logs")
	default:
		return true
	}
	return false
}

// encrypted wants a URL over which secrets are sent: one with TLS, or of this
// machine, unless insecure, which stands under the key allow, is true.
func (v *validator) encrypted(path, text string, insecure bool, allow string) {
	if v.url(path, text) && !insecure && !confidential(text) {
		v.fault(path, "what is sent there can be read on the way, secrets included: write a URL that starts with https://, or %s: true where nobody can listen", allow)
	}
}

// required wants exactly one source of a secret.
func (v *validator) required(path string, s Secret) {
	if !s.Given() {
		v.fault(path, "missing: write {env: NAME}, {file: /path} or {aws: NAME}")
		return
	}
	v.source(path, s)
}

// source wants at most one source of a secret.
func (v *validator) source(path string, s Secret) {
	if s.sources() > 1 {
		v.fault(path, "more than one source: keep one of env, file, aws and value")
	}
	if s.Key != "" && s.AWS == "" {
		v.fault(path+".key", "a key belongs to a secret in AWS Secrets Manager: write {aws: NAME, key: KEY}")
	}
	if s.Env != "" && !anyVariable.MatchString(s.Env) {
		v.fault(path+".env", "what is written here is not the name of an environment variable: if it is the secret itself, put it into a variable or file and write that one's name")
	}
}

// role wants the ARN of a role, or nothing, and an external id only with one.
func (v *validator) role(path, role, externalID string) {
	switch {
	case externalID == "":
	case role == "":
		v.fault(path+".external_id", "it is for the role under %s.role, and there is none: write the role, or remove it", path)
	case !externalIDText.MatchString(externalID):
		v.fault(path+".external_id", "write 2 to 1224 letters, digits and characters of _+=,.@:/-, as the role's trust policy has them under sts:ExternalId")
	}
	if role != "" && !roleText.MatchString(role) {
		v.fault(path+".role", "%q is not the ARN of a role, such as arn:aws:iam::123456789012:role/sellerstream", role)
	}
}
