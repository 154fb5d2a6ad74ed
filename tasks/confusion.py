"""The confusion matrix: a picture, and a table of the accuracy of each class."""

import csv
import io
from collections.abc import Sequence

import torch
from torch import Tensor


def count(outputs: Tensor, targets: Tensor, classes: int) -> Tensor:
    """Counts how often each class, a row, was predicted as each class, a column."""
    pairs = targets * classes + outputs.argmax(1)
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes).double().cpu()


def table(confusion: Tensor, classes: Sequence[str]) -> bytes:
    """CSV with the samples and the accuracy of each class, and the class it is most often mistaken for."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("class", "samples", "accuracy", "most_mistaken_for"))
    for number, row in enumerate(confusion):
        samples, right = int(row.sum()), int(row[number])
        mistaken = row.clone()
        mistaken[number] = 0
        other = classes[int(mistaken.argmax())] if mistaken.any() else ""
        writer.writerow((classes[number], samples, f"{right / samples:.4f}" if samples else "", other))
    return text.getvalue().encode()


def draw(confusion: Tensor, classes: Sequence[str]) -> bytes:
    """Draws the matrix as PNG: each row has the share of each prediction, in percent."""
    from matplotlib.figure import Figure  # takes half a second to import

    share = (confusion / confusion.sum(1, keepdim=True).clamp(min=1)).numpy()
    size = 2.5 + 0.38 * min(len(classes), 40)
    figure = Figure(figsize=(size, size), layout="constrained")
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    places = range(len(classes))
    font = 9 if len(classes) <= 40 else 4
    turn = 90 if max(map(len, classes)) > 2 else 0
    axes.set_xticks(places, classes, rotation=turn, fontsize=font, parse_math=False)
    axes.set_yticks(places, classes, fontsize=font, parse_math=False)
    right = float(confusion.trace() / confusion.sum().clamp(min=1))
    axes.set(xlabel="predicted", ylabel="true", title=f"{100 * right:.2f} % correct; rows in percent")
    for row in places:
        for column in places:
            if len(classes) <= 40 and round(100 * share[row, column]):
                color = "white" if share[row, column] > 0.5 else "black"
                percent = f"{100 * share[row, column]:.0f}"
                axes.text(column, row, percent, ha="center", va="center", color=color, fontsize=font - 1)
    axes.spines[:].set_visible(False)
    image = io.BytesIO()
    figure.savefig(image, dpi=120)
    return image.getvalue()
