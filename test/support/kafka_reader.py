"""Prints every message of the topics that match as a line of JSON: topic, partition, key and value.

Usage: kafka_reader.py BROKER TOPICS json|avro|protobuf [REGISTRY]

A reader as others would write it: Confluent's client with its deserializers, schemas from the registry. Whole numbers are
printed as text, because readers of JSON round them; what is missing is left out.
"""
import functools
import hashlib
import importlib
import json
import re
import shutil
import subprocess
import sys
import tempfile

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf.json_format import MessageToDict
from google.protobuf.message_factory import GetMessageClass

broker, topics, encoding, *rest = sys.argv[1:]
registry = SchemaRegistryClient({"url": rest[0]}) if rest else None


def plain(value):
    if isinstance(value, bool) or value is None or isinstance(value, (str, float)):
        return value
    return str(value)


def from_json(_topic):
    return lambda data: json.loads(data[5:] if registry else data)


def from_avro(_topic):
    deserialize = AvroDeserializer(registry)
    return lambda data: deserialize(data, None)


@functools.cache
def message_class(text):
    """The class of the message of a file, under a package of its own: files may not share a message."""
    name = "m" + hashlib.sha256(text.encode()).hexdigest()
    folder = tempfile.mkdtemp()
    with open(f"{folder}/{name}.proto", "w") as file:
        file.write(text.replace("package logger", f"package {name}"))
    compiler = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", f"--python_out={folder}", f"{name}.proto"]
    subprocess.run(compiler, check=True)
    sys.path.insert(0, folder)
    (descriptor,) = importlib.import_module(f"{name}_pb2").DESCRIPTOR.message_types_by_name.values()
    shutil.rmtree(folder)
    return GetMessageClass(descriptor)


def from_protobuf(topic):
    text = registry.get_latest_version(f"{topic}-value").schema.schema_str
    deserialize = ProtobufDeserializer(message_class(text), {"use.deprecated.format": False})
    context = SerializationContext(topic, MessageField.VALUE)
    return lambda data: MessageToDict(
        deserialize(data, context), preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


deserializers = {"json": from_json, "avro": from_avro, "protobuf": from_protobuf}
consumer = Consumer({"bootstrap.servers": broker, "group.id": "reader", "enable.partition.eof": True})
matching = {name: topic for name, topic in consumer.list_topics(timeout=60).topics.items() if re.fullmatch(topics, name)}
values = {name: deserializers[encoding](name) for name in matching}
partitions = [TopicPartition(name, number, 0) for name, topic in matching.items() for number in topic.partitions]
ends = {(p.topic, p.partition): consumer.get_watermark_offsets(p, timeout=60)[1] for p in partitions}
left = {place for place, end in ends.items() if end > 0}
consumer.assign([p for p in partitions if (p.topic, p.partition) in left])
while left:
    message = consumer.poll(60)
    if message is None:
        sys.exit("no message for a minute")
    place = (message.topic(), message.partition())
    if message.error() is None:
        value = {name: plain(v) for name, v in values[place[0]](message.value()).items() if v is not None}
        topic, partition = place
        print(json.dumps({"topic": topic, "partition": partition, "key": message.key().decode(), "value": value}))
    if message.error() is not None or message.offset() + 1 >= ends[place]:
        left.discard(place)
