"""State dicts with the names of IndRNN_pytorch's networks, and what these networks compute, for the tests."""

import torch


def linear(name, into, out):
    return {f"{name}.weight": torch.randn(out, into) / into**0.5, f"{name}.bias": torch.randn(out)}


def norm(name, size):
    numbers = {"weight": torch.rand(size) + 0.5, "bias": torch.randn(size), "running_mean": torch.randn(size)}
    return {f"{name}.{key}": value for key, value in numbers.items()} | {f"{name}.running_var": torch.rand(size) + 0.5}


def unit(name, size, first=False):
    """A recurrence and its norm, in the order of the file."""
    return {f"{name}.indrnn1.weight_hh": torch.rand(size)} | norm(f"{name}.norm1.bn", size)


def plain(C, H, L, classes):
    weights = {}
    for n in range(L):
        weights |= linear(f"DIs.{n}.fc", H if n else C, H) | unit(f"RNNs.{n}", H)
    return weights | linear("classifier", H, classes)


def older_plain(C, H, L, classes, cell=""):
    weights = {}
    for n in range(L):
        weights |= linear(f"DIs.{n}", H if n else C, H) | norm(f"BNs.{n}.bn", H)
        weights |= {f"RNNs.{n}.{cell}weight_hh": torch.rand(H)} | ({f"RNNs.{n}.h0": torch.zeros(H)} if cell else {})
    return weights | linear("lastfc", H, classes)


def residual(C, H, blocks, classes):
    weights = linear("features.fc0.fc", C, H)
    for block in range(1, blocks + 1):
        for half in (1, 2):
            weights |= unit(f"features.resblock{block}.IndRNNwithBN{half}", H)
            weights |= linear(f"features.resblock{block}.fc{half}.fc", H, H)
    return weights | unit("features.IndRNNwithBN_last", H) | linear("classifier", H, classes)


def dense(C, growth, config, classes, first=4, factor=1, lastlayer=True):
    """`factor` 2: with time differences."""
    width = first * growth
    weights = linear("features.fc0.fc", factor * C, width) | unit("features.IndRNNwithBN0", width)
    for b, count in enumerate(config, 1):
        for n in range(1, count + 1):
            name = f"features.denseblock{b}.denselayer{n}"
            weights |= linear(f"{name}.fc1.fc", factor * width, 4 * growth) | unit(f"{name}.IndRNNwithBN1", 4 * growth)
            weights |= linear(f"{name}.fc2.fc", factor * 4 * growth, growth) | unit(f"{name}.IndRNNwithBN2", growth)
            width += growth
        if b < len(config) or lastlayer:
            name = f"features.transition{b}" if b < len(config) else "features.lastlayer"
            weights |= linear(f"{name}.fc.fc", factor * width, width // 2) | unit(f"{name}.IndRNNwithBN", width // 2)
            width //= 2
    return weights | linear("classifier", factor * width, classes)


class Network:
    """What those networks give in evaluation, from their weights, a step at a time."""

    def __init__(self, weights, norm_first=False, differences=False):
        self.weights, self.norm_first, self.differences = weights, norm_first, differences

    def linear(self, name, x):
        return x @ self.weights[f"{name}.weight"].t() + self.weights[f"{name}.bias"]

    def norm(self, name, x):
        gamma, beta, mean, var = (
            self.weights[f"{name}.{k}"] for k in ("weight", "bias", "running_mean", "running_var")
        )
        return gamma * (x - mean) / (var + 1e-5).sqrt() + beta

    def unit(self, recurrence, norm, x):
        if self.norm_first:
            x = self.norm(norm, x)
        h, states = torch.zeros_like(x[0]), []
        for x_t in x:
            h = torch.relu(x_t + self.weights[recurrence] * h)
            states.append(h)
        y = torch.stack(states)
        return y if self.norm_first else self.norm(norm, y)

    def named(self, name, x):
        return self.changes(self.unit(f"{name}.indrnn1.weight_hh", f"{name}.norm1.bn", x))

    def changes(self, x):
        if not self.differences:
            return x
        return torch.cat((x, torch.cat((x[:1], x[1:] - x[:-1]))), -1)

    def plain(self, x):
        for n in range(sum(name.endswith("weight_hh") for name in self.weights)):
            x = self.named(f"RNNs.{n}", self.linear(f"DIs.{n}.fc", x))
        return self.linear("classifier", x[-1])

    def older_plain(self, x):
        for n in range(sum(name.endswith("weight_hh") for name in self.weights)):
            (cell,) = (k for k in self.weights if k.startswith(f"RNNs.{n}.") and k.endswith("weight_hh"))
            x = self.unit(cell, f"BNs.{n}.bn", self.linear(f"DIs.{n}", x))
        return self.linear("lastfc", x[-1])

    def residual(self, x):
        x = self.linear("features.fc0.fc", x)
        for block in range(1, 1 + sum(name.endswith("fc1.fc.bias") for name in self.weights)):
            y = x
            for half in (1, 2):
                name = f"features.resblock{block}"
                y = self.linear(f"{name}.fc{half}.fc", self.named(f"{name}.IndRNNwithBN{half}", y))
            x = x + y
        return self.linear("classifier", self.named("features.IndRNNwithBN_last", x)[-1])

    def dense(self, x):
        x = self.named("features.IndRNNwithBN0", self.linear("features.fc0.fc", self.changes(x)))
        block = 1
        while f"features.denseblock{block}.denselayer1.fc1.fc.weight" in self.weights:
            layer = 1
            while f"features.denseblock{block}.denselayer{layer}.fc1.fc.weight" in self.weights:
                name = f"features.denseblock{block}.denselayer{layer}"
                y = self.named(f"{name}.IndRNNwithBN1", self.linear(f"{name}.fc1.fc", x))
                y = self.named(f"{name}.IndRNNwithBN2", self.linear(f"{name}.fc2.fc", y))
                x, layer = torch.cat((x, y), -1), layer + 1
            for name in (f"features.transition{block}", "features.lastlayer"):
                last = f"features.denseblock{block + 1}.denselayer1.fc1.fc.weight" not in self.weights
                if f"{name}.fc.fc.weight" in self.weights and last == name.endswith("lastlayer"):
                    x = self.named(f"{name}.IndRNNwithBN", self.linear(f"{name}.fc.fc", x))
            block += 1
        return self.linear("classifier", x[-1])
