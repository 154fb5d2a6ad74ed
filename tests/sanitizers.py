"""Runs kernels as programs of their own: under the sanitizers of gcc, or for another machine.

Every argument is in memory of just its size.

A kernel in the form for a CPU gets a thread for each block, all at once. In the form for a GPU each block gets its
THREADS as real threads, one block after the other, so that a race between threads of a block is one here too.
"""

import ctypes
import hashlib
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from unittest.mock import patch

import pytest
import torch

from indrnn_cupy.ops import chunks, launch
from indrnn_cupy.runtime import Kernel, compiler, cuda, host


class Build(NamedTuple):
    flags: tuple[str, ...]
    compiler: str = "g++"
    runner: tuple[str, ...] = ()


CHECKED = ("-O1", compiler.NATIVE)
ARM64 = {"compiler": "aarch64-linux-gnu-g++", "runner": ("qemu-aarch64", "-cpu", "max")}
BUILDS = {
    "none": Build(CHECKED),
    "memory": Build((*CHECKED, "-fsanitize=address,undefined", "-fno-sanitize-recover=all")),
    "threads": Build((*CHECKED, "-fsanitize=thread")),
    "armv8-a": Build(("-O3", "-march=armv8-a", "-static"), **ARM64),
    "armv9-a": Build(("-O3", "-march=armv9-a", "-static"), **ARM64),  # with vectors of any length, SVE
}
DRIVER = """
#line 1 "the driver"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static long long words[{count}], sizes[{count}];
static dim3 grid;
static pthread_barrier_t barrier;
struct Place {{ unsigned block, thread; }};

#if THREADS > 1
void __syncthreads() {{ pthread_barrier_wait(&barrier); }}
#endif

static void* run(void* argument) {{
    const Place place = *(Place*)argument;
    gridDim = grid;
    blockIdx = {{place.block % grid.x, place.block / grid.x % grid.y, place.block / grid.x / grid.y}};
#if THREADS > 1
    threadIdx.x = place.thread;
#endif
    {name}({arguments});
    return 0;
}}

static void run_together(unsigned first_block, unsigned blocks) {{
    pthread_t* threads = (pthread_t*)malloc(sizeof(pthread_t) * blocks * THREADS);
    Place* places = (Place*)malloc(sizeof(Place) * blocks * THREADS);
    for (unsigned i = 0; i < blocks * THREADS; ++i) {{
        places[i] = {{first_block + i / THREADS, i % THREADS}};
        if (pthread_create(threads + i, 0, run, places + i)) abort();
    }}
    for (unsigned i = 0; i < blocks * THREADS; ++i) pthread_join(threads[i], 0);
    free(threads), free(places);
}}

int main(int, char** argv) {{
    FILE* file = fopen(argv[1], "r+b");
    if (!file || fread(&grid, sizeof grid, 1, file) != 1) abort();
    const long start = ftell(file);
    for (int i = 0; i < {count}; ++i) {{  // a size and bytes, or -1 and a number
        if (fread(sizes + i, 8, 1, file) != 1) abort();
        void* place = words + i;
        if (sizes[i] >= 0) words[i] = (long long)(place = malloc(sizes[i]));
        if (sizes[i] && fread(place, sizes[i] < 0 ? 8 : sizes[i], 1, file) != 1) abort();
    }}
    const unsigned blocks = grid.x * grid.y * grid.z;
    pthread_barrier_init(&barrier, 0, THREADS);
    if (THREADS == 1) run_together(0, blocks);
    else for (unsigned block = 0; block < blocks; ++block) run_together(block, 1);
    fseek(file, start, SEEK_SET);
    for (int i = 0; i < {count}; ++i) {{
        fwrite(sizes + i, 8, 1, file);
        fwrite(sizes[i] < 0 ? (void*)(words + i) : (void*)words[i], sizes[i] < 0 ? 8 : sizes[i], 1, file);
        if (sizes[i] >= 0) free((void*)words[i]);
    }}
    return fclose(file);
}}
"""


@pytest.fixture(scope="session")
def sanitized(tmp_path_factory):
    """A context manager inside which kernels run as programs of a build; gives the names of those that ran."""
    folder = tmp_path_factory.mktemp("sanitized")

    def build(kernel: Kernel, defines: tuple[str, ...], name: str) -> str:
        text, parameters = kernel.source()
        arguments = host.arguments_from_words(parameters)
        text += DRIVER.format(name=kernel.name, count=len(parameters), arguments=arguments)
        program = folder / hashlib.sha256("".join([text, *defines, name]).encode()).hexdigest()
        if program.exists():
            return str(program)
        flags = [flag for flag in compiler.FLAGS if flag not in ("-O3", "-shared", compiler.NATIVE)]
        flags += ["-g", "-pthread", *BUILDS[name].flags, *(f"-D{d}" for d in defines)]
        words = [BUILDS[name].compiler, *flags, "-o", str(program), "-"]
        done = subprocess.run(words, input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return str(program)

    def run(kernel, defines, name, grid, arguments):
        program = build(kernel, defines, name)
        data = [struct.pack("3I", *grid)]
        spans = [span_of(a) if isinstance(a, torch.Tensor) else 0 for a in arguments]
        for argument, span in zip(arguments, spans, strict=True):
            if isinstance(argument, torch.Tensor):
                data.append(struct.pack("q", span) + ctypes.string_at(argument.data_ptr(), span))
            else:
                data.append(struct.pack("qq", -1, argument or 0))
        (folder / "arguments").write_bytes(b"".join(data))
        words = [*BUILDS[name].runner, program, str(folder / "arguments")]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            raise SanitizerError(done.stderr)
        results, place = (folder / "arguments").read_bytes(), 12
        _, parameters = kernel.source()
        for argument, span, parameter in zip(arguments, spans, parameters, strict=True):
            place += 8
            if isinstance(argument, torch.Tensor):
                if span and not parameter.type.startswith("const"):  # its own numbers alone: others may lie between
                    written = torch.frombuffer(bytearray(results[place : place + span]), dtype=argument.dtype)
                    argument.copy_(written.as_strided(argument.shape, argument.stride()))
                place += span
            else:
                place += 8

    @contextmanager
    def context(name: str, like_gpu: bool = False, chunk: int = 0) -> Iterator[list[str]]:
        ran: list[str] = []

        def on_host(kernel, defines, grid, threads, tensors, numbers):
            ran.append(kernel.name)
            run(kernel, defines, name, grid, (*tensors, *numbers))

        def on_gpu(kernel, defines, grid, block, arguments, device):
            ran.append(kernel.name)
            run(kernel, defines, name, grid, arguments)

        with (
            patch.object(host, "launch", on_host),
            patch.object(host, "prepare", lambda *_: None),
            patch.object(cuda, "launch", on_gpu),
            patch.object(launch, "on_gpu", lambda _: like_gpu),
            patch.object(chunks, "chunk_steps", lambda *_: chunk),
            patch.object(chunks, "can_sum_up", lambda *_: True),  # without NVRTC
        ):
            yield ran

    return context


class SanitizerError(AssertionError):
    """What a sanitizer found."""


def span_of(tensor: torch.Tensor) -> int:
    """Bytes from the first to the last element."""
    last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return (last + 1) * tensor.element_size() if tensor.numel() else 0
