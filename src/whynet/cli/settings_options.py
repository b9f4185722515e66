"""Turns settings dataclasses into command line options, so that a setting is described in one place only.

A field's metadata hold its help, as `also` a second name of the option, if it has one, and as `read` what makes a value
of a text, where the value is none that Typer knows; without a value such an option is not there.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields
from typing import Annotated, Any, get_type_hints

import typer


@dataclass(frozen=True, kw_only=True)
class Group:
    """One settings dataclass on the command line.

    Args:
        settings: A dataclass whose fields carry their help.
        title: Of the group in the help text.
        prefix: Of each option's name, such as "classifier".
        renamed: Options with a name of their own, by field.
    """

    settings: type
    title: str
    prefix: str = ""
    renamed: tuple[tuple[str, str], ...] = ()

    def parameter(self, field: "Field[Any]") -> str:
        """The name of a field's parameter."""
        name = dict(self.renamed).get(field.name, field.name)
        return f"{self.prefix}_{name}" if self.prefix else name


def with_settings(**groups: Group) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of each group; it receives, by the group's name, the values that the user gave."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command)
        own = [parameter for name, parameter in signature.parameters.items() if name not in groups]
        added = [
            inspect.Parameter(
                group.parameter(field),
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=_annotation(group, field),
            )
            for group in groups.values()
            for field in fields(group.settings)
        ]

        @functools.wraps(command)
        def run(*, context: Any, **values: Any) -> None:
            given = {
                name: {
                    field.name: field.metadata.get("read", _as_it_is)(values[group.parameter(field)])
                    for field in fields(group.settings)
                    if _was_given(context, group.parameter(field))
                }
                for name, group in groups.items()
            }
            command(**{parameter.name: values[parameter.name] for parameter in own}, **given)

        context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        keyword_only = [context, *(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own)]
        run.__signature__ = signature.replace(parameters=[*keyword_only, *added])  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in [*keyword_only, *added]}
        return run

    return decorate


def _as_it_is(value: Any) -> Any:
    return value


def _was_given(context: Any, parameter: str) -> bool:
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"


def _annotation(group: Group, field: "Field[Any]") -> Any:
    assert field.default is not MISSING
    kind = get_type_hints(group.settings)[field.name]
    if "read" in field.metadata:
        kind = str | None
    option = "--" + group.parameter(field).replace("_", "-")
    if kind is bool:
        option = f"{option}/--no-{option.removeprefix('--')}"
    names = [option, *filter(None, [field.metadata.get("also")])]
    return Annotated[kind, typer.Option(*names, help=field.metadata["help"], rich_help_panel=group.title)]
