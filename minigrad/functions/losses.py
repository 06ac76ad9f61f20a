"""Losses: cross_entropy, nll_loss, mse_loss and binary_cross_entropy_with_logits.

A loss is one number that says how far the outputs are from the targets t. A classifier's outputs z
are logits, any numbers; p = softmax(z) are its probabilities. The cross-entropy −ln p[t] is 0
if the target's probability is 1, and grows without bound as it goes to 0.

A loss of N rows is Σₙ wₙ ℓₙ. The Functions are the maths. The public functions check what they are
given (see targets.py) and choose the row weights w, which hold the class weights and, for the mean,
the division by N.
"""

import numpy as np

from ..engine import Function, as_array, as_float, as_tensor, constant
from ..errors import DataError, DTypeError, ShapeError, warn_once
from ..typing import ArrayLike, Tensor
from .activations import logistic, shifted
from .elementwise import where as select
from .reductions import sum
from .shapes import getitem, reshape, transpose
from .targets import check_logits, check_options, check_target, check_weight


class CrossEntropy(Function):
    """ℓₙ = −Σ_c qₙc ln pₙc,   p = softmax(z),   q = (1 − ε) onehot(t) + ε / C;   y = Σₙ wₙ ℓₙ

    z (N, C)   t (N,) class indices   w (N,) or a number   ε: the label smoothing, usually 0
    y is each wₙ ℓₙ if `total` is false.

    gzₙ = gy wₙ (pₙ − qₙ)      onehot(t) is 1 at t and 0 elsewhere

    With ε = 0, ℓ = −ln p_t = ln Σⱼ exp(zⱼ) − z_t. The first term has the slope
    exp(z_c) / Σⱼ exp(zⱼ) = p_c for every class c, the second has −1 for c = t: each logit is pushed
    down by its probability, and t's up by 1. With smoothing, the second term is −Σ_c q_c z_c.
    """

    def forward(self, z, t, w, smoothing, total):
        z = shifted(np.ascontiguousarray(z.T), 0)  # (C, N): the maximum of short rows is slow
        self.e = np.exp(z)
        self.sums = self.e.sum(axis=0)
        self.rows, self.t, self.w, self.smoothing = np.arange(len(t)), t, w, smoothing
        wanted = z[t, self.rows]
        if smoothing:
            wanted = (1 - smoothing) * wanted + smoothing / len(z) * z.sum(axis=0)
        losses = w * (np.log(self.sums) - wanted)
        return losses.sum() if total else losses

    def backward(self, gy):
        g = gy * self.w
        gz = self.e * (g / self.sums)  # g p
        if self.smoothing:
            gz -= g * (self.smoothing / len(gz))
            g = g * (1 - self.smoothing)
        gz[self.t, self.rows] -= g
        return gz.T


class SoftCrossEntropy(Function):
    """ℓₙ = −Σ_c qₙc ln pₙc,   p = softmax(z);   y = Σₙ ℓₙ, or each ℓₙ

    z (N, C)   q (N, C) rows of weights: probabilities, times the class and row weights

    gzₙ = gy (pₙ Σ_c qₙc − qₙ)

    A mixture of `CrossEntropy`: class c counts as the target with the weight q_c.
    """

    def forward(self, z, q, total):
        logp = shifted(z, 1)
        logp -= np.log(np.exp(logp).sum(axis=1, keepdims=True))
        self.p, self.q = np.exp(logp), q
        losses = -np.where(q == 0, 0, q * logp).sum(axis=1)  # 0 times −∞ counts 0
        return losses.sum() if total else losses

    def backward(self, gy):
        return gy.reshape(-1, 1) * (self.p * self.q.sum(axis=1, keepdims=True) - self.q)


class ProbabilityCrossEntropy(Function):
    """ℓₙ = −Σ_c qₙc ln pₙc for given probabilities p;   y = Σₙ ℓₙ, or each ℓₙ

    p (N, C)   q (N, C) rows of weights

    gpₙc = −gy qₙc / pₙc      0 where q = 0
    """

    def forward(self, p, q, total):
        self.p, self.q = p, q
        losses = -np.where(q == 0, 0, q * np.log(p)).sum(axis=1)
        return losses.sum() if total else losses

    def backward(self, gy):
        return gy.reshape(-1, 1) * np.where(self.q == 0, 0, -self.q / self.p)


class NLLLoss(Function):
    """ℓₙ = −xₙ[tₙ],   x = ln p;   y = Σₙ wₙ ℓₙ, or wₙ ℓₙ for each row

    x (N, C)   t (N,) class indices   w (N,) or a number

    gxₙc = −gy wₙ for c = tₙ, 0 elsewhere
    """

    def forward(self, x, t, w, total):
        self.shape, self.rows, self.t, self.w = x.shape, np.arange(len(t)), t, w
        losses = -w * x[self.rows, t]
        return losses.sum() if total else losses

    def backward(self, gy):
        gx = np.zeros(self.shape, dtype=gy.dtype)
        gx[self.rows, self.t] = -gy * self.w
        return gx


class MSELoss(Function):
    """y = w Σᵢ (xᵢ − tᵢ)², or (xᵢ − tᵢ)² for each element;   w = 1/n for the mean

    gx = gy w 2 (x − t)
    gt = −gx
    """

    def forward(self, x, t, w, total):
        self.w, self.d = w, x - t
        y = self.w * np.square(self.d)
        return y.sum() if total else y

    def backward(self, gy):
        gx = gy * self.w * 2 * self.d
        return gx, -gx if self.needs[1] else None


class BCEWithLogits(Function):
    """ℓ = −k t ln s − (1 − t) ln(1 − s),   s = 1 / (1 + e⁻ˣ);   y = Σ w ℓ, or each w ℓ

    x, t (…)   k: the weight of the positive class   w: weights, and 1/n for the mean

    gx = gy w ((1 − t) s − k t (1 − s))

    −ln s = ln(1 + e⁻ˣ) has the slope s − 1, and −ln(1 − s) = ln(1 + eˣ) has the slope s.
    """

    def forward(self, x, t, w, k, total):
        self.x, self.t, self.w, self.k = x, t, w, k
        losses = w * (k * t * np.logaddexp(-x, 0) + (1 - t) * np.logaddexp(x, 0))
        return losses.sum() if total else losses

    def backward(self, gy):
        x, t = self.x, self.t
        return gy * self.w * ((1 - t) * logistic(x) - self.k * t * logistic(-x))


def cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    from_probabilities: bool = False,
) -> Tensor:
    """Return the cross-entropy −ln p[target], p = softmax(logits), of `torch.nn.functional`.

    Args:
        logits: (N, C) or (N, C, d1 … dk), unbounded; not probabilities.
        target: class indices (N, d1 … dk), integers from 0 to C − 1; or rows of probabilities in
            the shape of the logits, for example one-hot rows.
        weight: (C,), multiplies the loss of each class.
        ignore_index: rows with this target are left out; for class indices only. The class stays
            in the softmax of the other rows.
        label_smoothing: ε from 0 to 1; the target becomes (1 − ε) target + ε / C.
        reduction: "mean", "sum", or "none" for a loss of the target's shape (N, d1 … dk). The
            mean divides by Σₙ weight[targetₙ] over the rows that count for class indices, and by
            the number of rows for rows of probabilities. The mean of no rows is NaN, and warns.
        from_probabilities: the first argument holds probabilities, such as softmax gives.

    Raises:
        ShapeError, DTypeError, DataError: if logits and target do not match, or the target is
            neither class indices nor rows of probabilities; the message says where.
        ArgumentError: if an option is outside its values.
    """
    where = "cross_entropy"
    logits = as_float(logits)
    t = check_target(where, "logits", logits.shape, target, ignore_index)
    weight = check_weight(where, weight, logits.shape[1], logits.dtype)
    check_options(where, reduction, label_smoothing)
    check_logits(where, logits, from_probabilities)

    z, t, w = _rows(logits, t, weight, ignore_index, reduction)
    if w is None:
        return _mean_of_nothing(where, z)
    total = reduction != "none"
    if t.ndim == 1 and not from_probabilities and (weight is None or not label_smoothing):
        w = w if weight is None else w * weight[t]
        loss = CrossEntropy.apply(z, t=t, w=w, smoothing=label_smoothing, total=total)
    else:
        q = np.eye(z.shape[1])[t] if t.ndim == 1 else t
        q = (1 - label_smoothing) * q + label_smoothing / z.shape[1]
        q = (q if weight is None else q * weight) * np.reshape(w, (-1, 1))
        function = ProbabilityCrossEntropy if from_probabilities else SoftCrossEntropy
        loss = function.apply(z, q=q.astype(z.dtype), total=total)
    return loss if total else _per_target(loss, logits)


def nll_loss(
    log_probs: ArrayLike,
    target: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return −log_probs[target], the negative log-likelihood, of `torch.nn.functional`.

    Args:
        log_probs: (N, C) or (N, C, d1 … dk), as `log_softmax(x, axis=1)` gives them.
        target: class indices (N, d1 … dk), integers from 0 to C − 1.
        weight, ignore_index, reduction: as for `cross_entropy`.

    Raises:
        ShapeError, DTypeError, DataError, ArgumentError: as for `cross_entropy`.
    """
    where = "nll_loss"
    log_probs = as_float(log_probs)
    shape = log_probs.shape
    if log_probs.ndim > 1 and as_array(target).shape == shape:
        facts = f"log_probs {shape}, target {shape}"
        raise ShapeError(
            where, "the target has to be class indices", facts, "use target.argmax(axis=1)"
        )
    t = check_target(where, "log_probs", shape, target, ignore_index)
    weight = check_weight(where, weight, shape[1], log_probs.dtype)
    check_options(where, reduction)

    x, t, w = _rows(log_probs, t, weight, ignore_index, reduction)
    if w is None:
        return _mean_of_nothing(where, x)
    w = w if weight is None else w * weight[t]
    loss = NLLLoss.apply(x, t=t, w=w, total=reduction != "none")
    return loss if reduction != "none" else _per_target(loss, log_probs)


def mse_loss(x: ArrayLike, target: ArrayLike, *, reduction: str = "mean") -> Tensor:
    """Return the mean, the sum or each one of the squared differences (x − target)².

    Both have the same shape: a loss never broadcasts. Both may require a gradient.

    Raises:
        ShapeError: if the shapes differ.
        ArgumentError: if `reduction` is not mean, sum or none.
    """
    check_options("mse_loss", reduction)
    size = _check_same_shape("mse_loss", "x", x, target)
    if reduction == "mean" and not size:
        return _mean_of_nothing("mse_loss", as_tensor(x))
    w = 1 / size if reduction == "mean" else 1
    return MSELoss.apply(x, target, w=w, total=reduction != "none")


def binary_cross_entropy_with_logits(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return −k t ln s − (1 − t) ln(1 − s), s = sigmoid(logits), of `torch.nn.functional`.

    Args:
        logits: any shape, unbounded.
        target: the same shape, numbers from 0 to 1.
        weight: multiplies each loss; broadcasts to the shape.
        pos_weight: k, multiplies the positive part; broadcasts, for example (C,) for (N, C).
        reduction: "mean" over all elements, "sum" or "none".

    Raises:
        ShapeError: if logits and target differ in shape, or a weight does not broadcast to it.
        DTypeError: if the target or a weight does not hold numbers.
        DataError: if a target is outside 0 … 1.
        ArgumentError: if `reduction` is not mean, sum or none.
    """
    where = "binary_cross_entropy_with_logits"
    check_options(where, reduction)
    logits = as_float(logits)
    size = _check_same_shape(where, "logits", logits, target)
    t = _numbers(where, "target", target, logits)
    if not ((t >= 0) & (t <= 1)).all():
        facts = f"target from {t.min()} to {t.max()}"
        remedy = "give 0 or 1 for each element, or a probability"
        raise DataError(where, "a target is outside 0 … 1", facts, remedy)
    if reduction == "mean" and not size:
        return _mean_of_nothing(where, logits)
    w = 1 if weight is None else _numbers(where, "weight", weight, logits)
    k = 1 if pos_weight is None else _numbers(where, "pos_weight", pos_weight, logits)
    w = w / size if reduction == "mean" else w
    return BCEWithLogits.apply(logits, t=t, w=w, k=k, total=reduction != "none")


def _numbers(where, name, a, logits):
    """Return `a` as an array of the logits' dtype that broadcasts to their shape."""
    a = constant(where, name, a)
    facts = f"logits {logits.shape}, {name} {a.shape} {a.dtype}"
    if a.dtype.kind not in "iufb":
        raise DTypeError(where, f"{name} does not hold numbers", facts, "give numbers")
    try:
        np.broadcast_to(a, logits.shape)
    except ValueError:
        wrong = f"{name} does not broadcast to the logits"
        raise ShapeError(where, wrong, facts, "give one number for each column") from None
    return a.astype(logits.dtype)


def _rows(x, t, weight, ignore_index, reduction):
    """Return x as rows (M, C), the target of each row, and the factor w of each row's loss.

    An ignored row has the factor 0 and zeros in x, so that nothing of it is left, not even a NaN.
    For the mean, w, (M,) or a number, is divided by the sum of the weights of the rows that count;
    it is None if there are none.
    """
    if x.ndim > 2:
        t = t.reshape(-1) if t.ndim < x.ndim else _class_last(as_tensor(t)).data
        x = _class_last(x)
    w, size = 1.0, len(t)
    if ignore_index is not None:
        keep = t != ignore_index
        x, t = select(keep[:, None], x, 0), np.where(keep, t, 0)
        w = keep.astype(x.dtype)
        size = w.sum()
    if weight is not None and t.ndim == 1:
        size = (w * weight[t]).sum()
    if reduction == "mean":
        w = w / size if size else None
    return x, t, w


def _class_last(x):
    """Bring (N, C, d1 … dk) to rows (M, C)."""
    rows = x.size // max(x.shape[1], 1)
    return reshape(transpose(x, (0, *range(2, x.ndim), 1)), (rows, x.shape[1]))


def _per_target(loss, x):
    """Bring the losses of the rows to the shape (N, d1 … dk) of the targets."""
    return loss if x.ndim == 2 else reshape(loss, x.shape[:1] + x.shape[2:])


def _mean_of_nothing(where, x):
    """Warn, and return NaN with a gradient of 0, as PyTorch does."""
    wrong, remedy = "the mean of no rows is NaN", 'pass reduction="sum", or leave such a batch out'
    warn_once(where, wrong, "every target is ignored or weighs 0, or there is none", remedy)
    return sum(getitem(x, slice(0))) + np.nan


def _check_same_shape(where, name, x, target) -> int:
    """Return the size of x, the input `name`; raise if the target has another shape."""
    x, t = as_array(x), as_array(target)
    if x.shape != t.shape:
        wrong = f"{name} and target differ in shape, and a loss never broadcasts"
        remedy = f"use target.reshape{x.shape}" if x.size == t.size else "give one target for each"
        raise ShapeError(where, wrong, f"{name} {x.shape}, target {t.shape}", remedy)
    return x.size
