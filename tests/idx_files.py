"""MNIST files in the small, for tests."""

import math
import struct


def idx(*shape, content=None, magic=None):
    body = bytes(i % 10 for i in range(math.prod(shape))) if content is None else content
    return (magic or bytes((0, 0, 8, len(shape)))) + struct.pack(f">{len(shape)}I", *shape) + body


def good_files():
    return {
        "train-images-idx3-ubyte": idx(40, 28, 28),
        "train-labels-idx1-ubyte": idx(40),
        "t10k-images-idx3-ubyte": idx(10, 28, 28),
        "t10k-labels-idx1-ubyte": idx(10),
    }


def write(folder, files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder
