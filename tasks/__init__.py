"""Training scripts, one folder a task: `python -m tasks.<task>.train --help`."""
