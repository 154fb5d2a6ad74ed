"""Lists, dicts, numbers, text and numpy arrays out of a pickle, which is taken apart as data: nothing in it is run.

The standard library's pickletools names the opcodes; those that make plain values are understood here. Of the names
that a pickle asks for, the few of NAMES are noted as `Made`, with what follows them; they are not imported, and not
called. Long strings stay in the file until they are wanted. A pickle.Unpickler with an allow-list would still fill
4 GB for a file of 9 bytes (a number of its memo), and crash on tuples nested in the key of a dict.
"""

import pickletools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ...config import TaskError, first_line

CORES = ("numpy.core", "numpy._core")  # of numpy 1 and 2
NAMES = {"numpy ndarray", "numpy dtype", "_codecs encode"}.union(
    *({f"{core}.multiarray _reconstruct", f"{core}.multiarray scalar", f"{core}.numeric _frombuffer"} for core in CORES)
)
# fmt: off
VALUES = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "UNICODE", "SHORT_BINUNICODE",
    "SHORT_BINBYTES",
}
# fmt: on
LONG_VALUES = {"BINUNICODE": 5, "BINUNICODE8": 9, "BINBYTES": 5, "BINBYTES8": 9, "BYTEARRAY8": 9}  # bytes before them
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
KEPT_IN_FILE = 1024


@dataclass(eq=False, repr=False)
class Made:
    """What a pickle would make by calling a name, and the state that it would give it."""

    name: str
    arguments: tuple
    state: Any = None


@dataclass(frozen=True)
class Stored:
    """A long string, left in the file; text is of characters below 256, if it stands for bytes."""

    start: int
    stop: int
    length: int
    is_text: bool


def read_pickle(file: BinaryIO, path: Path) -> Any:
    """The value of a pickle, with arrays as `Made`."""
    try:
        return _value(file, path)
    except TaskError:
        raise
    except (ValueError, TypeError, LookupError, OverflowError, MemoryError, AttributeError) as error:
        raise TaskError(f"{path} is not a whole pickle of lists, dicts and arrays: {first_line(error)}") from None


def _value(file: BinaryIO, path: Path) -> Any:
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}
    argument: Any

    def from_mark() -> list[Any]:
        start = marks.pop()
        values = stack[start:]
        del stack[start:]
        return values

    def named(name: str) -> str:
        if name not in NAMES:
            asked = name.replace(" ", ".")[:80]
            raise TaskError(f"{path} asks for {asked!r}, which a file of arrays has no use for; nothing was run")
        return name

    for opcode, argument, position in pickletools.genops(file):
        match opcode.name:
            case "PROTO" | "FRAME" | "STOP":
                pass
            case name if name in VALUES:
                stack.append(argument)
            case name if name in LONG_VALUES:
                long = len(argument) > KEPT_IN_FILE
                place = (position or 0) + LONG_VALUES[name], file.tell(), len(argument), isinstance(argument, str)
                stack.append(Stored(*place) if long else argument)
            case name if name in CONSTANTS:
                stack.append(CONSTANTS[name])
            case "EMPTY_LIST" | "EMPTY_DICT":
                stack.append([] if opcode.name == "EMPTY_LIST" else {})
            case "MARK":
                marks.append(len(stack))
            case "LIST":
                stack.append(from_mark())
            case "TUPLE":
                stack.append(tuple(from_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack[-int(opcode.name[-1]) :] = [tuple(stack[-int(opcode.name[-1]) :])]
            case "DICT":
                stack.append(_entered({}, from_mark()))
            case "APPEND" | "APPENDS":
                values = from_mark() if opcode.name == "APPENDS" else [stack.pop()]
                list.extend(stack[-1], values)
            case "SETITEM" | "SETITEMS":
                values = from_mark() if opcode.name == "SETITEMS" else [stack.pop(-2), stack.pop()]
                _entered(stack[-1], values)
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "GLOBAL":
                stack.append(named(argument))
            case "STACK_GLOBAL":
                module, name = stack.pop(-2), stack.pop()
                stack.append(named(f"{module:s} {name:s}"))
            case "REDUCE":
                arguments = stack.pop()
                stack[-1] = Made(named(stack[-1]), arguments)
            case "BUILD":
                state = stack.pop()
                stack[-1].state = state
            case "INST":
                named(argument)
                raise TaskError(f"{path} makes an instance of a class; nothing was run")
            case name:
                raise TaskError(f"{path} has the opcode {name}, which a file of arrays has no use for; nothing was run")
    (value,) = stack
    return value


def _entered(into: dict, pairs: list[Any]) -> dict:
    if not all(isinstance(key, str) for key in pairs[::2]):
        raise TypeError("a dict has a key that is not text")
    dict.update(into, zip(pairs[::2], pairs[1::2], strict=True))
    return into
