"""What can go wrong between a `.cu` file and a running kernel."""

import re

# What a compiler says of a recurrence's function, and what to do.
FUNCTIONS = "a cell's numbers have the functions of cell.cuh (exp, log, tanh, sigmoid, where, ...), not C's own"
ADVICE = {
    r"no matching function|no instance of overloaded|cannot convert|is not a member of .std": FUNCTIONS,
    r"operands to '\?:'|incompatible operand|inconsistent deduction|deduced as": "choose by where(condition, a, b)",
    r".activation. (was not declared|is undefined)": 'name one by define={"ACTIVATION": "Tanh"}',
    r"is not a class, namespace|must be a class or": "ACTIVATION is Relu, Tanh, Sigmoid, Hardtanh or Identity",
    r"void expression": "the function of the cell returns nothing",
    r"operator ?.?=": "variables cannot be reassigned; give each value a name of its own, const auto y = ...",
    r"initializer list": "several states are returned by states(h, c)",
    r"no member (named )?.output": "an output is named after the states, states(h).output(y)",
}


class KernelError(RuntimeError):
    """Any failure to find, compile or launch a kernel."""


class KernelSourceError(KernelError):
    """A kernel file or folder is missing or cannot be read."""


class KernelSignatureError(KernelError):
    """The parameter list of a kernel is not the one that its op passes."""


class KernelCompileError(KernelError):
    """A compiler refused a kernel; the message holds the compiler's own words."""


class CompilerMissingError(KernelError):
    """No compiler for this device: the plain PyTorch reference runs instead."""


def shown(name: object) -> str:
    """A name or path with its odd characters escaped: one line, which can be printed and encoded."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(name))


def refusal(file: str, compiler: str, log: str, lines: int = 24) -> str:
    """What a compiler said of a file: one sentence with the file's own line, and the log from its first error on.

    An error in a header is said at the line of the file that led there, if there is one.
    """
    name, every = shown(file), log.splitlines()
    first = next((n for n, line in enumerate(every) if "error:" in line and "ld returned" not in line), 0)
    said = every[first].partition("error:")[2].strip() if every else ""
    said = re.sub(r"^static assertion failed(: | with )?", "", said).strip('"') or "see below"
    if "cell" in log:
        said += "".join(f"; {advice}" for pattern, advice in ADVICE.items() if re.search(pattern, said))
    places = [every[first], *every[max(0, first - 12) : first], *every[first + 1 : first + 12]] if every else []
    found = (re.search(re.escape(file) + r"[:(](\d+)", line) for line in places)
    line = next((f", line {place[1]}" for place in found if place), "")
    return f"{name} does not compile with {compiler}{line}: {said}\n" + "\n".join(every[first : first + lines])
