// Package spapi is a client of Amazon's Selling Partner API: access tokens,
// requests, bounds, and one classification of everything that can go wrong. It
// knows nothing of Kafka and can be used on its own.
//
// A Client holds what is shared (connections, tokens); a Seller makes the calls
// of one seller account in one region, a Grantless those of an application
// alone. None of them waits for quota nor repeats a call: when to call, and
// whether to call again, is the caller's decision (package quota helps with the
// first, model.Error with the second).
//
// # Tokens
//
// A Seller and a Grantless get their access tokens by themselves, keep them
// until shortly before they expire, and ask once however many goroutines wait.
// Secrets come from sources that are read again when one is refused, so that a
// rotated one needs no restart; see Application and package secrets. LWA gives
// the tokens to those who make calls of their own.
//
// # Errors
//
// Every error of a call is a *model.Error. Its Class says what to do:
//
//	Throttled     wait; nothing happened
//	Unauthorized  mend the credentials; with StaleToken, try once more
//	Forbidden     mend what Remedy names; with StaleToken, try once more
//	NotFound, Invalid, Conflict   Amazon's last word about this request
//	Malformed     the answer cannot be used; the message names the field. A
//	              writing call has happened: look before it is repeated
//	Unavailable   a read, or what can be repeated like one: try again
//	Ambiguous     a writing call that may have happened: look before it is repeated
//
// TokenMissing and NotSent say that the request never left. StartBy bounds when a
// writing call may start, Config.Timeout how long its answer is waited for.
//
// # Feeds
//
// A feed takes five steps, each a call with a quota of its own:
//
//	UploadFeed      checks, encodes and uploads the messages; can be repeated
//	CreateFeed      submits the document; look at GetFeeds before you repeat it
//	GetFeed         until its status is DONE, FATAL or CANCELLED; better wait for
//	                the notification FEED_PROCESSING_FINISHED
//	ReadFeedReport  what became of each message
//	CancelFeed      as long as the feed is IN_QUEUE
//
// model.ListingsFeed (JSON) and model.OrderFeed (XML) say beforehand what is wrong with a
// feed (Faults) and how large it is (Size, EncodedSize), so that it can be cut where
// Amazon's limits are. A report is read in either form.
//
// # Listings
//
// PatchQuantity sets one SKU at once: better than a feed for few of them. Mind
// that a 200 can hold a refusal (model.SubmissionInvalid). GetListingsItem reads
// it back.
//
// # Lists
//
// Pages iterates over a list of Amazon's, page by page: of SearchOrders, GetFeeds,
// GetOrderItemsV0 and GetSubscriptions.
//
// # How a request travels
//
// It passes, in this order:
//
//	caller.send   adds the access token, classifies and decodes what comes
//	              back (internal/answers: optional fields that are odd are left
//	              out and counted, Config.Odd); here because a refused token is
//	              an outcome to decide on, not bytes to pass on
//	userAgent     adds the User-Agent that Amazon requires
//	signature     for a seller with AWS credentials: signs the request (SigV4);
//	              last, so that exactly what is sent is signed
//	boundedhttp   bounds the answer, and refuses redirects to another host
//	Config.Base   the connection: by default an http.Transport with a deadline
//	              on each of its steps; wrap it to trace, measure or cut
//
// createFeed and cancelFeed take Config.Once in place of Base. Documents go over
// Config.Documents to presigned URLs, which are secrets and in no error; they
// carry neither token nor signature, and only to hosts of Config.DocumentHosts.
package spapi
