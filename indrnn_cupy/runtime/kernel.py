"""A kernel as its op sees it: a file, a name in it, and the parameters that will be passed."""

from dataclasses import dataclass

from . import source
from .errors import shown


@dataclass(frozen=True)
class Kernel:
    """`parameters` is a C parameter list; a kernel file that declares another is refused before it is compiled."""

    file: str
    name: str
    parameters: str

    def source(self) -> tuple[str, tuple[source.Parameter, ...]]:
        """The kernel's whole source, its parameters checked."""
        text = source.read(self.file)
        passed = source.parse_parameters(self.parameters)
        declared = source.declared_parameters(text, self.name)
        source.check_parameters(declared, passed, f"{self.name} in {shown(source.find(self.file))}")
        return text, passed
