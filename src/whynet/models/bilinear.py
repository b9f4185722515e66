"""Compact bilinear pooling: second-order statistics of a map in a few thousand numbers.

Gao, Beijbom, Zhang & Darrell, "Compact Bilinear Pooling", CVPR 2016, arXiv:1511.06062, algorithm 2 (tensor sketch),
after Pham & Pagh, "Fast and Scalable Polynomial Kernels via Explicit Feature Maps", KDD 2013:

    Psi(x, h, s)_b = sum over channels i with h(i) = b of s(i) x_i                                   (count sketch)
    sketch(X)      = sum over positions p of IFFT( FFT(Psi(x_p, h_1, s_1)) o FFT(Psi(x_p, h_2, s_2)) )
    feature(X)     = z / ||z||_2,  z = sign(sketch) sqrt(|sketch|)

x_p is the vector of channels at position p, h_k(i) a bin from 0 to outputs - 1, s_k(i) is -1 or 1, o the product of
each pair of numbers. Both hashes and signs are drawn once and never trained. The product of two sketches estimates,
without bias over the draws, the product of the two full bilinear features:

    E <sketch(X), sketch(Y)> = <sum_p x_p x_p^T, sum_q y_q y_q^T> = sum over p, q of <x_p, y_q>^2

The convolution theorem makes the same sketch a count sketch of the Gram matrix G = sum_p x_p x_p^T, whose entry (i, j)
falls with sign s_1(i) s_2(j) into bin (h_1(i) + h_2(j)) mod outputs. That needs no Fourier transform, and one pass for
all positions; `sketch` takes whichever way handles fewer numbers.

Differs from the paper: the signed root is sign(y) (sqrt(|y| + e) - sqrt(e)) with e = 1e-10. It is 0 at 0, at most 1e-5
below the true root, and its slope at 0 is 5e4 where that of the true root is infinite.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from whynet.base.errors import SettingError
from whynet.base.seeding import generator

_ROOT_GUARD = 1e-10


class CompactBilinearPooling(nn.Module):
    """From a map to one vector of length 1, or 0 where the map is 0.

    Args:
        channels: Of the maps; at least 1.
        outputs: Size of the feature, at least 1; the paper and InterpNET take 8192.
        seed: Of the hashes and signs, from 0. They are buffers: the state dict holds them.

    Raises:
        SettingError: A size is below 1, or the seed is out of its range.
    """

    hashes: Tensor  # (2, channels), bins
    signs: Tensor  # (2, channels), -1 or 1

    def __init__(self, channels: int, outputs: int = 8192, *, seed: int = 0) -> None:
        super().__init__()
        for name, size in (("channels", channels), ("outputs", outputs)):
            if size < 1:
                raise SettingError(
                    f"compact bilinear pooling needs {name} of at least 1, not {size}; give a larger one"
                )
        self.channels = channels
        self.outputs = outputs
        draw = generator(seed, "tensor sketch", channels, outputs)
        self.register_buffer("hashes", torch.randint(outputs, (2, channels), generator=draw))
        self.register_buffer("signs", torch.randint(2, (2, channels), generator=draw).float() * 2 - 1)

    def forward(self, maps: Float[Tensor, "batch channels rows columns"]) -> Float[Tensor, "batch outputs"]:
        """The feature of each map; raises `SettingError` if the maps have other channels."""
        sketch = self.sketch(maps)
        root = sketch.sign() * ((sketch.abs() + _ROOT_GUARD).sqrt() - _ROOT_GUARD**0.5)
        return F.normalize(root, dim=1)

    def sketch(self, maps: Float[Tensor, "batch channels rows columns"]) -> Float[Tensor, "batch outputs"]:
        """The tensor sketch of each map, before root and norm; half precision is raised to single.

        On a GPU the sums of either way come in no fixed order, so the last digits differ from call to call.

        The Gram matrix has channels^2 entries, the Fourier way two transforms of `outputs` numbers a position, and an
        entry costs about the same in both: the Gram matrix is taken if channels^2 <= 2 positions outputs.

        Raises:
            SettingError: The maps have other channels.
        """
        if maps.shape[1] != self.channels:
            raise SettingError(
                f"maps of {self.channels} channels were expected, not {maps.shape[1]}; "
                f"make the pooling with channels={maps.shape[1]}"
            )
        with torch.autocast(maps.device.type, enabled=False):  # it would round the products to half precision
            vectors = maps.flatten(2).to(torch.promote_types(maps.dtype, torch.float32))  # (B, C, P)
            if self.channels**2 <= 2 * vectors.shape[2] * self.outputs:
                return self._sketch_by_gram(vectors)
            return self._sketch_by_fourier(vectors)

    def _sketch_by_gram(self, vectors: Float[Tensor, "batch channels positions"]) -> Float[Tensor, "batch outputs"]:
        first, second = self.signs.to(vectors.dtype)
        gram = (vectors * first[:, None]) @ (vectors * second[:, None]).transpose(1, 2)  # (B, C, C)
        bins = (self.hashes[0][:, None] + self.hashes[1]) % self.outputs  # (C, C)
        return vectors.new_zeros(len(vectors), self.outputs).index_add(1, bins.flatten(), gram.flatten(1))

    def _sketch_by_fourier(self, vectors: Float[Tensor, "batch channels positions"]) -> Float[Tensor, "batch outputs"]:
        batch, _, positions = vectors.shape
        empty = vectors.new_zeros(batch, positions, self.outputs)
        spectra = []
        for bins, signs in zip(self.hashes, self.signs.to(vectors.dtype), strict=True):
            counts = empty.index_add(2, bins, (vectors * signs[:, None]).transpose(1, 2))  # (B, P, outputs)
            spectra.append(torch.fft.rfft(counts))
        total: Tensor = torch.fft.irfft((spectra[0] * spectra[1]).sum(1), n=self.outputs)
        return total
