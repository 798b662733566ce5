"""The Sparkplug B payload messages, built at run time from a table of field numbers.

Field names and numbers are facts of the standard (Sparkplug 3.0.0, chapter 6). Building the classes here
needs no generated file and works with any protobuf runtime from version 5.27; with the upb runtime it is as
fast as generated code. The messages live in a private descriptor pool, so another library's copy of the same
package in one process does no harm.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE: Final = "kega.sparkplug"
_TYPES: Final = {
    "uint32": descriptor_pb2.FieldDescriptorProto.TYPE_UINT32,
    "uint64": descriptor_pb2.FieldDescriptorProto.TYPE_UINT64,
    "float": descriptor_pb2.FieldDescriptorProto.TYPE_FLOAT,
    "double": descriptor_pb2.FieldDescriptorProto.TYPE_DOUBLE,
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
}

# message → (number, name, type, repeated, member of the `value` oneof)
_FIELDS: Final[dict[str, list[tuple[int, str, str, bool, bool]]]] = {
    "Payload": [
        (1, "timestamp", "uint64", False, False),
        (2, "metrics", "Metric", True, False),
        (3, "seq", "uint64", False, False),
        (4, "uuid", "string", False, False),
        (5, "body", "bytes", False, False),
    ],
    "Metric": [
        (1, "name", "string", False, False),
        (2, "alias", "uint64", False, False),
        (3, "timestamp", "uint64", False, False),
        (4, "datatype", "uint32", False, False),
        (5, "is_historical", "bool", False, False),
        (6, "is_transient", "bool", False, False),
        (7, "is_null", "bool", False, False),
        (8, "metadata", "MetaData", False, False),
        (9, "properties", "PropertySet", False, False),
        (10, "int_value", "uint32", False, True),
        (11, "long_value", "uint64", False, True),
        (12, "float_value", "float", False, True),
        (13, "double_value", "double", False, True),
        (14, "boolean_value", "bool", False, True),
        (15, "string_value", "string", False, True),
        (16, "bytes_value", "bytes", False, True),
        (17, "dataset_value", "DataSet", False, True),
        (18, "template_value", "Template", False, True),
    ],
    "MetaData": [
        (1, "is_multi_part", "bool", False, False),
        (2, "content_type", "string", False, False),
        (3, "size", "uint64", False, False),
        (4, "seq", "uint64", False, False),
        (5, "file_name", "string", False, False),
        (6, "file_type", "string", False, False),
        (7, "md5", "string", False, False),
        (8, "description", "string", False, False),
    ],
    "PropertySet": [
        (1, "keys", "string", True, False),
        (2, "values", "PropertyValue", True, False),
    ],
    "PropertySetList": [(1, "propertyset", "PropertySet", True, False)],
    "PropertyValue": [
        (1, "type", "uint32", False, False),
        (2, "is_null", "bool", False, False),
        (3, "int_value", "uint32", False, True),
        (4, "long_value", "uint64", False, True),
        (5, "float_value", "float", False, True),
        (6, "double_value", "double", False, True),
        (7, "boolean_value", "bool", False, True),
        (8, "string_value", "string", False, True),
        (9, "propertyset_value", "PropertySet", False, True),
        (10, "propertysets_value", "PropertySetList", False, True),
    ],
    "DataSet": [
        (1, "num_of_columns", "uint64", False, False),
        (2, "columns", "string", True, False),
        (3, "types", "uint32", True, False),
        (4, "rows", "Row", True, False),
    ],
    "Row": [(1, "elements", "DataSetValue", True, False)],
    "DataSetValue": [
        (1, "int_value", "uint32", False, True),
        (2, "long_value", "uint64", False, True),
        (3, "float_value", "float", False, True),
        (4, "double_value", "double", False, True),
        (5, "boolean_value", "bool", False, True),
        (6, "string_value", "string", False, True),
    ],
    "Template": [
        (1, "version", "string", False, False),
        (2, "metrics", "Metric", True, False),
        (3, "parameters", "Parameter", True, False),
        (4, "template_ref", "string", False, False),
        (5, "is_definition", "bool", False, False),
    ],
    "Parameter": [
        (1, "name", "string", False, False),
        (2, "type", "uint32", False, False),
        (3, "int_value", "uint32", False, True),
        (4, "long_value", "uint64", False, True),
        (5, "float_value", "float", False, True),
        (6, "double_value", "double", False, True),
        (7, "boolean_value", "bool", False, True),
        (8, "string_value", "string", False, True),
    ],
}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="kega/sparkplug_b.proto",
        package=_PACKAGE,
        # As proto2, but text that is no UTF-8 is refused when it is parsed instead of becoming bytes.
        syntax="editions",
        edition=descriptor_pb2.EDITION_2023,
    )
    features = file.options.features
    features.utf8_validation = descriptor_pb2.FeatureSet.VERIFY
    features.field_presence = descriptor_pb2.FeatureSet.EXPLICIT
    features.repeated_field_encoding = descriptor_pb2.FeatureSet.EXPANDED
    for message_name, fields in _FIELDS.items():
        message = file.message_type.add(name=message_name)
        if any(in_oneof for *_, in_oneof in fields):
            message.oneof_decl.add(name="value")
        for number, name, kind, repeated, in_oneof in fields:
            field = message.field.add(
                name=name,
                number=number,
                label=descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
                if repeated
                else descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
            )
            if kind in _TYPES:
                field.type = _TYPES[kind]
            else:
                field.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
                field.type_name = f".{_PACKAGE}.{kind}"
            if in_oneof:
                field.oneof_index = 0
    return file


def _build() -> Any:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))


PayloadMessage: Final[Any] = _build()
"""The protobuf class of a whole payload; `telemetry.sparkplug.payload` wraps it in typed values."""
