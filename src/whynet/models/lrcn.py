"""LRCN "2f": the language model that writes InterpNET's sentences.

Donahue et al., "Long-term Recurrent Convolutional Networks for Visual Recognition and Description", CVPR 2015,
arXiv:1411.4389 (two layers, factored); as used by InterpNET, arXiv:1710.09511, section 2.3:

    h1_t = LSTM1(embedding(w_{t-1}))
    h2_t = LSTM2(W [h1_t, r(x)])
    P(w_t | w_<t, x) = softmax(V h2_t)

r(x) does not change along a sentence, so its half of W, W_r r(x), is computed once and added at each step.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from whynet.base.tokens import PADDING, START, STOP, UNKNOWN
from whynet.base.types import Reading, TokenIds

State = tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sentences:
    """Sentences as ids, from START (not included) to the first STOP, then PADDING.

    Args:
        ids: One row a sentence.
        probabilities: Of each word given the words before it, in [0, 1]; 1 at the padding.
    """

    ids: Int[Tensor, "batch time"]
    probabilities: Float[Tensor, "batch time"]


class LRCN(nn.Module):
    """Two LSTMs; the second sees the first and r(x).

    Args:
        vocabulary_size: Number of words, the four special ones included.
        reading_size: Length of r(x).
        embedding_size: Length of a word's vector.
        hidden_size: Units of each LSTM.
        projection_size: Length of W [h1, r(x)].
        dropout: Share of the LSTMs' outputs dropped in training.
    """

    def __init__(
        self,
        *,
        vocabulary_size: int,
        reading_size: int,
        embedding_size: int,
        hidden_size: int,
        projection_size: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, embedding_size, padding_idx=PADDING)
        self.first = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.project_hidden = nn.Linear(hidden_size, projection_size)
        self.project_reading = nn.Linear(reading_size, projection_size, bias=False)
        self.second = nn.LSTM(projection_size, hidden_size, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden_size, vocabulary_size)
        for layer in (self.first, self.second):
            _initialise(layer)
        for linear in (self.project_hidden, self.project_reading, self.output):
            nn.init.xavier_uniform_(linear.weight)

    def forward(self, readings: Reading, ids: TokenIds) -> Float[Tensor, "batch time vocabulary"]:
        """Teacher forcing: the logits of the word that follows each of `ids`; ids start with START."""
        scores, _ = self._step(self.project_reading(readings), ids, None)
        return scores

    def _step(
        self, projected: Float[Tensor, "batch projection"], ids: TokenIds, state: State | None
    ) -> tuple[Float[Tensor, "batch time vocabulary"], State]:
        first, second = (None, None) if state is None else state
        h1, first = self.first(self.embedding(ids), first)  # (B, T, H)
        mixed = self.project_hidden(self.dropout(h1)) + projected[:, None]  # (B, T, P)
        h2, second = self.second(mixed, second)  # (B, T, H)
        return self.output(self.dropout(h2)), (first, second)

    @torch.no_grad()
    def greedy(self, readings: Reading, *, max_length: int) -> Sentences:
        """The likeliest next word at each step; a full stop ends a sentence that has reached `max_length` words."""
        return self.beam(readings, width=1, max_length=max_length)

    @torch.no_grad()
    def beam(self, readings: Reading, *, width: int, max_length: int) -> Sentences:
        """The best of `width` sentences kept side by side.

        Sentences of different lengths are compared by log P / ((5 + length) / 6)^0.7 (Wu et al. 2016,
        arXiv:1609.08144, equation 14, with alpha = 0.7 as in the authors' code). PADDING, START and UNKNOWN are never
        written, nor a sentence without a word. `length` counts the full stop.

        Args:
            readings: r(x) of each image.
            width: Sentences kept at each step; 1 is greedy decoding. At least 1.
            max_length: Most words before the full stop, at least 1; a full stop is then appended.
        """
        batch, device = len(readings), readings.device
        projected = self.project_reading(readings).repeat_interleave(width, 0)  # (B * W, P)
        ids = torch.full((batch, width, 0), PADDING, device=device)
        chances = torch.ones(batch, width, 0, device=device)
        # At first all beams of an image are the same: only one of them may go on.
        totals = torch.full((batch, width), -torch.inf, device=device)
        totals[:, 0] = 0
        ended = torch.zeros(batch, width, dtype=torch.bool, device=device)
        lengths = torch.zeros(batch, width, device=device)
        words = torch.full((batch * width, 1), START, device=device)
        state: State | None = None
        for step in range(max_length + 1):
            scores, state = self._step(projected, words, state)
            log_p = scores[:, -1].log_softmax(1).view(batch, width, -1)  # (B, W, V)
            candidates = _allowed(log_p, ended, first=step == 0, last=step == max_length) + totals[..., None]
            parents, chosen, totals, lengths = _best(candidates, lengths, ended, width)
            chance = log_p.exp().flatten(1).gather(1, parents * log_p.shape[2] + chosen)  # (B, W)
            ended = ended.gather(1, parents)
            ids = torch.cat([_follow(ids, parents), chosen.masked_fill(ended, PADDING)[..., None]], 2)
            chances = torch.cat([_follow(chances, parents), chance.masked_fill(ended, 1)[..., None]], 2)
            ended = ended | (chosen == STOP)
            if ended.all():
                break
            rows = (parents + torch.arange(batch, device=device)[:, None] * width).flatten()
            state = _reorder(state, rows)
            words = chosen.view(-1, 1)
        best = (totals / _length_penalty(lengths)).argmax(1)[:, None]
        return Sentences(ids=_follow(ids, best)[:, 0], probabilities=_follow(chances, best)[:, 0])

    @torch.no_grad()
    def sample(self, readings: Reading, *, max_length: int) -> Sentences:
        """One sentence for each r(x), drawn word by word from the model's own probabilities, without dropout.

        Torch's global generator draws. What `beam` never writes is never drawn: the probabilities of the other words
        are brought to a sum of 1.

        Args:
            readings: r(x) of each image.
            max_length: Most words before the full stop, at least 1; a full stop is then appended.

        Returns:
            The sentences; their probabilities are those that the words were drawn with.
        """
        projected = self.project_reading(readings)  # (B, P)
        words = torch.full((len(readings), 1), START, device=readings.device)
        ended = torch.zeros(len(readings), dtype=torch.bool, device=readings.device)
        ids, chances = [], []
        state: State | None = None
        with self._without_dropout():
            for step in range(max_length + 1):
                scores, state = self._step(projected, words, state)
                chance = _allowed(scores, ended[:, None], first=step == 0, last=step == max_length)[:, 0].softmax(1)
                words = torch.multinomial(chance, 1)  # (B, 1)
                ids.append(words.masked_fill(ended[:, None], PADDING))
                chances.append(chance.gather(1, words))  # 1 where the sentence has ended
                ended = ended | (words[:, 0] == STOP)
                if ended.all():
                    break
        return Sentences(ids=torch.cat(ids, 1), probabilities=torch.cat(chances, 1))

    def log_probability(self, readings: Reading, ids: TokenIds, *, max_length: int) -> Float[Tensor, " batch"]:
        """The logarithm of the chance that `sample` draws each of these sentences, with gradient, without dropout.

        Args:
            readings: r(x) of each image.
            ids: Sentences as `sample` returns them; others that it can never draw have minus infinity.
            max_length: The one that they were drawn with.

        Returns:
            The sum over the words, in nats; at most 0.
        """
        with self._without_dropout():
            scores = self(readings, F.pad(ids[:, :-1], (1, 0), value=START))  # (B, T, V)
        going = torch.zeros(len(ids), 1, dtype=torch.bool, device=ids.device)
        steps = [
            _allowed(scores[:, step, None], going, first=step == 0, last=step == max_length)
            for step in range(ids.shape[1])
        ]
        log_p = torch.cat(steps, 1).log_softmax(2).gather(2, ids[..., None])[..., 0]  # (B, T)
        return log_p.masked_fill(ids == PADDING, 0).sum(1)

    @contextmanager
    def _without_dropout(self) -> Iterator[None]:
        """Not `eval()` of the whole: cuDNN's LSTMs have a gradient in training mode alone."""
        was_training = self.dropout.training
        self.dropout.eval()
        try:
            yield
        finally:
            self.dropout.train(was_training)


def _initialise(lstm: nn.LSTM) -> None:
    """Xavier inputs, orthogonal recurrence and a forget gate that starts open; torch's own start learns far slower."""
    parameters = dict(lstm.named_parameters())
    nn.init.xavier_uniform_(parameters["weight_ih_l0"])
    nn.init.orthogonal_(parameters["weight_hh_l0"])
    nn.init.zeros_(parameters["bias_hh_l0"])
    nn.init.zeros_(parameters["bias_ih_l0"])
    with torch.no_grad():
        parameters["bias_ih_l0"][lstm.hidden_size : 2 * lstm.hidden_size] = 1  # gates: input, forget, cell, output


def _allowed(
    log_p: Float[Tensor, "batch width vocabulary"], ended: Bool[Tensor, "batch width"], *, first: bool, last: bool
) -> Float[Tensor, "batch width vocabulary"]:
    """Log-probabilities with what may not follow at minus infinity; an ended sentence goes on with STOP at no cost."""
    allowed = log_p.clone()
    allowed[..., [PADDING, START, UNKNOWN]] = -torch.inf
    if first:
        allowed[..., STOP] = -torch.inf
    if last:
        stop = allowed[..., STOP].clone()
        allowed[:] = -torch.inf
        allowed[..., STOP] = stop
    frozen = torch.full_like(allowed[0, 0], -torch.inf)
    frozen[STOP] = 0
    return torch.where(ended[..., None], frozen, allowed)


def _best(
    candidates: Float[Tensor, "batch width vocabulary"],
    lengths: Float[Tensor, "batch width"],
    ended: Bool[Tensor, "batch width"],
    width: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The `width` best continuations of each image: their parents, words, log-probabilities and lengths."""
    longer = lengths + (~ended).float()
    ranked = candidates / _length_penalty(longer)[..., None]
    chosen = ranked.flatten(1).topk(width, 1).indices  # (B, W)
    parents, words = chosen // candidates.shape[2], chosen % candidates.shape[2]
    return parents, words, candidates.flatten(1).gather(1, chosen), longer.gather(1, parents)


def _length_penalty(lengths: Tensor) -> Tensor:
    penalty: Tensor = ((5 + lengths) / 6) ** 0.7
    return penalty


def _follow(history: Tensor, parents: Int[Tensor, "batch width"]) -> Tensor:
    """The histories (batch, width, time) of the chosen parents."""
    return history.gather(1, parents[..., None].expand(-1, -1, history.shape[2]))


def _reorder(state: State, rows: Int[Tensor, " rows"]) -> State:
    (h1, c1), (h2, c2) = state
    return (h1[:, rows], c1[:, rows]), (h2[:, rows], c2[:, rows])
