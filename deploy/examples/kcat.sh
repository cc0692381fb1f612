#!/usr/bin/env bash
# An upstream service with kcat: sends the records that stand on standard input as
# JSON, one a line, to Sellerstream: inventory updates, or those of another topic.
#
#   ./kcat.sh < updates.jsonl
#   TOPIC=shipments ./kcat.sh < shipments.jsonl    # with an order of yours, and times of now
#
# These variables change the defaults:
#   BROKERS    localhost:9092
#   REGISTRY   http://localhost:8081
#   PREFIX     sellerstream.
#   TOPIC      inventory-updates
set -euo pipefail
prefix=${PREFIX:-sellerstream.}
topic=${TOPIC:-inventory-updates}

# The partitioner is the one that matters: librdkafka's own default would put the
# account on another partition than its owner's, and the records into dead-letters.
sellerstream encode --registry "${REGISTRY:-http://localhost:8081}" --prefix "$prefix" --topic "$topic" |
	kcat -P -b "${BROKERS:-localhost:9092}" -t "$prefix$topic" -K : -D '<<end>>' -X partitioner=murmur2_random
