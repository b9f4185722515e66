"""The Explainer: the subject of a run with all that was trained to explain it, ready for pictures."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from whynet.base.errors import RunError, SettingError
from whynet.base.explanation import Explanation, Explanations, Grounding, LayerContribution, UnitContribution, Word
from whynet.base.graph_node import GraphNode
from whynet.base.tokens import PADDING
from whynet.base.tree_step import TreeStep
from whynet.base.types import Labels, Logits, Picture, Reading, TokenIds
from whynet.data.function_words import is_content_word
from whynet.data.vocabulary import Vocabulary
from whynet.models.class_embedding import ClassEmbedding
from whynet.models.grounding import ground_words, strongest_units
from whynet.models.interpnet import InterpNET
from whynet.models.introspection import Segments
from whynet.models.preprocessing import Preprocessing
from whynet.models.saved_network import load_network
from whynet.models.saved_subject import load_subject
from whynet.models.variants import VARIANTS
from whynet.training.hardware import Hardware
from whynet.workflows.concepts.explaining import ConceptReader, Reasons
from whynet.workflows.decision_trees.explaining import TreeReader
from whynet.workflows.graph.explaining import GraphReader
from whynet.workflows.reading import introspection_of
from whynet.workflows.run import CLASS_EMBEDDING, CLASSIFIER, EXPLAINER, Run
from whynet.workflows.settings import TrainSettings

BATCH_SIZE = 64
NUM_UNITS = 5
"""The strongest units that the grounding of a word names."""
STRUCTURES = ("tree", "graph")
"""What an explanation may add of a run's structures."""


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A written sentence and its words with their probabilities."""

    text: str
    words: tuple[Word, ...]


class Explainer:
    """The subject and the explainer of a run, ready for pictures.

    Args:
        run: A run, or its folder.
        device: Where to compute: "cpu", "cuda", ..., or "auto".
        allow: "package.module:function" that may run, where the run explains the user's own network.

    Raises:
        RunError: The run is absent or damaged, its classifier is not trained yet, or its concepts are of another.
        SubjectError: The run explains a network whose code was not allowed.
    """

    def __init__(self, run: Run | str | Path, *, device: str = "auto", allow: str | None = None) -> None:
        self.run = run if isinstance(run, Run) else Run.open(run)
        self.run.check_classifier()
        self.settings = TrainSettings.from_json(self.run.settings)
        self.device = Hardware(device=device).torch_device()
        self.subject = load_subject(self.run.folder / CLASSIFIER, function=allow).to(self.device)
        self.introspection = introspection_of(self.settings.model, self.subject)
        self.concepts = ConceptReader(self.run, self.subject)
        self.class_embedding: ClassEmbedding | None = None
        self.writes = self.run.is_complete(EXPLAINER)
        if self.writes:
            self.interpnet = load_network(InterpNET, self.run.folder / EXPLAINER).to(self.device)
            if VARIANTS[self.settings.model.variant].class_embedding:
                self.class_embedding = load_network(ClassEmbedding, self.run.folder / CLASS_EMBEDDING).to(self.device)
            self.vocabulary = Vocabulary.from_json(self.run.read(f"{EXPLAINER}/vocabulary.json"))
            if len(self.vocabulary) != self.interpnet.vocabulary_size:
                raise RunError(
                    f"the words and the explainer in {self.run.folder} do not belong together; train it again"
                )

    def explain(
        self,
        pictures: Sequence[Picture],
        names: Sequence[str],
        *,
        beam: int = 1,
        grounded: bool = True,
        structures: Collection[str] = (),
    ) -> Explanations:
        """One explanation a picture.

        Args:
            pictures: RGB, 0 to 255, any sizes.
            names: What to call each.
            beam: Sentences kept side by side while one is written; 1 is greedy.
            grounded: Whether to trace each content word back to the layers and units it came from.
            structures: "tree" adds the way down the decision tree of the class, "graph" the surest nodes of its
                explanatory graph, where the run has one.

        Raises:
            SettingError: The counts differ, the beam is out of range, or a structure is unknown.
            RunError: The run has no such structure.
        """
        structures = {structures} if isinstance(structures, str) else set(structures)
        if unknown := set(structures) - set(STRUCTURES):
            raise SettingError(f"{', '.join(sorted(unknown))} is unknown; choose out of {', '.join(STRUCTURES)}")
        if len(pictures) != len(names):
            raise SettingError(f"one name for each of {len(pictures)} pictures was expected, not {len(names)}")
        explanations = Explanations()
        for start in range(0, len(pictures), BATCH_SIZE):
            batch = slice(start, start + BATCH_SIZE)
            images = self.subject.preprocess(pictures[batch])
            readings, logits = self.introspection.read(images)
            readings, reasons = self.conditioned(readings, logits), self.concepts.reasons(images, logits)
            sentences = self.sentences(readings, beam=beam)
            if grounded:
                sentences = self.ground(readings, sentences)
            steps = self.trees.steps(images, logits) if "tree" in structures else [()] * len(images)
            nodes = (
                self.graphs.nodes(images, logits, pictures[batch]) if "graph" in structures else [None] * len(images)
            )
            explanations += [
                _explanation(self.subject.class_names, row, sentence, why, tree, graph, name, picture)
                for row, sentence, why, tree, graph, name, picture in zip(
                    logits, sentences, reasons, steps, nodes, names[batch], pictures[batch], strict=True
                )
            ]
        return explanations

    @cached_property
    def trees(self) -> TreeReader:
        """The decision trees of the run; raises `RunError` if it has none."""
        return TreeReader(self.run, self.subject)

    @cached_property
    def graphs(self) -> GraphReader:
        """The explanatory graphs of the run; raises `RunError` if it has none."""
        return GraphReader(self.run, self.subject)

    def read(self, pictures: Sequence[Picture]) -> tuple[Reading, Logits]:
        """What the explainer sees of each picture and the logits of the subject."""
        readings, logits = self.introspection.read(self.subject.preprocess(pictures))
        return self.conditioned(readings, logits), logits

    @property
    def reads_the_class(self) -> bool:
        """Whether what the explainer sees tells it the class outright."""
        return self.class_embedding is not None or self.introspection.probabilities

    def conditioned(
        self, readings: Reading, logits: Logits, classes: Labels | None = None
    ) -> Float[Tensor, "batch seen"]:
        """What the explainer sees where the network is taken to have named given classes.

        Args:
            readings: r(x) of each picture, as the introspection gives it.
            logits: Of each.
            classes: One a picture; None: the predicted one, under which r(x) stays as it is. In r(x) the probabilities
                of the predicted class and of this one change places.

        Returns:
            r(x), and behind it the class's embedding where the explainer is the baseline's.
        """
        classes = logits.argmax(1) if classes is None else classes
        if self.class_embedding is not None:
            with_class: Tensor = self.class_embedding(readings.to(self.device), classes.to(self.device))
            return with_class.to(readings.device)
        if not self.introspection.probabilities:
            return readings
        rows, first = torch.arange(len(readings)), readings.shape[1] - logits.shape[1]
        predicted, named = first + logits.argmax(1).cpu(), first + classes.cpu()
        exchanged = readings.clone()
        exchanged[rows, predicted], exchanged[rows, named] = readings[rows, named], readings[rows, predicted]
        return exchanged

    @cached_property
    def segments(self) -> Segments:
        """The parts of what the explainer sees: those of r(x), then "class embedding" where it sees one."""
        parts = self.introspection.segments()
        if self.class_embedding is None:
            return parts
        return (*parts, ("class embedding", self.class_embedding.vectors.shape[1]))

    def sentences(self, readings: Reading, *, beam: int = 1) -> list[Sentence | None]:
        """A sentence for each r(x); None where the run has no explainer."""
        if not self.writes:
            return [None] * len(readings)
        written = self.interpnet.write(readings.to(self.device), beam=beam)
        return [
            self._sentence(ids, p) for ids, p in zip(written.ids.tolist(), written.probabilities.tolist(), strict=True)
        ]

    def ids(self, sentences: Sequence[Sentence]) -> TokenIds:
        """The ids of sentences that this explainer wrote, one row each, padded, on its device."""
        index = {word: number for number, word in enumerate(self.vocabulary.words)}
        rows = [torch.tensor([index[word.text] for word in sentence.words]) for sentence in sentences]
        return pad_sequence(rows, batch_first=True, padding_value=PADDING).to(self.device)

    def ground(self, readings: Reading, sentences: Sequence[Sentence | None]) -> list[Sentence | None]:
        """The same sentences, each content word with the layers and units of r(x) that it came from.

        Args:
            readings: r(x) of each picture.
            sentences: What this explainer wrote of each; None stays None.
        """
        written = [(row, sentence) for row, sentence in enumerate(sentences) if sentence is not None]
        grounded = list(sentences)
        for start in range(0, len(written), BATCH_SIZE):
            rows, batch = zip(*written[start : start + BATCH_SIZE], strict=True)
            found = ground_words(self.interpnet, readings[list(rows)].to(self.device), self.ids(batch), self.segments)
            figures = zip(found.contributions.cpu(), found.layers.cpu(), found.shares.cpu(), strict=True)
            for row, sentence, (contributions, layers, shares) in zip(rows, batch, figures, strict=True):
                words = tuple(
                    replace(word, grounding=_grounding(self.segments, contributions[t], layers[t], shares[t]))
                    if is_content_word(word.text)
                    else word
                    for t, word in enumerate(sentence.words)
                )
                grounded[row] = replace(sentence, words=words)
        return grounded

    def _sentence(self, ids: list[int], probabilities: list[float]) -> Sentence:
        words = tuple(
            Word(text=self.vocabulary.words[index], probability=probability)
            for index, probability in zip(ids, probabilities, strict=True)
            if index != PADDING
        )
        return Sentence(text=self.vocabulary.decode(ids), words=words)


def _grounding(
    segments: Segments, contributions: Float[Tensor, " reading"], layers: Float[Tensor, " segments"], shares: Tensor
) -> Grounding:
    figures = zip(segments, layers.tolist(), shares.tolist(), strict=True)
    return Grounding(
        layers=tuple(
            LayerContribution(name=name, contribution=contribution, share=share)
            for (name, _), contribution, share in figures
        ),
        units=tuple(
            UnitContribution(layer=layer, unit=unit, contribution=contribution)
            for layer, unit, contribution in strongest_units(contributions, segments, NUM_UNITS)
        ),
    )


def _explanation(
    class_names: Sequence[str],
    logits: torch.Tensor,
    sentence: Sentence | None,
    why: Reasons,
    tree: tuple[TreeStep, ...],
    graph: tuple[GraphNode, ...] | None,
    name: str,
    picture: Picture,
) -> Explanation:
    probabilities = logits.float().softmax(0)
    index = int(probabilities.argmax())
    side = max(picture.shape[:2])
    scale = min(1.0, 160 / side)
    small = Preprocessing(
        height=max(1, round(picture.shape[0] * scale)), width=max(1, round(picture.shape[1] * scale))
    ).resize(picture)
    return Explanation(
        image_name=name,
        class_index=index,
        class_name=class_names[index],
        probability=float(probabilities[index]),
        sentence=sentence.text if sentence else None,
        words=sentence.words if sentence else (),
        reasons=why.reasons,
        tree=tree,
        graph=graph,
        faithfulness=why.faithfulness,
        thumbnail=small,
    )
