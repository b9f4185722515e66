"""What a network computes, as one short hash: with equal hashes, the r(x) of a picture is equal.

The hash holds everything that an `Introspection` of a `Subject` can be seen to depend on:

- parameters and buffers, saved or not, with whatever else the state dict holds: name, type, shape and bytes;
- `repr` of the network, and each module's class and attributes: numbers, texts, tensors, functions, nested or not;
- hooks of the modules;
- for each class and function that is neither Python's nor torch's: the byte code that will run, the text of the file
  that it comes from, the version of its package and, unless that is an installed one, the constants and functions of
  the module that it names;
- the layers to read, the preprocessing, the class names, and the kind of device.

What it cannot see: code reached in other ways (a class that the forward pass makes, a function looked up by its name),
an installed package that was edited in place, a file or a setting of the process that the forward pass reads, and what
lies inside an object of Python, torch or compiled code. Whoever changes such a thing must empty the caches that rely
on this hash.
"""

import dataclasses
import enum
import functools
import inspect
import re
import sys
import types
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from whynet.models.introspection import Introspection
from whynet.models.preprocessing import Preprocessing

_PLAIN = (type(None), type(...), bool, int, float, complex, str, bytes, range, slice)
_REPRESENTED = (enum.Enum, PurePath, np.dtype, torch.dtype, torch.device, torch.layout, torch.memory_format)
_FOREIGN = {*sys.stdlib_module_names, "torch", "numpy", "lightning", "pytorch_lightning"}
"""Packages whose code is taken to be told by its name; torch's version belongs beside the hash."""
_CONSTANT = (tuple, frozenset, types.CodeType)
"""Whether two equal ones are one object depends on how Python loaded the file."""
_BOOKKEEPING = frozenset(vars(nn.Module()))
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def introspection_fingerprint(introspection: Introspection) -> str | None:
    """A hex digest of everything that the readings and the logits depend on, but for the pictures.

    Args:
        introspection: Any; the network is not run.

    Returns:
        The digest, the same in every process; or None where it cannot be trusted: the preprocessing is no
        `Preprocessing`, the network is compiled by TorchScript, or a tensor's bytes cannot be read (sparse, quantised,
        or without content).
    """
    subject, network = introspection.subject, introspection.subject.network
    if not isinstance(subject.preprocess, Preprocessing):
        return None
    writer = _Writer()
    try:
        writer.value((subject.device.type, torch.get_float32_matmul_precision(), _ADDRESS.sub("", repr(network))))
        for holder, unread in ((introspection, "subject"), (subject, "name")):
            writer.value(type(holder))
            writer.value({name: value for name, value in vars(holder).items() if name != unread})
        known = {name for name, _ in network.named_parameters(remove_duplicate=False)}
        known |= {name for name, _ in network.named_buffers(remove_duplicate=False)}
        writer.value({name: value for name, value in network.state_dict().items() if name not in known})
    except (_UnseenError, RecursionError):
        return None
    return writer.digest.hexdigest()


class _UnseenError(Exception):
    """Something whose content cannot be read."""


class _Writer:
    """Feeds a hash so that no two different values give the same bytes."""

    def __init__(self) -> None:
        self.digest = blake2b(digest_size=16)
        self._numbers: dict[int, int] = {}
        self._kept: list[object] = []  # an id is unique only among what is alive
        self._files: set[str] = set()

    def value(self, value: Any) -> None:
        """Any value; what cannot be looked into counts by the name of its class."""
        if type(value) in _PLAIN:
            self._write(type(value).__name__, repr(value).encode("utf-8", "surrogatepass"))
        elif isinstance(value, _REPRESENTED):
            self._write(_name(type(value)), repr(value).encode())
        elif isinstance(value, (Tensor, np.ndarray, np.generic)):
            self._array(value)
        elif isinstance(value, _CONSTANT) or not self._met_before(value):
            self._compound(value)

    def _write(self, kind: str, content: bytes = b"") -> None:
        self.digest.update(f"{kind} {len(content)}\0".encode())
        self.digest.update(content)

    def _met_before(self, value: object) -> bool:
        """Whether this very object came already: cycles end, and a shared module differs from its copy."""
        number = self._numbers.setdefault(id(value), len(self._numbers))
        if number < len(self._kept):
            self._write("again", str(number).encode())
            return True
        self._kept.append(value)
        return False

    def _array(self, array: Tensor | np.ndarray | np.generic) -> None:
        try:
            if isinstance(array, Tensor):
                flat = array.detach().cpu().resolve_conj().resolve_neg().contiguous().flatten()
                content = flat.view(torch.uint8).numpy()
            else:
                content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        except (RuntimeError, NotImplementedError, TypeError, ValueError) as error:
            raise _UnseenError(str(error)) from error
        self._write(f"{type(array).__name__} {array.dtype} {tuple(array.shape)}", content.tobytes())

    def _compound(self, value: Any) -> None:
        if isinstance(value, Mapping):
            self._items(_name(type(value)), value.items())
        elif isinstance(value, (list, tuple)):
            self._items(_name(type(value)), enumerate(value))
        elif isinstance(value, (set, frozenset)):
            self._items(_name(type(value)), enumerate(sorted(_ADDRESS.sub("", repr(item)) for item in value)))
        elif isinstance(value, types.CodeType):
            self._items("code", enumerate((value.co_code, value.co_names, value.co_consts)))
        elif isinstance(value, type):
            self._class(value)
        elif isinstance(value, nn.Module):
            self._module(value)
        elif isinstance(value, functools.partial):
            self._items("partial", enumerate((value.func, value.args, value.keywords)))
        elif isinstance(value, types.MethodType):
            self._items("method", enumerate((value.__func__, value.__self__)))
        elif inspect.isroutine(value) or hasattr(value, "__wrapped__"):
            self._function(value)
        else:
            self._object(value)

    def _items(self, kind: str, items: Iterable[tuple[Any, Any]]) -> None:
        items = list(items)
        self._write(kind, str(len(items)).encode())
        for key, value in items:
            self.value(key)
            self.value(value)

    def _module(self, module: nn.Module) -> None:
        if isinstance(module, torch.jit.ScriptModule):
            raise _UnseenError("a compiled forward pass")
        attributes = {name: value for name, value in vars(module).items() if name not in _BOOKKEEPING}
        hooks = [[*module._forward_pre_hooks.values()], [*module._forward_hooks.values()]]
        self.value(type(module))
        if isinstance(module, torch.fx.GraphModule):
            self.value(module.code)
        self._items("module", {**attributes, **module._parameters, **module._buffers, **module._modules}.items())
        self._items("hooks", enumerate(hooks))

    def _object(self, value: Any) -> None:
        self.value(type(value))
        if _is_foreign(type(value)):
            return
        fields = [field.name for field in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else []
        attributes = {name: getattr(value, name) for name in fields} | getattr(value, "__dict__", {})
        self._items("object", attributes.items())

    def _class(self, cls: type) -> None:
        self._write("class", _name(cls).encode())
        for base in cls.__mro__:
            if _is_foreign(base):
                continue
            self._file(base.__module__)
            for name, member in vars(base).items():
                if isinstance(member, property):
                    self._items(name, enumerate((member.fget, member.fset)))
                elif isinstance(member, (staticmethod, classmethod)):
                    self._items(name, [(type(member).__name__, member.__func__)])
                elif inspect.isfunction(member):
                    self._items(name, [("function", member)])
                elif not name.startswith("__"):
                    self._items(name, [("member", member)])

    def _function(self, function: Any) -> None:
        function = inspect.unwrap(function)
        self._write("function", f"{function.__module__} {getattr(function, '__qualname__', '')}".encode())
        if _is_foreign(function) or not inspect.isfunction(function):
            return
        self._file(function.__module__)
        self.value((function.__code__, function.__defaults__, function.__kwdefaults__))
        self._items("globals", _named_globals(function))
        for cell in function.__closure__ or ():
            try:
                self.value(cell.cell_contents)
            except ValueError:  # nothing was bound to it yet
                self._write("empty")

    def _file(self, module: str) -> None:
        if module not in self._files:
            self._files.add(module)
            package = sys.modules.get(module.partition(".")[0])
            self._write("file", f"{getattr(package, '__version__', '')}\0{_source(module)}".encode())


def _named_globals(function: types.FunctionType) -> list[tuple[str, Any]]:
    """What a function names outside itself, as far as it is a constant or a function: `scale`, `act`, `shapes.act`.

    Nothing for an installed package, whose version says as much.
    """
    found, names = function.__globals__, _names(function.__code__)
    if {"site-packages", "dist-packages"} & {*PurePath(str(found.get("__file__"))).parts}:
        return []
    places = [found, *(vars(found[name]) for name in names if inspect.ismodule(found.get(name)))]
    values = [(name, place[name]) for place in places for name in names if name in place]
    return [(name, value) for name, value in values if type(value) in _PLAIN or inspect.isfunction(value)]


def _names(code: types.CodeType) -> list[str]:
    inner = (_names(constant) for constant in code.co_consts if isinstance(constant, types.CodeType))
    return sorted({*code.co_names, *(name for names in inner for name in names)})


def _source(module: str) -> str:
    try:
        return inspect.getsource(sys.modules[module])
    except (KeyError, OSError, TypeError):
        return ""  # typed in a console or compiled; byte code is seen nevertheless


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _is_foreign(thing: Any) -> bool:
    return str(getattr(thing, "__module__", None) or "builtins").partition(".")[0] in _FOREIGN
