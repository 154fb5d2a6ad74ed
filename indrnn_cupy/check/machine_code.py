"""What a GPU runs, read from the machine code: registers, spills, and loads in flight."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from .emulated_gpu.wheels import wheel_files


class Resources(NamedTuple):
    """What ptxas allocated for a kernel; spilled values are in memory, and each use of them is as slow as a load."""

    registers: int
    spilled_bytes: int


def resources(log: str) -> dict[str, Resources]:
    """The resources of each kernel, from a log of `--ptxas-options=-v`."""
    pattern = r"properties for (\w+)\D+(\d+) bytes stack frame, (\d+) bytes spill stores.*?Used (\d+) registers"
    return {
        name: Resources(int(registers), max(int(stack), int(spill)))
        for name, stack, spill, registers in re.findall(pattern, log, re.S)
    }


@cache
def disassembler() -> str | None:
    """The path of nvdisasm: on PATH, or from the wheel nvidia-cuda-nvdisasm."""
    return shutil.which("nvdisasm") or next(map(str, wheel_files("*/bin/nvdisasm")), None)


def loads_in_flight(code: bytes) -> dict[str, int]:
    """For each kernel, the most loads from memory that a thread has in flight before it waits for one, in any loop."""
    command = disassembler()
    if command is None:
        raise FileNotFoundError("nvdisasm is not installed: pip install nvidia-cuda-nvdisasm")
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(code)
        file.flush()
        done = subprocess.run([command, "-c", file.name], capture_output=True, text=True, check=True)
    sections = re.split(r"^\.text\.(\w+):$", done.stdout, flags=re.M)[1:]
    return {
        name: max((_most_pending(loop) for loop in _loops(body)), default=0)
        for name, body in zip(sections[::2], sections[1::2], strict=True)
    }


def _loops(body: str) -> Iterator[list[str]]:
    """The instructions between each backward jump and its target."""
    instructions: list[str] = []
    labels: dict[str, int] = {}
    for line in body.splitlines():
        if label := re.match(r"\s*(\.L_x_\d+):", line):
            labels[label[1]] = len(instructions)
        elif found := re.match(r"\s*/\*[0-9a-f]{4,}\*/\s+(.*?)\s*;", line):
            instructions.append(found[1])
    for end, instruction in enumerate(instructions):
        target = re.search(r"\bBRA\b.*?(\.L_x_\d+)", instruction)
        if target and labels.get(target[1], end + 1) <= end:
            yield instructions[labels[target[1]] : end + 1]


def _most_pending(instructions: list[str]) -> int:
    """Loads are issued in order; the first instruction that reads the result of one waits for all."""
    pending: set[str] = set()
    most = 0
    for instruction in instructions:
        opcode, _, operands = re.sub(r"^@!?U?P\w+\s+", "", instruction).partition(" ")
        registers = re.findall(r"\bR(\d+)\b", operands)
        loads = opcode.startswith("LDG")
        reads = registers if opcode.startswith("ST") else registers[1:]
        if pending.intersection(reads):
            pending.clear()
        if loads:
            pending.add(registers[0])
            most = max(most, len(pending))
    return most
