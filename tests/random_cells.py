"""Random recurrences: the C++ text of a step, and the same step in PyTorch.

C++ and Python write an expression alike, so each is written once: a compiler takes it as it stands, and so does Python,
with the functions of PyTorch.
"""

from dataclasses import dataclass
from itertools import product
from random import Random
from typing import NamedTuple

import torch
from torch import Tensor

from indrnn_cupy.reference import ACTIVATIONS

INPUT, WEIGHT, STATE, VALUE = 2.0, 1.5, 2.0, 8.0  # the largest of each, a value being whatever an expression gives


def number(x: Tensor | float) -> Tensor:
    return torch.as_tensor(x, dtype=torch.float64)


def fired(x: Tensor, surrogate: Tensor) -> Tensor:
    """1 above 0, else 0, with the gradient of `surrogate`."""
    return (x > 0) + (surrogate - surrogate.detach())


def spike(x: Tensor) -> Tensor:
    near = x.clamp(-1, 1)
    return fired(x, near - near * near.abs() / 2)


FUNCTIONS = {
    **{name: getattr(torch, name) for name in ("exp", "expm1", "log", "log1p", "sqrt", "square")},
    **{name: ACTIVATIONS[name] for name in ("tanh", "sigmoid", "relu", "hardtanh", "g")},
    "fabs": torch.abs,
    "softplus": torch.nn.functional.softplus,  # PyTorch goes over to x at 20, above all values here
    "stop": torch.detach,
    "spike": spike,
    "spike_sigmoid": lambda x: fired(x, torch.sigmoid(x)),
    "fma": lambda a, b, c: a * b + c,
    "fmin": lambda a, b: torch.minimum(number(a), number(b)),
    "fmax": lambda a, b: torch.maximum(number(a), number(b)),
    "where": lambda condition, a, b: torch.where(torch.as_tensor(condition), number(a), number(b)),
}

UNARY = [f"{name}({{}})" for name in list(FUNCTIONS)[:-4]] + ["(-{})"]
ARITHMETIC = ["({} + {})", "({} - {})", "({} * {})", "({} / {})", "fma({}, {}, {})"]
CHOICES = [f"where({{}} {comparison} {{}}, {{}}, {{}})" for comparison in ("<", "<=", ">", ">=", "==", "!=")]
CHOICES += 3 * ["fmin({}, {})", "fmax({}, {})"]
FORMS = UNARY + 4 * ARITHMETIC + CHOICES  # what an expression may be, by how often it is
JUMPS = [f"{name}({{}})" for name in ("relu", "hardtanh", "g", "fabs", "spike", "spike_sigmoid")]
POSITIVE = [f"{name}({{}})" for name in ("square", "fabs", "exp", "softplus", "sigmoid", "g")]
LEAST = {"log({})": 0.2, "log1p({})": -0.8, "sqrt({})": 0.1}  # of the argument


class Expression(NamedTuple):
    text: str
    low: float
    high: float
    constant: bool = False

    @property
    def size(self) -> float:
        return max(abs(self.low), abs(self.high))


def bare(text: str) -> str:
    """Without the parentheses around it, where they are not needed."""
    return text[1:-1] if text.startswith("(") else text


def combined(form: str, *arguments: Expression) -> Expression:
    """`form` of these arguments; its bounds are what it takes at theirs, where it has no valley between."""
    names = [f"a{place}" for place in range(len(arguments))]
    corners = number(list(product(*((e.low, e.high) for e in arguments)))).unbind(1)
    values = eval(form.format(*names), FUNCTIONS | dict(zip(names, corners, strict=True)))
    low, high = values.min().item(), values.max().item()
    if form in ("square({})", "fabs({})") and arguments[0].low < 0 < arguments[0].high:
        low = 0.0
    texts = [e.text if form.startswith("(") else bare(e.text) for e in arguments]
    return Expression(form.format(*texts), low, high, all(e.constant for e in arguments))


class Writer:
    """Writes expressions of what is known, with arguments in the domain of their function.

    What decides about a jump has a random number added, so that no two sides come to be equal, not even where both are
    locally constant, as a value that is clipped or a state that is reset.
    """

    def __init__(self, random: Random, known: list[Expression]) -> None:
        self.random, self.known = random, known
        self.unused = list(known)

    def learn(self, e: Expression) -> None:
        self.known += 3 * [e]  # likelier than a parameter to be used several times
        self.unused.append(e)

    def leaf(self) -> Expression:
        if self.unused and self.random.random() < 0.7:
            return self.unused.pop(self.random.randrange(len(self.unused)))
        return self.random.choice(self.known)

    def expression(self, depth: int) -> Expression:
        if depth == 0 or self.random.random() < 0.1:
            return self.leaf()
        form = self.random.choice(FORMS)
        arguments = [self.expression(depth - 1) for _ in range(form.count("{}"))]
        kept = self.random.randrange(len(arguments))  # of numbers alone C++ would take C's functions
        for place in range(len(arguments)):
            if place != kept and self.random.random() < 0.15:
                arguments[place] = self.constant() if self.random.random() < 0.5 else self.whole()
        return self.within(VALUE, self.applied(form, *arguments))

    def constant(self, low: float = -1.5, high: float = 1.5) -> Expression:
        value = round(self.random.uniform(low, high), 6)
        return Expression(str(value), value, value, constant=True)

    def whole(self) -> Expression:
        value = self.random.choice([-1, 1, 2, 3])
        return Expression(str(value), value, value, constant=True)

    def applied(self, form: str, *arguments: Expression) -> Expression:
        """`form` of the arguments, or of others made of them that it can take."""
        first, *others = arguments
        if form in LEAST:
            first = self.above(LEAST[form], first)
        elif form in ("exp({})", "expm1({})"):
            first = self.within(3, first)
        elif form in JUMPS:
            first = self.moved(first)
        elif form in CHOICES:
            others[0] = self.moved(others[0])
        elif form == "({} / {})":
            others[0] = self.above(0.3, others[0])
        return combined(form, first, *others)

    def moved(self, e: Expression) -> Expression:
        return self.constant() if e.constant else combined("({} + {})", e, self.constant())

    def above(self, least: float, e: Expression) -> Expression:
        if e.low < least and not e.constant and self.random.random() < 0.8:
            e = self.applied(self.random.choice(POSITIVE), e)
        missing = least - e.low
        return e if missing <= 0 else combined("({} + {})", e, self.constant(missing, missing + 1))

    def within(self, size: float, e: Expression) -> Expression:
        if e.size <= size:
            return e
        form = self.random.choice(["tanh({})", "sigmoid({})", "hardtanh({})", "({} * {})", "({} / {})"])
        if form == "({} * {})":
            return combined(form, e, self.constant(0.3 * size / e.size, size / e.size))
        if form == "({} / {})":
            return combined(form, e, self.constant(e.size / size, 3 * e.size / size))
        return self.applied(form, e)


@dataclass(frozen=True)
class Cell:
    name: str
    inputs: tuple[str, ...]
    weights: tuple[str, ...]
    states: tuple[str, ...]
    between: dict[str, str]  # values with a name, in their order
    after: tuple[str, ...]  # the states after the step
    output: str | None  # if it is no state

    @property
    def source(self) -> str:
        roles = ("Input", self.inputs), ("Weight", self.weights), ("State", self.states)
        parameters = ", ".join(f"{role} auto {name}" for role, names in roles for name in names)
        lines = [f"const auto {name} = {text};" for name, text in self.between.items()]
        result = self.after[0]
        if len(self.states) > 1 or self.output:
            result = f"states({', '.join(self.after)})" + (f".output({self.output})" if self.output else "")
        body = "\n    ".join([*lines, f"return {result};"])
        return f'#include "cell.cuh"\n\nINLINE auto {self.name}({parameters}) {{\n    {body}\n}}\n'

    def step(self, *parameters: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The output and the states after a step."""
        names = FUNCTIONS | dict(zip((*self.inputs, *self.weights, *self.states), parameters, strict=True))
        for name, text in self.between.items():
            names[name] = eval(text, names)
        after = [eval(text, names).expand_as(parameters[0]) for text in self.after]
        return eval(self.output, names).expand_as(after[0]) if self.output else after[0], after


def random_cell(seed: int) -> Cell:
    random = Random(seed)
    inputs, weights = tuple("xyzq"[: random.randint(1, 4)]), tuple("uvw"[: random.randint(0, 3)])
    states = tuple("hcm"[: random.randint(1, 3)])
    sizes = (inputs, INPUT), (weights, WEIGHT), (states, STATE)
    known = [Expression(name, -size, size) for names, size in sizes for name in names]
    writer, between = Writer(random, known), {}
    for name in "abde"[: random.randint(0, 4)]:
        text, low, high, _ = writer.expression(3)
        between[name] = bare(text)
        writer.learn(Expression(name, low, high))
    after = tuple(bare(writer.within(STATE, writer.expression(4)).text) for _ in states)
    output = bare(writer.expression(3).text) if random.random() < 0.5 else None
    return Cell(f"cell_{seed}", inputs, weights, states, between, after, output)
