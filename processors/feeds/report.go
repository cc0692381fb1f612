package feeds

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/sellerstream/sellerstream/pkg/platform/commands"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// eventCompleted is the event type of a feed's end.
const eventCompleted = "FeedCompleted"

// defaultChannel is the fulfillment channel of the merchant's own stock.
const defaultChannel = "DEFAULT"

// Values of FeedResult.report.
const (
	reportRead       = "READ"
	reportNone       = "NONE"
	reportUnreadable = "UNREADABLE"
)

const (
	// A report's token comes every 45 s: reportBase is about what one costs.
	reportBase  = 30 * time.Second
	reportLimit = 15 * time.Minute
	// reportTold is how long a report cannot be fetched before an alert is raised, and
	// toldFor for how long that stands for all reports of the account.
	reportTold = 10 * time.Minute
	toldFor    = time.Hour

	// maxFeedIssues and maxFeedIssueBytes bound the issues that a FeedResult holds
	// itself: it is an event, too, and EventBridge takes less than Kafka.
	maxFeedIssues     = 100
	maxFeedIssueBytes = 64 << 10
	// maxPartBytes bounds a FeedIssues record, well below Kafka's 1 MiB.
	maxPartBytes = 512 << 10
	// What is cut off beyond these is not worth a record that nobody can send.
	maxMessage = 1000
	maxName    = 200
)

// outcome is what is known of a finished feed's single messages.
type outcome struct {
	report      string
	reportError string
	read        *model.FeedReport // nil unless report is READ
}

// read takes a feed's report.
func (m *Machine) read(tx *machine.Tx, f *feed, answer *model.FeedReport) {
	switch {
	case answer.Unreadable != "":
		m.complete(tx, f, outcome{report: reportUnreadable, reportError: shortened(answer.Unreadable, maxMessage)})
	case answer.FeedID != "" && answer.FeedID != f.FeedID:
		m.complete(tx, f, outcome{report: reportUnreadable,
			reportError: "the report names feed " + shortened(answer.FeedID, maxName) + " in place of this one"})
	default:
		m.complete(tx, f, outcome{report: reportRead, read: answer})
	}
}

// notRead takes a failure to read a report, and ends the feed without it when
// that has lasted for Patience.
func (m *Machine) notRead(tx *machine.Tx, f *feed, err error) {
	if !f.exhausted(tx.Now, m.cfg.Patience) {
		f.delay(tx.Now, reportBase, reportLimit)
		f.failure = reason(err)
		return
	}
	m.complete(tx, f, outcome{report: reportUnreadable, reportError: reason(err)})
}

// tellReport raises an alert for a report that could not be fetched for minutes, unless
// the account has had one lately.
func (m *Machine) tellReport(tx *machine.Tx, f *feed) {
	for _, other := range m.feeds {
		if other.Account == f.Account && tx.Now.Sub(other.ToldTime) < toldFor {
			m.timers.Add(&f.timer, other.ToldTime.Add(toldFor))
			return
		}
	}
	f.ToldTime = tx.Now
	last := f.failure
	if last == "" {
		last = "an earlier process knows why"
	}
	tx.Alert(&schemas.Alert{
		Role: Processor, EventType: alertReport, Account: f.Account, Subject: f.FeedID, Severity: warning, Since: f.FailingSince,
		Message: fmt.Sprintf("Feed %s (%s) of account %s has ended as %s, and its report cannot be had: %s. It is tried for %v with waits up to %v; "+
			"until then its updates have no outcome, and afterwards they are sent again. Other reports of the account may wait alike, "+
			"and are not reported for %v. Look at %s.", f.FeedID, f.FeedType, f.Account, f.ProcessingStatus,
			last, m.cfg.Patience, reportLimit, toldFor, commands.Doctor(f.Account)),
		Attributes: f.attributes(),
	})
	m.save(tx, f)
}

// complete writes how a feed ended, behind the issues of its messages (rule 4).
func (m *Machine) complete(tx *machine.Tx, f *feed, end outcome) {
	f.resolve(tx, alertStuck, f.StuckTime)
	f.resolve(tx, alertReport, f.ToldTime)
	result := f.result(tx, eventCompleted, end.report)
	result.ReportError = end.reportError
	result.DetectedBy, result.DetectedTime = f.DetectedBy, f.DetectedTime
	if f.ProcessingStatus != statusUnknown {
		took := f.TookSeconds
		result.TookSeconds = &took
	}
	if end.read != nil {
		fill(result, &end.read.Summary)
		result.IssueParts = emitIssues(tx, f, end.read.Issues, result)
		result.IssueParts += emitShown(tx, f, end.read.Shown, result)
	}
	tx.Emit(machine.Output{Topic: schemas.FeedResults, Account: f.Account, Value: result})
	f.enter(finished, tx.Now)
}

// resolve ends an alert about the feed that was raised at a time; zero for none.
func (f *feed) resolve(tx *machine.Tx, eventType string, raised time.Time) {
	if raised.IsZero() {
		return
	}
	tx.ResolveRaised(&schemas.Alert{
		EventType: eventType, Account: f.Account, Role: Processor, Subject: f.FeedID, Attributes: f.attributes(),
		Message: fmt.Sprintf("Feed %s (%s) of account %s is done with: feed-results has how it ended.", f.FeedID, f.FeedType, f.Account),
	}, raised)
}

// result is the part of a FeedResult that its two kinds have in common.
func (f *feed) result(tx *machine.Tx, eventType, report string) *schemas.FeedResult {
	result := &schemas.FeedResult{
		EventID: tx.EventID("FeedResult", eventType, f.Account, f.FeedID), EventType: eventType,
		Account: f.Account, FeedID: f.FeedID, FeedType: f.FeedType, MarketplaceID: f.MarketplaceID,
		ProcessingStatus: f.ProcessingStatus, Report: report, ResultFeedDocumentID: f.ResultFeedDocumentID,
		FeedIssues: []schemas.FeedIssue{}, SubmittedTime: f.SubmittedTime,
		ProcessingStartTime: f.ProcessingStartTime, ProcessingEndTime: f.ProcessingEndTime,
	}
	if f.ExpectedSeconds > 0 {
		expected := f.ExpectedSeconds
		result.ExpectedSeconds = &expected
	}
	return result
}

func fill(result *schemas.FeedResult, summary *model.FeedReportSummary) {
	count := func(n int) *int32 {
		n32 := int32(min(max(n, 0), 1<<31-1))
		return &n32
	}
	result.MessagesProcessed = count(summary.MessagesProcessed)
	result.MessagesAccepted = count(summary.MessagesAccepted)
	result.MessagesInvalid = count(summary.MessagesInvalid)
	result.Errors = count(summary.Errors)
	result.Warnings = count(summary.Warnings)
}

// emitIssues writes the issues of single messages in parts, puts the first ones
// of the feed as a whole into result, and returns how many parts there are.
func emitIssues(tx *machine.Tx, f *feed, issues []model.FeedIssue, result *schemas.FeedResult) int32 {
	var parts int32
	part, size, own := []schemas.FeedIssue(nil), 0, 0
	flush := func() {
		if len(part) == 0 {
			return
		}
		tx.Emit(machine.Output{Topic: schemas.FeedResults, Account: f.Account, Value: &schemas.FeedIssues{
			Account: f.Account, FeedID: f.FeedID, Part: parts, Issues: part,
		}})
		parts++
		part, size = nil, 0
	}
	for i := range issues {
		issue := issueOf(&issues[i])
		n := bytesOf(&issue)
		if issue.MessageID == nil && issue.SKU == "" { // of the feed as a whole
			if own += n; own <= maxFeedIssueBytes && len(result.FeedIssues) < maxFeedIssues {
				result.FeedIssues = append(result.FeedIssues, issue)
			}
			continue
		}
		if size+n > maxPartBytes {
			flush()
		}
		part, size = append(part, issue), size+n
	}
	flush()
	return parts
}

// emitShown writes the quantities that a report shows, behind its issues, and returns in how many
// parts.
func emitShown(tx *machine.Tx, f *feed, all []model.ShownQuantity, result *schemas.FeedResult) (parts int32) {
	if result.ProcessingEndTime.IsZero() {
		return 0 // of no time
	}
	for len(all) > 0 {
		part := &schemas.FeedIssues{
			Account: f.Account, FeedID: f.FeedID, Part: result.IssueParts + parts, Issues: []schemas.FeedIssue{}, ShownTime: result.ProcessingEndTime,
		}
		for size := 0; len(all) > 0; all = all[1:] {
			shown := schemas.ShownQuantity{SKU: all[0].SKU, FulfillmentChannelCode: all[0].FulfillmentChannelCode, Quantity: int32(min(all[0].Quantity, 1<<31-1))}
			if shown.FulfillmentChannelCode == defaultChannel {
				shown.FulfillmentChannelCode = ""
			}
			const numbers = 16
			if size += numbers + len(shown.SKU) + len(shown.FulfillmentChannelCode); size > maxPartBytes {
				break
			}
			part.Shown = append(part.Shown, shown)
		}
		tx.Emit(machine.Output{Topic: schemas.FeedResults, Account: f.Account, Value: part})
		parts++
	}
	return parts
}

func issueOf(given *model.FeedIssue) schemas.FeedIssue {
	issue := schemas.FeedIssue{
		SKU: shortened(given.SKU, maxName), Code: shortened(given.Code, maxName),
		Severity: shortened(given.Severity, maxName), Message: shortened(given.Message, maxMessage),
		AttributeName: shortened(given.AttributeName, maxName),
	}
	if given.MessageID != 0 {
		id := int64(given.MessageID)
		issue.MessageID = &id
	}
	return issue
}

// bytesOf is at least what an issue takes in Avro.
func bytesOf(i *schemas.FeedIssue) int {
	const lengths = 32 // a varint each and the unions' branches
	return lengths + len(i.SKU) + len(i.Code) + len(i.Severity) + len(i.Message) + len(i.AttributeName)
}

// reason is an error for a record.
func reason(err error) string {
	if err == nil {
		return ""
	}
	return shortened(err.Error(), maxMessage)
}

// shortened cuts text to limit bytes, at a character.
func shortened(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const more = "…"
	cut := limit - len(more)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + more
}
