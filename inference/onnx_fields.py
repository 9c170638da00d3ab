"""Numbers of the ONNX messages that are read and written here, as in onnx.proto3."""

from enum import IntEnum


class ModelField(IntEnum):
    """A whole file."""

    IR_VERSION = 1
    GRAPH = 7
    OPSET_IMPORT = 8
    TRAINING_INFO = 20
    FUNCTIONS = 25


class OpsetField(IntEnum):
    """Version of one domain's operators."""

    DOMAIN = 1
    VERSION = 2


class GraphField(IntEnum):
    """Operators, weights, inputs and outputs."""

    NODE = 1
    NAME = 2
    INITIALIZER = 5
    INPUT = 11
    OUTPUT = 12
    SPARSE_INITIALIZER = 15


class NodeField(IntEnum):
    """One operator call."""

    INPUT = 1
    OUTPUT = 2
    NAME = 3
    OP_TYPE = 4
    ATTRIBUTE = 5
    DOMAIN = 7


class AttributeField(IntEnum):
    """One constant of an operator call."""

    NAME = 1
    FLOAT = 2
    INT = 3
    STRING = 4
    FLOATS = 7
    INTS = 8
    DOC_STRING = 13
    TYPE = 20


class AttributeType(IntEnum):
    """What an attribute holds, as AttributeProto.type says it."""

    FLOAT = 1
    INT = 2
    STRING = 3


class TensorField(IntEnum):
    """One initialiser; whatever else a tensor may have is refused."""

    DIMS = 1
    DATA_TYPE = 2
    NAME = 8
    RAW_DATA = 9
    DOC_STRING = 12
    EXTERNAL_DATA = 13
    DATA_LOCATION = 14
    METADATA = 16


class EntryField(IntEnum):
    """A key and its value, both text."""

    KEY = 1
    VALUE = 2


class ValueField(IntEnum):
    """A graph input or output."""

    NAME = 1
    TYPE = 2


class TypeField(IntEnum):
    """What a value is; only tensors are known."""

    TENSOR = 1


class TensorTypeField(IntEnum):
    """Element type and shape."""

    ELEMENT = 1
    SHAPE = 2


class ShapeField(IntEnum):
    """Its dimensions."""

    DIM = 1


class DimField(IntEnum):
    """A size or a name."""

    VALUE = 1
    NAME = 2
