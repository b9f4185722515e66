"""A node of the tree: the linear model that it shares with all images that it covers.

Zhang et al. 2019, arXiv:1802.00121 (recalled). A node v that covers the images Omega_v predicts the logit as

    h_v(x) = w_v . x + b_v,        w_v = alpha o g_v

g_v is the unit vector of greatest summed cosine with the gradients of its images, which is the direction of the sum of
their unit vectors; alpha minimises the mean of (h_v(x_i) - y_i)^2 + lambda ||alpha||_1.

Differs from the paper: alpha is at least 0, so that no filter counts against its own gradient. b_v is the mean of its
images' own b_i instead of fitted: a free one takes the place of the filters where images are alike. lambda is
`sparsity` times the deviation of the logit, however many images there are, so that images given twice change nothing:
the paper's 1e-6 sqrt(|Omega_v|) is next to nothing, and with about as many images as filters such a model follows
noise.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

_MOST_STEPS = 100_000

Matrix = Float[np.ndarray, "images filters"]
Vector = Float[np.ndarray, " _"]


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeFit:
    """The model of a node.

    Args:
        direction: g_v, of unit length; zeros where the gradients of its images cancel.
        weights: w_v, in units of the logit.
        bias: b_v, likewise.
    """

    direction: Vector
    weights: Vector
    bias: float

    def predict(self, activations: Matrix) -> Vector:
        """h_v of some images."""
        found: Vector = activations @ self.weights + self.bias
        return found


def unit(vectors: Float[np.ndarray, "*batch filters"]) -> Float[np.ndarray, "*batch filters"]:
    """The vectors with length 1; zeros stay zeros."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    found: np.ndarray = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return found


def fit_node(
    activations: Matrix,
    directions: Matrix,
    outputs: Vector,
    biases: Vector,
    rows: Int[np.ndarray, " covered"],
    penalty: float,
) -> NodeFit:
    """Fit the node that covers some images.

    Args:
        activations: x of all images.
        directions: Their gradients at unit length.
        outputs: y.
        biases: b.
        rows: Of the images that it covers.
        penalty: lambda, in units of the logit; at least 0.
    """
    from sklearn.linear_model import Lasso, LinearRegression

    direction = unit(directions[rows].sum(0))
    bias = float(biases[rows].mean())
    # scikit-learn halves the squares, and so the penalty.
    model = (
        Lasso(alpha=penalty / 2, fit_intercept=False, positive=True, max_iter=_MOST_STEPS)
        if penalty
        else LinearRegression(fit_intercept=False, positive=True)
    )
    alpha = model.fit(activations[rows] * direction, outputs[rows] - bias).coef_
    return NodeFit(direction=direction, weights=alpha * direction, bias=bias)
