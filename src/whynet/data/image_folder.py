"""Your own pictures: one folder a split, one folder a class in it; Hugging Face's imagefolder form.

    root/
      train/       <class>/<picture>    one picture or more a class
                   metadata.jsonl       captions, landmarks, boxes (see `image_metadata`); may be absent
      validation/  as train; may be absent, or be called val or valid
      test/        as train; may be absent

Classes are the folders of train in alphabetical order; every other split must have the same. Hidden files and files
that are no pictures by their suffix are passed over. A link may lead anywhere within root, and not out of it.
"""

import logging
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from whynet.base.errors import DataError, SettingError
from whynet.base.image import SUFFIXES, read_image
from whynet.base.paths import path_inside
from whynet.base.types import Landmarks
from whynet.data.bounding_box import clip_box
from whynet.data.example import Example, ExampleDataset, fingerprint_of_files
from whynet.data.image_metadata import FILE_NAME, ImageMetadata, read_image_metadata

_FOLDERS: dict[str, tuple[str, ...]] = {
    "train": ("train",),
    "validation": ("validation", "val", "valid"),
    "test": ("test",),
}
_log = logging.getLogger("whynet")


class ImageFolder(ExampleDataset):
    """One split of a folder of pictures.

    Args:
        root: The folder that holds `train/`.
        split: "train", "validation" or "test"; `splits` says which there are.

    Raises:
        SettingError: `split` is none of the three.
        DataError: The folders, the pictures' places or metadata.jsonl are not as described above.
    """

    def __init__(self, root: Path, split: str = "train") -> None:
        if split not in _FOLDERS:
            raise SettingError(f"a folder of pictures has the splits {', '.join(_FOLDERS)}, not {split!r}; choose one")
        there = self.splits(root)
        if split not in there:
            raise DataError(
                f"{root} has no folder {split}, only {', '.join(there)}; add it or hold out a part of train"
            )
        self.root = root
        self.split = split
        folder, train = _split_folder(root, split), _split_folder(root, "train")
        pictures = _list_pictures(root, folder)
        classes = sorted(pictures) if split == "train" else sorted(path.name for path in _visible_folders(train))
        if split != "train":
            _refuse_other_classes(folder, set(pictures), set(classes))
        self.class_names = tuple(unicodedata.normalize("NFC", name) for name in classes)
        metadata = read_image_metadata(folder)
        self.part_names = _part_names(metadata if split == "train" else read_image_metadata(train))

        paths = {f"{name}/{path.name}": path for name in classes for path in pictures[name]}
        self.names = list(paths)
        self._paths = list(paths.values())
        self.labels = [label for label, name in enumerate(classes) for _ in pictures[name]]
        keys = [unicodedata.normalize("NFC", name) for name in self.names]
        _refuse_rows_without_picture(metadata, set(keys))
        self._metadata = [metadata.get(key, ImageMetadata()) for key in keys]
        self._landmarks = [self._points(row) for row in self._metadata]
        self.captions = [row.captions for row in self._metadata]

    @staticmethod
    def splits(root: Path) -> tuple[str, ...]:
        """The splits that `root` holds, always with "train"; where one is absent, hold out a part of train.

        Raises:
            DataError: There is no folder `train`, or a split is there under two names.
        """
        if not root.is_dir():
            raise DataError(f"expected a folder of pictures at {root}, but there is none; check the path")
        if not (root / "train").is_dir():
            raise DataError(f"{root}: expected the form train/<class>/<picture>, but there is no folder train; make it")
        for names in _FOLDERS.values():
            there = [name for name in names if (root / name).is_dir()]
            if len(there) > 1:
                raise DataError(f"{root} holds the same split twice, as {' and as '.join(there)}; keep one")
        return tuple(split for split, names in _FOLDERS.items() if any((root / name).is_dir() for name in names))

    def __getitem__(self, index: int) -> Example:
        """Open picture `index`; raises `DataError` if it, its box or its landmarks cannot be used."""
        name, image = self.names[index], read_image(self._paths[index])
        box = self._metadata[index].box
        return Example(
            name=name,
            image=image,
            label=self.labels[index],
            captions=self.captions[index],
            landmarks=self._landmarks[index],
            box=None if box is None else clip_box(box, image, name),
        )

    def fingerprint(self) -> str:
        """What the pictures and their order depend on, as a hex digest; see `fingerprint_of_files`."""
        return fingerprint_of_files(self, self._paths)

    def _points(self, row: ImageMetadata) -> Landmarks | None:
        if row.landmarks is None:
            return None
        if unknown := sorted(row.landmarks.keys() - set(self.part_names)):
            raise DataError(
                f"{row.where}: the landmark {unknown[0]!r} is none of those in train "
                f"({', '.join(self.part_names) or 'which has none'}); correct the name"
            )
        if not self.part_names:
            return None
        points = [row.landmarks.get(part) for part in self.part_names]
        return np.array([(0.0, 0.0, 0.0) if point is None else (*point, 1.0) for point in points], dtype=np.float64)


def _split_folder(root: Path, split: str) -> Path:
    name = next(name for name in _FOLDERS[split] if (root / name).is_dir())
    return _within(root, root / name)


def _within(root: Path, path: Path) -> Path:
    """`path`, unless it cannot be written as text or is a link that leaves `root`."""
    name = path.relative_to(root).as_posix()
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(f"{root} holds {name!r}, whose name is not UTF-8 text; rename it") from error
    return path_inside(root, name) if path.is_symlink() else path


def _entries(folder: Path) -> Iterator[Path]:
    """What a folder holds, in alphabetical order, less hidden files."""
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder} cannot be listed ({error.strerror}); check its permissions") from error
    return (path for path in paths if not path.name.startswith("."))


def _visible_folders(folder: Path) -> list[Path]:
    return [path for path in _entries(folder) if path.is_dir()]


def _list_pictures(root: Path, folder: Path) -> dict[str, list[Path]]:
    """The pictures of each class folder; every class has at least one."""
    pictures: dict[str, list[Path]] = {}
    passed_over = 0
    for entry in _entries(folder):
        _within(root, entry)
        if not entry.is_dir():
            if entry.suffix.lower() in SUFFIXES:
                raise DataError(f"{entry} lies in no class; move it to {folder.name}/<class>/")
            passed_over += entry.name != FILE_NAME
            continue
        pictures[entry.name] = []
        for path in _entries(entry):
            _within(root, path)
            if path.is_dir():
                raise DataError(
                    f"{path} is a folder within a class; move its pictures up to {folder.name}/{entry.name}/"
                )
            if path.suffix.lower() in SUFFIXES:
                pictures[entry.name].append(path)
            else:
                passed_over += 1
    if not pictures:
        raise DataError(f"{folder}: expected one folder a class with its pictures, but there is none; make them")
    if empty := [name for name, paths in pictures.items() if not paths]:
        raise DataError(f"{folder}: no picture in {_some(empty)}; add pictures or remove the folder")
    if passed_over:
        _log.info("%s: passing over %d files that are no pictures", folder, passed_over)
    return pictures


def _refuse_other_classes(folder: Path, ours: set[str], theirs: set[str]) -> None:
    if lacking := sorted(theirs - ours):
        raise DataError(f"{folder} lacks the classes {_some(lacking)}, which train has; add or remove them in both")
    if extra := sorted(ours - theirs):
        raise DataError(f"{folder} has the classes {_some(extra)}, which train lacks; add or remove them in both")


def _refuse_rows_without_picture(metadata: dict[str, ImageMetadata], names: set[str]) -> None:
    for name, row in metadata.items():
        if name not in names:
            raise DataError(f"{row.where}: there is no picture {name}; expected <class>/<file> as it is on the disk")


def _part_names(metadata: dict[str, ImageMetadata]) -> tuple[str, ...]:
    return tuple(sorted({part for row in metadata.values() for part in row.landmarks or ()}))


def _some(names: list[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
