"""The losses as modules."""

import numpy as np

from minigrad import Tensor, nn
from minigrad import functions as F


def test_losses_pass_their_options_on():
    rng = np.random.default_rng(0)
    z, t = Tensor(rng.standard_normal((5, 3))), np.array([0, 2, 1, 1, 0])
    weight = np.array([1.0, 2.0, 0.5])
    options = {"weight": weight, "ignore_index": 1, "label_smoothing": 0.1, "reduction": "sum"}
    for ours, expected in (
        (nn.CrossEntropy()(z, t), F.cross_entropy(z, t)),
        (nn.CrossEntropy(**options)(z, t), F.cross_entropy(z, t, **options)),
        (nn.CrossEntropy(from_probabilities=True)(F.softmax(z), t), F.cross_entropy(z, t)),
        (nn.NLLLoss()(z, t), F.nll_loss(z, t)),
        (
            nn.NLLLoss(weight=weight, ignore_index=0, reduction="none")(z, t),
            F.nll_loss(z, t, weight=weight, ignore_index=0, reduction="none"),
        ),
        (nn.MSELoss()(z, z + 1), F.mse_loss(z, z + 1)),
        (nn.MSELoss(reduction="none")(z, z + 1), F.mse_loss(z, z + 1, reduction="none")),
    ):
        np.testing.assert_allclose(ours.data, expected.data, rtol=1e-12)
    targets = np.full((5, 3), 0.25)
    options = {"weight": weight, "pos_weight": weight + 1, "reduction": "sum"}
    np.testing.assert_array_equal(
        nn.BCEWithLogitsLoss(**options)(z, targets).data,
        F.binary_cross_entropy_with_logits(z, targets, **options).data,
    )
    assert repr(nn.CrossEntropy()) == "CrossEntropy()"
