"""Understanding a pickled torch module without executing anything in it.

A pickle is a program for a small stack machine, and Python's machine calls whatever the pickle names. This one knows
the instructions that a saved network needs and has nothing to call: names become text, and names that are not on a list
are refused.
"""

import io
import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sharploss.utils.errors import cut

STORAGES = {"torch FloatStorage": "<f4", "torch LongStorage": "<i8"}
MODULES = frozenset(
    {
        "SinGAN.models ConvBlock",
        "SinGAN.models WDiscriminator",
        "torch.nn.modules.activation LeakyReLU",
        "torch.nn.modules.batchnorm BatchNorm2d",
        "torch.nn.modules.container Sequential",
        "torch.nn.modules.conv Conv2d",
    }
)
DICT, PARAMETER, TENSOR = (
    "collections OrderedDict",
    "torch._utils _rebuild_parameter",
    "torch._utils _rebuild_tensor_v2",
)
GLOBALS = frozenset({*STORAGES, *MODULES, DICT, PARAMETER, TENSOR})
"""All that such a file may name, as "module name"; none of it is imported."""

LONGEST = 1_000_000
"""Instructions in one pickle; the authors' files have 24,000."""


DAMAGE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What a reader of a damaged file runs into."""


class Refused(Exception):  # noqa: N818 - it says what happened to the file
    """Why a pickle is not read, without the name of the file."""


@dataclass(frozen=True)
class Global:
    """A name in a pickle, "module name": text, never looked up."""

    name: str


@dataclass(frozen=True)
class Storage:
    """The numbers behind tensors: `elements` of numpy's type `kind`."""

    key: str
    kind: str
    elements: int


@dataclass(frozen=True)
class Strided:
    """A tensor: a view of a storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(eq=False)
class Module:
    """A network module's class, as text, and its attributes."""

    kind: str
    state: dict[Any, Any] = field(default_factory=dict[Any, Any])


def interpret(stream: io.BytesIO) -> tuple[Any, dict[str, Storage]]:
    """Run one pickle of `stream`, up to its STOP.

    Returns:
        The plain data that it describes, and the storages that it refers to, by key.

    Raises:
        Refused: it holds an instruction or a name that is not allowed, or is damaged.
    """
    machine = Machine()
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if opcode.name == "STOP":
                return machine.stack.pop(), machine.storages
            if opcode.name not in OPCODES or count > LONGEST:
                raise Refused(_forbidden(opcode.name, argument, machine.stack))
            OPCODES[opcode.name](machine, argument)
    except DAMAGE as error:
        raise Refused(f"it is damaged or cut short ({cut(' '.join(str(error).split()), 200)})") from None
    raise Refused("it is cut short")


def _forbidden(opcode: str, argument: Any, stack: list[Any]) -> str:
    if opcode in OPCODES:
        return f"it has more than {LONGEST} instructions"
    if opcode == "INST":
        return _foreign(str(argument))
    # Anything can lie on the stack: a few hundred bytes make tuples whose text has millions of letters, and others are
    # too deeply nested to be written at all.
    if opcode == "STACK_GLOBAL" and len(stack) > 1 and all(isinstance(part, str) for part in stack[-2:]):
        return _foreign(f"{stack[-2]} {stack[-1]}")
    return f"it holds the instruction {opcode}, which a saved network has no use for"


def _foreign(name: str) -> str:
    return f"it names {cut(name.replace(' ', '.'))}, which a saved network has no use for"


@dataclass
class Machine:
    """What the instructions work on: a stack, the stacks that MARK set aside, a memo, and the storages referred to."""

    stack: list[Any] = field(default_factory=list[Any])
    aside: list[list[Any]] = field(default_factory=list[list[Any]])
    memo: dict[int, Any] = field(default_factory=dict[int, Any])
    storages: dict[str, Storage] = field(default_factory=dict[str, Storage])

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def mark(self) -> None:
        """Begin a new stack."""
        self.aside.append(self.stack)
        self.stack = []

    def unmark(self) -> list[Any]:
        """Give what was put on the stack since the last mark, and go back to the stack before it."""
        items, self.stack = self.stack, self.aside.pop()
        return items

    def last(self, count: int) -> list[Any]:
        """Take the last `count` values off the stack."""
        if len(self.stack) < count:
            raise Refused("it is damaged (it takes values that are not there)")
        items = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return items

    def name(self, argument: str) -> None:
        """GLOBAL: put an allowed name on the stack, as text."""
        if argument not in GLOBALS:
            raise Refused(_foreign(argument))
        self.push(Global(argument))

    def call(self) -> None:
        """REDUCE: make what one of three names stands for; nothing is called."""
        function, arguments = self.last(2)
        made = _CALLS.get(function.name) if isinstance(function, Global) else None
        if made is None or not isinstance(arguments, tuple):
            raise Refused(f"it calls {getattr(function, 'name', type(function).__name__).replace(' ', '.')}")
        self.push(made(*arguments))

    def new(self) -> None:
        """NEWOBJ: make a module without attributes."""
        kind, arguments = self.last(2)
        if not isinstance(kind, Global) or kind.name not in MODULES or arguments != ():
            raise Refused("it makes an object that is no network module")
        self.push(Module(kind.name))

    def build(self) -> None:
        """BUILD: give a module its attributes."""
        module, state = self.last(2)
        if not isinstance(module, Module) or not isinstance(state, dict):
            raise Refused("it changes an object that is no network module")
        module.state = state
        self.push(module)

    def refer(self) -> None:
        """BINPERSID: a storage, or the class of a module with its source, which is left alone."""
        kind, first, *others = self.last(1)[0]
        # A key is text, as its hash and its text could exhaust the stack; a view of another storage (the last of the
        # six) has an offset and a size of its own, which nothing here would heed.
        if kind == "module" and isinstance(first, Global):
            self.push(first)
        elif (
            kind == "storage"
            and isinstance(first, Global)
            and first.name in STORAGES
            and isinstance(others[0], str)
            and others[3] is None
        ):
            storage = Storage(others[0], STORAGES[first.name], int(others[2]))
            if self.storages.setdefault(storage.key, storage) != storage:
                raise Refused("it describes one storage in two ways")
            self.push(storage)
        else:
            raise Refused("it refers to something that is neither a storage nor a module's class")

    def extend(self) -> None:
        """APPENDS."""
        items = self.unmark()
        if not isinstance(self.stack[-1], list):
            raise Refused("it appends to something that is no list")
        self.stack[-1].extend(items)  # pyright: ignore[reportUnknownMemberType]

    def fill(self) -> None:
        """SETITEMS; keys are names, as hashing a deeply nested one could exhaust the stack."""
        items = self.unmark()
        if not isinstance(self.stack[-1], dict) or not all(isinstance(key, str) for key in items[::2]):
            raise Refused("it fills something that is no mapping of names")
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))  # pyright: ignore[reportUnknownMemberType]


def _mapping() -> dict[Any, Any]:
    return {}


def _tensor(storage: Any, offset: int, shape: Any, stride: Any, *_: Any) -> Strided:
    if not isinstance(storage, Storage):
        raise Refused("it makes a tensor without a storage")
    return Strided(storage, int(offset), tuple(map(int, shape)), tuple(map(int, stride)))


def _parameter(tensor: Any, *_: Any) -> Any:
    return tensor


_CALLS: dict[str, Callable[..., Any]] = {DICT: _mapping, TENSOR: _tensor, PARAMETER: _parameter}


def _tuple(count: int) -> Callable[[Machine, Any], None]:
    return lambda machine, _: machine.push(tuple(machine.last(count)))


def _constant(make: Callable[[], Any]) -> Callable[[Machine, Any], None]:
    return lambda machine, _: machine.push(make())


def _put(machine: Machine, index: int) -> None:
    machine.memo[index] = machine.stack[-1]


def _get(machine: Machine, index: int) -> None:
    machine.push(machine.memo[index])


OPCODES: dict[str, Callable[[Machine, Any], None]] = {
    "PROTO": lambda _, version: None,  # noqa: ARG005
    "MARK": lambda machine, _: machine.mark(),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"), Machine.push),
    "NONE": _constant(lambda: None),
    "NEWTRUE": _constant(lambda: True),
    "NEWFALSE": _constant(lambda: False),
    "EMPTY_LIST": _constant(list[Any]),
    "EMPTY_DICT": _constant(dict[Any, Any]),
    "EMPTY_TUPLE": _constant(tuple),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.unmark())),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _put),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), _get),
    "APPENDS": lambda machine, _: machine.extend(),
    "SETITEMS": lambda machine, _: machine.fill(),
    "GLOBAL": Machine.name,
    "BINPERSID": lambda machine, _: machine.refer(),
    "REDUCE": lambda machine, _: machine.call(),
    "NEWOBJ": lambda machine, _: machine.new(),
    "BUILD": lambda machine, _: machine.build(),
}
"""The instructions that the authors' files consist of; any other is refused."""
