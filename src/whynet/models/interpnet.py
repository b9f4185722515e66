"""InterpNET: a decoder reads the classifier's internal activations r(x) and writes why it decided as it did.

Barratt, "InterpNET: Neural Introspection for Interpretable Deep Learning", 2017, arXiv:1710.09511, section 2, table 1.
The decoder is `lrcn`, r(x) is `introspection`, the rows of table 1 are `variants`; here is the network that is
saved.

Differs from the paper: r(x) can be brought to one scale (`standardise`), because layers differ in scale by orders of
magnitude; the paper's feature has length 1, those of most networks have not. Without it small layers go unread, and
with each entry on one scale those of few entries still do, unless the layers are balanced.
"""

from collections.abc import Sequence

import torch
from huggingface_hub import PyTorchModelHubMixin
from jaxtyping import Float
from torch import Tensor, nn

from whynet.base.errors import SettingError
from whynet.base.tokens import NUM_SPECIAL
from whynet.base.types import Reading, TokenIds
from whynet.models.lrcn import LRCN, Sentences


class InterpNET(nn.Module, PyTorchModelHubMixin):
    """Writes a sentence from r(x).

    Args:
        reading_size: Length of r(x).
        vocabulary_size: Number of words, the four special ones included.
        embedding_size: Length of a word's vector; this default and the next three are those of the authors' code.
        hidden_size: Units of each LSTM.
        projection_size: Length of the vector that joins the first LSTM and r(x).
        dropout: Share of the LSTMs' outputs dropped in training.
        max_length: Most words of a sentence before its full stop.

    Raises:
        SettingError: A size is below 1, or the vocabulary holds no word beside the four special ones.
    """

    def __init__(
        self,
        *,
        reading_size: int,
        vocabulary_size: int,
        embedding_size: int = 256,
        hidden_size: int = 512,
        projection_size: int = 512,
        dropout: float = 0.2,
        max_length: int = 30,
    ) -> None:
        super().__init__()
        sizes = (reading_size, embedding_size, hidden_size, projection_size, max_length)
        if min(sizes) < 1 or vocabulary_size <= NUM_SPECIAL:
            raise SettingError(f"sizes of at least 1 and five words were expected, not {sizes} and {vocabulary_size}")
        self.reading_size = reading_size
        self.vocabulary_size = vocabulary_size
        self.max_length = max_length
        self.register_buffer("reading_mean", torch.zeros(reading_size))
        self.register_buffer("reading_scale", torch.ones(reading_size))
        self.decoder = LRCN(
            vocabulary_size=vocabulary_size,
            reading_size=reading_size,
            embedding_size=embedding_size,
            hidden_size=hidden_size,
            projection_size=projection_size,
            dropout=dropout,
        )

    reading_mean: Tensor
    reading_scale: Tensor

    def standardise(self, readings: Reading, sizes: Sequence[int] | None = None) -> None:
        """From now on bring r(x) to the scale of these: each entry to mean 0 and the same deviation, r(x) to length 1.

        Args:
            readings: What to learn the scale from. Entries that are constant there become 0; lengths are root mean
                squares over them.
            sizes: Numbers of entries of the parts of r(x), which are then balanced: entries have the same deviation
                within a part, and all parts have the same length. None takes r(x) as one part.

        Raises:
            SettingError: The sizes do not add up to the length of r(x).
        """
        sizes = [self.reading_size] if sizes is None else list(sizes)
        if sum(sizes) != self.reading_size:
            raise SettingError(f"parts of {self.reading_size} entries in all were expected, not of {sum(sizes)}")
        deviation, mean = torch.std_mean(readings, dim=0, correction=0)
        lively = deviation > 1e-6
        # The entries that change, of each part; a part without any takes nothing from the others.
        counts = torch.stack([part.sum() for part in torch.split(lively, sizes)])
        divisors = (counts * (counts > 0).sum()).sqrt().repeat_interleave(torch.tensor(sizes, device=counts.device))
        self.reading_mean.copy_(mean)
        self.reading_scale.copy_(torch.where(lively, deviation * divisors, torch.inf))

    def scaled(self, readings: Reading) -> Reading:
        """r(x) as the decoder takes it: shifted and scaled as `standardise` fixed; a gradient passes through."""
        return (readings - self.reading_mean) / self.reading_scale

    def forward(self, readings: Reading, ids: TokenIds) -> Float[Tensor, "batch time vocabulary"]:
        """The logits of the word that follows each of `ids` (teacher forcing); the gradient stops at r(x)."""
        scores: Tensor = self.decoder(self.scaled(readings.detach()), ids)
        return scores

    def write(self, readings: Reading, *, beam: int = 1) -> Sentences:
        """One sentence for each r(x): greedy for `beam` 1, as in the paper's table, else the best of `beam` sentences.

        Raises:
            SettingError: `beam` is below 1 or above the number of words, or r(x) has another length.
        """
        if not 1 <= beam <= self.vocabulary_size - NUM_SPECIAL:
            raise SettingError(
                f"a beam of 1 to {self.vocabulary_size - NUM_SPECIAL} sentences was expected, not {beam}"
            )
        if readings.shape[1] != self.reading_size:
            raise SettingError(
                f"r(x) must have {self.reading_size} entries, not {readings.shape[1]}; name the same layers"
            )
        was_training = self.training
        self.eval()
        try:
            return self.decoder.beam(self.scaled(readings), width=beam, max_length=self.max_length)
        finally:
            self.train(was_training)

    def sample(self, readings: Reading) -> Sentences:
        """One sentence for each r(x), drawn from the model's own probabilities; see `LRCN.sample`."""
        return self.decoder.sample(self.scaled(readings), max_length=self.max_length)

    def log_probability(self, readings: Reading, ids: TokenIds) -> Float[Tensor, " batch"]:
        """The logarithm of the chance that `sample` draws each of these sentences; see `LRCN.log_probability`."""
        return self.decoder.log_probability(self.scaled(readings.detach()), ids, max_length=self.max_length)
