"""Networks for the bridges' tests: each layer once, and random ones."""

import numpy as np

from minigrad import data, nn
from minigrad.training import Classifier

F, C = 16, 3  # features (an image of 1 × 4 × 4), classes
FLAT, IMAGE = (F,), (1, 4, 4)


def layers(rng, dtype):
    """Return, by name, layers that take x (N, 16) or, behind Unflatten, x (N, 1, 4, 4)."""
    made = {"rng": rng, "dtype": dtype}
    typed = {"dtype": dtype}
    return {
        "Linear": [nn.Linear(F, 5, **made)],
        "Linear without b": [nn.Linear(F, 5, bias=False, **made)],
        "ReLU": [nn.ReLU()],
        "LeakyReLU": [nn.LeakyReLU(), nn.LeakyReLU(0.3)],
        "ELU": [nn.ELU(), nn.ELU(alpha=1.7)],
        "GELU": [nn.GELU(), nn.GELU("tanh")],
        "SiLU": [nn.SiLU()],
        "Softplus": [steep(nn.Linear(F, F, **made)), nn.Softplus()],
        "Sigmoid": [nn.Sigmoid()],
        "Tanh": [nn.Tanh()],
        "Softmax": [nn.Softmax()],
        "LogSoftmax": [nn.LogSoftmax(1)],
        "Softmax of (N, C, L)": [nn.Unflatten(1, (4, 4)), nn.Softmax(), nn.LogSoftmax()],
        "Dropout": [nn.Dropout(0.25, rng=0), nn.Dropout(rng=0)],
        "Sequential": [nn.Sequential(nn.Linear(F, 4, **made), nn.Sequential(nn.Tanh()))],
        "Residual": [nn.Residual(nn.Linear(F, F, **made), nn.Residual(nn.Tanh()), nn.ReLU())],
        "BatchNorm1d": [nn.BatchNorm1d(F, **typed), nn.BatchNorm1d(F, 1e-3, None, False, **typed)],
        "BatchNorm1d of (N, C, L)": [nn.Unflatten(-1, (4, 4)), nn.BatchNorm1d(4, **typed)],
        "a gradient of 0": [
            nn.Unflatten(1, (4, 4)), nn.BatchNorm1d(4, **typed), nn.Softmax(),
        ],  # that of the shift: softmax does not see what is added to a row
        "LayerNorm": [nn.LayerNorm(F, **typed), nn.LayerNorm(F, 1e-3, False, **typed)],
        "LayerNorm without b": [nn.Unflatten(1, (4, 4)), nn.LayerNorm([4, 4], bias=False, **typed)],
        "Conv2d": [nn.Unflatten(1, IMAGE), nn.Conv2d(1, 4, 3, padding=1, **made), nn.ReLU()],
        "Conv2d with options": [
            nn.Unflatten(1, (4, 2, 2)),
            nn.Conv2d(4, 6, (1, 2), (1, 2), (0, 1), (2, 1), 2, False, **made),
        ],
        "MaxPool2d": [nn.Unflatten(1, IMAGE), nn.MaxPool2d(2), nn.MaxPool2d((2, 1), 1)],
        "AvgPool2d": [nn.Unflatten(1, IMAGE), nn.AvgPool2d(3, (1, 2), 1), nn.AvgPool2d((1, 2))],
        "GlobalAvgPool2d": [nn.Unflatten(1, (4, 2, 2)), nn.GlobalAvgPool2d()],
        "BatchNorm2d": [
            nn.Unflatten(1, IMAGE), nn.Conv2d(1, 4, 2, **made), nn.BatchNorm2d(4, **typed),
        ],
        "Flatten": [nn.Unflatten(1, IMAGE), nn.Flatten(), nn.Flatten()],
        "Unflatten": [nn.Unflatten(1, (2, 8)), nn.Unflatten(-1, (2, 4))],
    }  # fmt: skip


def steep(linear):
    """Return a Linear with outputs so large that PyTorch's Softplus would be linear there."""
    linear.weight.data *= 40
    return linear


NAMES = [*layers(np.random.default_rng(0), np.float32)]


def network(name, dtype=np.float32, seed=0):
    """Return a network with the layers of that name, and numbers in its buffers."""
    rng = np.random.default_rng(seed)
    return closed(layers(rng, dtype)[name], rng, dtype)


def closed(inner, rng, dtype):
    """Return a network of these layers between others, so that it maps (N, 16) to logits (N, 3)."""
    first = nn.Linear(F, F, rng=rng, dtype=dtype)
    inside = nn.Sequential(first, *inner, nn.Flatten()).eval()
    width = inside(np.zeros((2, F), dtype)).shape[1]
    model = nn.Sequential(*inside.layers, nn.Linear(width, C, rng=rng, dtype=dtype))
    for _, module in model.named_modules():
        if isinstance(module, nn.BatchNorm1d):
            size = module.num_features
            module.running_mean = rng.standard_normal(size).astype(dtype)
            module.running_var = rng.uniform(0.5, 2, size).astype(dtype)
            module.num_batches_tracked = np.array(7)
            if module.weight is not None:
                module.weight.data[...] = rng.uniform(0.5, 2, size)
                module.bias.data[...] = rng.standard_normal(size)
    return model.eval()


def classifier(model, kind="asinh", missing="mean"):
    """Return the classifier of a network of 16 features and 3 classes."""
    columns = tuple(data.Column(f"column {i}") for i in range(F))
    schema = data.Schema(columns, "class", ("a", "b", "c"), missing)
    x = np.random.default_rng(1).normal(3, 2, (50, F))
    return Classifier(model, schema, data.Scaling.fit(x, kind), {"epoch": 3})
