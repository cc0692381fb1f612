"""Prints the values of the first partition of a topic, with a client in pure Python
that has no packages beside it."""

import sys

from kafka import KafkaConsumer, TopicPartition

brokers, topic = sys.argv[1:]
consumer = KafkaConsumer(bootstrap_servers=brokers.split(","), auto_offset_reset="earliest", isolation_level="read_committed",
                         enable_auto_commit=False)
partition = TopicPartition(topic, 0)
consumer.assign([partition])
end = consumer.end_offsets([partition])[partition]
while consumer.position(partition) < end:
    for records in consumer.poll(timeout_ms=1000).values():
        for record in records:
            print(record.value.decode())
