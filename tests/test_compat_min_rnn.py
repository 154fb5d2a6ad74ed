"""Scripts that use min_rnn of CUDA_RNN, the import line changed: cells, scans, its demo and its benchmark."""

import math

import numpy as np
import pytest
import torch

from indrnn_cupy.compat.min_rnn import MinGRUCell, MinGRUCellCUDA, MinLSTMCell, MinLSTMCellCUDA
from indrnn_cupy.compat.min_rnn.__main__ import main
from indrnn_cupy.compat.min_rnn.benchmarks import benchmark
from indrnn_cupy.compat.min_rnn.utils import LinearLayer, sigmoid


def test_min_rnn_readme():
    from indrnn_cupy.compat.min_rnn.cuda_utils import CUDA_AVAILABLE
    from indrnn_cupy.compat.min_rnn.min_gru import MinGRUCell
    from indrnn_cupy.compat.min_rnn.min_gru_cuda import MinGRUCellCUDA
    from indrnn_cupy.compat.min_rnn.min_lstm import MinLSTMCell
    from indrnn_cupy.compat.min_rnn.min_lstm_cuda import MinLSTMCellCUDA

    assert torch.cuda.is_available() == CUDA_AVAILABLE
    np.random.seed(0)
    x_seq, h0 = np.random.random((5, 10)), np.random.random(20)
    for kind, cuda in ((MinGRUCell, MinGRUCellCUDA), (MinLSTMCell, MinLSTMCellCUDA)):
        cell, other = kind(input_size=10, hidden_size=20), cuda(input_size=10, hidden_size=20)
        h, expected = h0, []
        for x_t in x_seq:
            *gates, candidate = (x_t @ getattr(cell, f"linear_{g}").weights.T for g in cell.gates)
            shares = [1 / (1 + np.exp(-gate)) for gate in gates]
            take = shares[-1] / (1 if len(shares) == 1 else sum(shares))
            np.testing.assert_allclose(cell.forward(x_t, h), (1 - take) * h + take * candidate)
            h = (1 - take) * h + take * candidate
            expected.append(h)
        np.testing.assert_allclose(cell.process_sequence(x_seq, h0), expected)
        np.testing.assert_allclose(cell.process_sequence_parallel(x_seq, h0), expected)
        for gate in cell.gates:
            getattr(other, f"linear_{gate}").weights = getattr(cell, f"linear_{gate}").weights
        found = other.process_sequence(x_seq, h0)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        assert len(cell.process_sequence(x_seq, h0, 3)) == 3
    assert len(MinGRUCellCUDA(10, 20).process_sequence(x_seq)) == len(
        MinLSTMCellCUDA(10, 20).process_sequence(x_seq, h_0=h0)
    )
    with pytest.raises(ValueError, match=r"x has shape \(5, 9\) and h0 \(20,\), expected \(T, 10\) and \(20,\)"):
        MinGRUCell(10, 20).process_sequence(x_seq[:, 1:], h0)


@pytest.mark.parametrize("T", [1, 4, 5, 33])
def test_scans(T):
    from indrnn_cupy.compat.min_rnn import min_gru, min_lstm

    a, b, h0 = np.random.random((T, 6)), np.random.randn(T, 6), np.random.randn(6)
    h, expected = h0, []
    for a_t, b_t in zip(a, b, strict=True):
        h = min_gru.apply_scan_op(a_t, b_t, h)
        expected.append(h)
    for module in (min_gru, min_lstm):
        for scan in (module.sequential_scan, module.parallel_scan):
            np.testing.assert_allclose(scan(T, 1, 6, a, b, h0), expected, rtol=1e-12, atol=1e-12)
    both = min_gru.compose_scan_ops(a[0], b[0], a[-1], b[-1])
    np.testing.assert_allclose(
        min_gru.apply_scan_op(*both, h0), a[-1] * (a[0] * h0 + b[0]) + b[-1], rtol=1e-12, atol=1e-12
    )
    with pytest.raises(ValueError, match=r"a, b and h0 have shapes"):
        min_gru.parallel_scan(T, 1, 7, a, b, h0)


@pytest.mark.parametrize("kind", [MinGRUCell, MinLSTMCell, MinGRUCellCUDA, MinLSTMCellCUDA])
def test_parameters_of_the_scan_give_the_sequence(kind):
    from indrnn_cupy.compat.min_rnn.min_gru import sequential_scan

    cell, x, h0 = kind(4, 6), np.random.randn(9, 4), np.random.randn(6)
    states = sequential_scan(9, 1, 6, *cell.extract_scan_params(x), h0.astype(cell.extract_scan_params(x)[0].dtype))
    np.testing.assert_allclose(states, cell.process_sequence(x, h0), rtol=1e-4, atol=1e-6)


def test_the_candidate_of_the_cuda_cells_by_name():
    for kind, gates in ((MinGRUCellCUDA, "zh"), (MinLSTMCellCUDA, "fih")):
        cell, x, h = kind(4, 6, activation="tanh"), np.random.randn(3, 4), np.zeros(6)
        *shares, candidate = (getattr(cell, f"linear_{gate}").forward(x) for gate in gates)
        shares = [sigmoid(share) for share in shares]
        take = shares[0] if len(shares) == 1 else shares[1] / sum(shares)
        for t, state in enumerate(cell.process_sequence(x)):
            h = (1 - take[t]) * h + take[t] * np.tanh(candidate[t])
            np.testing.assert_allclose(state, h, rtol=1e-4, atol=1e-6)
        assert cell.cuda_available == torch.cuda.is_available()
    with pytest.raises(ValueError, match="activation is 'relu', expected 'identity' or 'tanh'"):
        MinGRUCellCUDA(4, 6, "relu")


def test_utils():
    layer = LinearLayer(input_size=3, output_size=5)
    assert (layer.input_size, layer.output_size, layer.weights.shape, layer.bias.shape) == (3, 5, (5, 3), (5,))
    np.testing.assert_allclose(layer.forward(np.ones(3)), layer.weights.sum(1))
    x = np.array([-1000.0, -2.0, 0.0, 3.0, 1000.0])
    np.testing.assert_allclose(sigmoid(x), torch.sigmoid(torch.as_tensor(x)), rtol=1e-12, atol=1e-300)


def test_gates_that_are_nearly_closed_and_arrays_of_any_type():
    from indrnn_cupy.compat.min_rnn.min_gru import parallel_scan, sequential_scan

    cell = MinLSTMCell(1, 1)
    for gate in "fih":
        getattr(cell, f"linear_{gate}").weights[:] = 1
    a, b = cell.extract_scan_params(np.array([[-40.0], [-800.0]]))
    np.testing.assert_allclose((a, b), ([[0.5], [0.5]], [[-20], [-400]]))
    np.testing.assert_allclose(sigmoid(np.array([-40.0])), np.exp(-40.0), rtol=1e-12)
    single = np.full((3, 2), 0.5, np.float32)
    expected = [[0.5, 0.5], [0.75, 0.75], [0.875, 0.875]]
    for arrays in (
        (single, single, np.zeros(2)),
        (single[::-1], single.astype(">f4"), np.zeros(2, int)),
        (np.concatenate((single, single)), np.concatenate((single, single)), np.zeros(2, bool)),
    ):
        for scan in (parallel_scan, sequential_scan):
            np.testing.assert_allclose(scan(3, 1, 2, *arrays), expected)
    for wrong in (-1, 4):
        with pytest.raises(ValueError, match=rf"seq_length is {wrong}, expected 0 to 3, the steps of x"):
            MinGRUCell(2, 2).process_sequence(single, np.zeros(2), wrong)


def test_demo(capsys):
    main(["--model", "lstm"])
    printed = capsys.readouterr().out
    assert "MinLSTMCell on cpu" in printed and "MinGRU" not in printed and "0.00000000" in printed
    main(["--cuda"])
    printed = capsys.readouterr().out
    assert "MinGRUCellCUDA" in printed and "MinLSTMCellCUDA" in printed
    assert torch.cuda.is_available() or "CUDA is not available" in printed


def test_benchmark(tmp_path):
    kinds = benchmark.benchmark_min_gru, benchmark.benchmark_min_lstm
    results = [kind(8, 16, T, num_runs=1) for T in (5, 10) for kind in kinds]
    assert all(r["cpu_sequential_time"] > 0 and r["cpu_parallel_speedup"] > 0 for r in results)
    assert torch.cuda.is_available() or all(math.isnan(r["gpu_parallel_time"]) for r in results)
    lines = benchmark.table(results).splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [[r["model"], str(r["seq_length"])] for r in results]
    benchmark.plot_benchmark_results(results, str(tmp_path / "plots"))
    names = {f"{m}_{what}_vs_seq_length.png" for m in ("mingru", "minlstm") for what in ("time", "speedup")}
    assert {path.name for path in (tmp_path / "plots").iterdir()} == names
