"""Reads PTX text into kernels: parameters, registers, shared arrays, labels and instructions."""

import math
import re
from collections import ChainMap
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from .faults import UnknownInstruction

DTYPES = {
    f"{kind}{8 * size}": np.dtype(f"{letter}{size}")
    for kind, letter in {"b": "u", "u": "u", "s": "i"}.items()
    for size in (1, 2, 4, 8)
}
DTYPES |= {"f16": np.dtype("f2"), "f32": np.dtype("f4"), "f64": np.dtype("f8")}
DTYPES |= {"bf16": np.dtype("u2"), "pred": np.dtype(bool)}  # as bits, since numpy has no bfloat16

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
ENTRY = re.compile(r"\.entry\s+(?P<name>[$\w]+)\s*(?:\((?P<parameters>[^)]*)\))?(?P<limits>[^{]*)\{")
SHARED = re.compile(
    r"(?P<extern>\.extern\s+)?\.shared\s+\.align\s+(?P<align>\d+)\s+\.(?P<type>\w+)\s+(?P<name>[$\w]+)"
    r"(?:\[(?P<length>\d*)\])?"
)
STATEMENT = re.compile(r"\s*(?:([{}])|([$\w]+):|([^;]+);)")
INSTRUCTION = re.compile(r"(?:@(?P<negated>!?)(?P<guard>[%$\w]+)\s+)?(?P<opcode>[a-z][\w.:]*)\s*(?P<operands>.*)", re.S)
OPERAND = re.compile(r"\{[^}]*\}|\[[^\]]*\]|[^,\s]+")


@dataclass(frozen=True)
class Instruction:
    """`@!%p1 fma.rn.ftz.f32 %f1, %f2, %f3, %f4;` in its parts."""

    text: str
    opcode: str
    modifiers: tuple[str, ...]
    types: tuple[str, ...]
    operands: tuple[str, ...]
    guard: str | None
    negated: bool


@dataclass
class Kernel:
    """One `.entry` of a module; labels are indices into `instructions`, shared arrays are at byte offsets."""

    name: str
    parameters: dict[str, str]
    max_threads: int
    registers: dict[str, str] = field(default_factory=dict)
    shared: dict[str, int] = field(default_factory=dict)
    shared_size: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    instructions: list[Instruction] = field(default_factory=list)

    def add_shared(self, declaration: re.Match[str]) -> None:
        """Lays out one shared array; a dynamic one has no length and comes last."""
        align = int(declaration["align"])
        start = -(-self.shared_size // align) * align
        length = 0 if declaration["extern"] else int(declaration["length"] or 1)
        self.shared[declaration["name"]] = start
        self.shared_size = start + length * DTYPES[declaration["type"]].itemsize


@cache
def parse(text: str) -> dict[str, Kernel]:
    """The kernels of a PTX module by name."""
    text = COMMENT.sub("", text)
    bodies = []
    outside, end = "", 0
    for entry in ENTRY.finditer(text):
        outside += text[end : entry.start()]
        end = closing_brace(text, entry.end())
        bodies.append((read_header(entry), text[entry.end() : end]))
    outside += text[end:]
    shared = sorted(SHARED.finditer(outside), key=lambda declaration: declaration["extern"] is not None)
    for kernel, body in bodies:
        read_body(kernel, body)
        for declaration in shared:
            if re.search(rf"(?<![$\w]){re.escape(declaration['name'])}(?![$\w])", body):
                kernel.add_shared(declaration)
    return {kernel.name: kernel for kernel, _ in bodies}


def closing_brace(text: str, start: int) -> int:
    """The position of the brace that closes the one just before `start`."""
    depth = 1
    for brace in re.compile("[{}]").finditer(text, start):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return brace.start()
    raise ValueError("a brace is not closed")


def read_header(entry: re.Match[str]) -> Kernel:
    parameters = {}
    for declaration in filter(str.strip, (entry["parameters"] or "").split(",")):
        found = re.fullmatch(r"\s*\.param\s+\.([busf]\d+)\s.*?([$\w]+)\s*", declaration, re.S)
        if not found:
            raise UnknownInstruction(declaration.strip(), "a parameter that is neither a number nor a pointer")
        parameters[found[2]] = found[1]
    limit = re.search(r"\.maxntid\s+([\d,\s]+)", entry["limits"])
    max_threads = math.prod(map(int, limit[1].split(","))) if limit else 1024
    return Kernel(entry["name"], parameters, max_threads)


def read_body(kernel: Kernel, body: str) -> None:
    names: ChainMap[str, str] = ChainMap()  # a register as written -> its own name; inline assembly opens scopes
    for brace, label, statement in STATEMENT.findall(body):
        if brace:
            names = names.new_child() if brace == "{" else names.parents
        elif label:
            kernel.labels[label] = len(kernel.instructions)
        elif statement.startswith(".reg"):
            declare_registers(kernel, names, statement)
        elif declaration := SHARED.match(statement):
            kernel.add_shared(declaration)
        elif statement.startswith("."):
            if not statement.startswith(".pragma"):
                raise UnknownInstruction(statement, "unknown declaration")
        else:
            kernel.instructions.append(read_instruction(statement, names))


def declare_registers(kernel: Kernel, names: MutableMapping[str, str], statement: str) -> None:
    """`.reg .b32 %r<34>` or `.reg .b32 a, b`."""
    _, kind, listed = statement.split(maxsplit=2)
    for stem, count in re.findall(r"([%$\w]+)(?:<(\d+)>)?", listed):
        for name in [f"{stem}{i}" for i in range(int(count))] if count else [stem]:
            names[name] = name if name not in kernel.registers else f"{name}__{len(kernel.registers)}"
            kernel.registers[names[name]] = kind[1:]


def read_instruction(statement: str, names: MutableMapping[str, str]) -> Instruction:
    text = " ".join(statement.split())
    found = INSTRUCTION.fullmatch(text)
    if not found:
        raise UnknownInstruction(text)
    opcode, *words = found["opcode"].split(".")
    operands = re.sub(r"[%$\w]+", lambda word: names.get(word[0], word[0]), found["operands"])
    return Instruction(
        text,
        opcode,
        modifiers=tuple(word for word in words if word not in DTYPES),
        types=tuple(word for word in words if word in DTYPES),
        operands=tuple(OPERAND.findall(operands)),
        guard=found["guard"] and names.get(found["guard"], found["guard"]),
        negated=bool(found["negated"]),
    )
