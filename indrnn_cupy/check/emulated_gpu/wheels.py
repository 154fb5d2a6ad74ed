"""The files installed by the nvidia wheels of this environment."""

import importlib.util
from pathlib import Path


def wheel_files(pattern: str) -> list[Path]:
    """The files in their folders that match a pattern such as `*/bin/nvdisasm`."""
    found = importlib.util.find_spec("nvidia")
    roots = (found and found.submodule_search_locations) or []
    return [path for root in roots for path in sorted(Path(root).glob(pattern))]
