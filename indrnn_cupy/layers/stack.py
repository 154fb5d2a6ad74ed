"""Layers of a projection and a recurrence, with the shapes of `torch.nn.RNN`: what every network here shares."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence


class RecurrentStack(nn.Module):
    """`num_layers` times a `torch.nn.Linear` and a recurrence, in one or both directions.

    `make_recurrence(last)` makes a recurrence, told whether it is in the last layer; it is called as
    `recurrence(x, h0, lengths=, resets=, reverse=)` and gives `(y, h_n)`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        make_recurrence: Callable[[bool], nn.Module],
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        if num_layers < 1:
            raise ValueError(f"num_layers is {num_layers}, expected at least 1")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.batch_first, self.bidirectional = batch_first, bidirectional
        self.directions = 2 if bidirectional else 1
        self.projections, self.recurrences = nn.ModuleList(), nn.ModuleList()
        for layer in range(num_layers):
            for _ in range(self.directions):
                width = hidden_size * self.directions if layer else input_size
                self.projections.append(nn.Linear(width, hidden_size, bias, device, dtype))
                self.recurrences.append(make_recurrence(layer == num_layers - 1))
        self.dropout = nn.Dropout(dropout)

    def reset_parameters(self) -> None:
        for module in (*self.projections, *self.recurrences):
            module.reset_parameters()

    def forward(
        self,
        x: Tensor | PackedSequence,
        h0: Tensor | None = None,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
    ) -> tuple[Tensor | PackedSequence, Tensor]:
        if isinstance(x, PackedSequence):
            if lengths is not None or resets is not None:
                raise ValueError("lengths and resets go with a padded tensor, and x is a PackedSequence")
            return self._forward_packed(x, h0)
        if not isinstance(x, Tensor):
            raise TypeError(f"x is a {type(x).__name__}, expected a torch.Tensor or a PackedSequence")
        if x.dim() not in (2, 3) or x.shape[-1] != self.input_size:
            raise ValueError(f"x has shape {tuple(x.shape)}, expected 2 or 3 dimensions, the last of {self.input_size}")
        if x.dim() == 3:
            return self._run(x, h0, lengths, resets)
        if h0 is not None and h0.dim() != 2:
            raise ValueError(f"h0 has shape {tuple(h0.shape)}, expected two dimensions, as x is without a batch")
        batch = 0 if self.batch_first else 1
        y, h_n = self._run(x.unsqueeze(batch), None if h0 is None else h0.unsqueeze(1), lengths, resets)
        return y.squeeze(batch), h_n.squeeze(1)

    def step(self, x_t: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One step of a stream: x_t `(B, input_size)` and the state give y_t `(B, hidden_size)` and the next state.

        The state is the `h_n` of a run, so that a run may be continued by steps and the other way round.
        """
        if self.bidirectional:
            raise ValueError("a bidirectional network needs the whole sequence; call it, or make it with one direction")
        time = 1 if self.batch_first else 0
        y, state = self._run(x_t.unsqueeze(time), state, None, None)
        return y.squeeze(time), state

    def _forward_packed(self, packed: PackedSequence, h0: Tensor | None) -> tuple[PackedSequence, Tensor]:
        # Padded in the order of the packed batch, longest first; states come and go in the caller's order.
        x, lengths = pad_packed_sequence(packed._replace(sorted_indices=None, unsorted_indices=None), self.batch_first)
        if h0 is not None and packed.sorted_indices is not None:
            h0 = h0.index_select(1, packed.sorted_indices)
        y, h_n = self._run(x, h0, lengths, None)
        data = pack_padded_sequence(y, lengths, self.batch_first).data
        if packed.unsorted_indices is not None:
            h_n = h_n.index_select(1, packed.unsorted_indices)
        return packed._replace(data=data), h_n

    def _run(
        self, x: Tensor, h0: Tensor | None, lengths: Tensor | None, resets: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        expected = (len(self.recurrences), x.shape[0 if self.batch_first else 1], self.hidden_size)
        if h0 is not None and h0.shape != expected:
            raise ValueError(f"h0 has shape {tuple(h0.shape)}, expected {expected}")
        states, outputs = [], [x]
        for number, (projection, recurrence) in enumerate(zip(self.projections, self.recurrences, strict=True)):
            direction = number % self.directions
            if direction == 0:
                x, outputs = outputs[0] if len(outputs) == 1 else torch.cat(outputs, -1), []
                if number:
                    x = self.dropout(x)
            y, h = recurrence(
                projection(x),
                None if h0 is None else h0[number],
                lengths=lengths,
                resets=resets,
                reverse=direction == 1,
            )
            outputs.append(y)
            states.append(h)
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs, -1), torch.stack(states)
