// Package awsjson owns the JSON protocol that SQS and EventBridge have in common.
package awsjson
