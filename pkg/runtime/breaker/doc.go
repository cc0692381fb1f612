// Package breaker owns the decision not to call: a circuit breaker for each
// part of Amazon, one for each account's authentication, and a budget for
// retries. It is shared by all that call from one process.
//
// The breaker of a (host, section of the API) opens when calls go unanswered, are
// answered with 5xx, or are slow, and package blame blames the host; unless they are
// all of one account while others are answered, or of few items: then the budget alone
// slows them. It is asked before each call, and what it holds back has not left the
// process: nothing is lost by waiting but time. When the wait is over it lets exactly
// one call through, of the next that may be repeated without harm; createFeed, which
// may not, waits until another call of its section, such as createFeedDocument, has
// shown that Amazon is back. A refusal (4xx) and a throttle (429) are answers: the host
// is well.
//
// Login with Amazon has one breaker, for the token requests of all accounts. So an outage
// costs one request at a time, also of tokens that are only to be renewed.
//
// The breaker of an account opens as soon as it gets no access token,
// so that its other operations do not ask Login with Amazon as well: for a
// minute at first and lane.ProbeAfter at most where the credentials are refused, else
// for seconds.
//
// It is not failsafe-go's circuitbreaker because that waits on the wall clock
// alone, has growing delays only for functions that it runs itself, and cannot
// take back the permit of a call that was never made. It is not gobreaker because
// that has a fixed delay.
package breaker
