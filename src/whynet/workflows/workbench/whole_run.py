"""Whether all that explains pictures is in a run and may be opened: told at the start, not picture by picture."""

from whynet.models.saved_network import check_saved
from whynet.models.saved_subject import check_subject
from whynet.models.variants import VARIANTS
from whynet.workflows.run import CLASS_EMBEDDING, CLASSIFIER, EXPLAINER, Run
from whynet.workflows.settings import TrainSettings


def check_whole(run: Run, allow: str | None) -> None:
    """Look at the files of a run and at the beginnings of its weights; no network is built.

    Args:
        run: Which.
        allow: "package.module:function" that may run; it is imported where the run needs it, and not called.

    Raises:
        RunError: The classifier is not trained yet, or a file of it or of the explainer is absent or damaged.
        StorageError: A description is absent or damaged.
        SubjectError: The run explains a network whose code was not allowed, or cannot be imported.
    """
    run.check_classifier()
    check_subject(run.folder / CLASSIFIER, function=allow)
    if not run.is_complete(EXPLAINER):
        return
    check_saved(run.folder / EXPLAINER)
    run.read(f"{EXPLAINER}/vocabulary.json")
    if VARIANTS[TrainSettings.from_json(run.settings).model.variant].class_embedding:
        check_saved(run.folder / CLASS_EMBEDDING)
