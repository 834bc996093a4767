"""Writing files of torch's format from before version 1.6, of modules that are only named, never there."""

import io
import pickle
import struct


def op_global(name):
    return b"c" + name.replace(" ", "\n").encode() + b"\n"


def op_text(text):
    return b"X" + struct.pack("<I", len(text.encode())) + text.encode()


def op_tuple(*items):
    return b"(" + b"".join(items) + b"t"


def op_int(number):
    return b"J" + struct.pack("<i", number)


def op_dict(**items):
    pairs = b"".join(op_text(name) + value for name, value in items.items())
    return b"}(" + pairs + b"u"


def op_storage(key, count, kind="torch FloatStorage"):
    return op_tuple(op_text("storage"), op_global(kind), op_text(key), op_text("cpu"), op_int(count), b"N") + b"Q"


def op_tensor(storage, shape, stride, offset=0):
    parts = (storage, op_int(offset), *(op_tuple(*map(op_int, sides)) for sides in (shape, stride)))
    hooks = op_global("collections OrderedDict") + b")R"
    return op_global("torch._utils _rebuild_tensor_v2") + op_tuple(*parts, b"\x89", hooks) + b"R"


def op_module(kind="torch.nn.modules.conv Conv2d", **state):
    described = op_tuple(op_text("module"), op_global(kind), op_text("file.py"), op_text("class Conv2d")) + b"Q"
    return described + b")\x81" + op_dict(**state) + b"b"


def op_list(*items):
    return b"](" + b"".join(items) + b"e"


def program(body):
    return b"\x80\x02" + body + b"."


def legacy_file(modules, numbers):
    """The whole of a file: `modules` is the program, `numbers` the floats of each storage, by key."""
    stream = io.BytesIO()
    for head in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}):
        pickle.dump(head, stream, protocol=2)
    stream.write(program(modules))
    stream.write(program(op_list(*map(op_text, numbers))))
    for values in numbers.values():
        stream.write(struct.pack("<q", len(values)) + struct.pack(f"<{len(values)}f", *values))
    return stream.getvalue()
