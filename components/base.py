"""The base of every settings model, and the field types that they share.

A model is frozen and forbids unknown keys. When something is wrong with it, every mistake is reported at once: the
fields that could be read are still held against each other by the model's rules, and so are the models around it.
"""

from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, cast

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator
from pydantic_core.core_schema import ValidationInfo, ValidatorFunctionWrapHandler

from seawall.components import plaintext
from seawall.components.problems import (
    HIDDEN,
    UNSET,
    NotSettledError,
    Problem,
    ProblemsError,
    RefusedError,
    broken_rules,
    each,
    from_pydantic,
    rule,
)

__all__ = ["NotSettledError", "Problem", "ProblemsError", "RefusedError", "Settings", "each", "rule"]


class _Frame(NamedTuple):
    """What has been read of the model that is being validated: whole fields, and what is left of refused ones."""

    whole: dict[str, Any]
    partial: dict[str, Any]


_WRITTEN_OUT = (
    "looks like a secret itself ({}): settings hold references, never secrets; put it into the secret store, name its "
    "path here, and replace it, as it has been in a file"
)

_frame: ContextVar[_Frame | None] = ContextVar("_frame", default=None)


class Settings(BaseModel):
    """A frozen part of the settings: unknown keys are refused, every mistake is reported at once.

    Checks of a single field are validators that raise `RefusedError`; checks between fields are methods marked with
    `rule` that yield a `Problem` with a path relative to the model. A rule may read any field: when that field was
    refused itself, the rule is left out. A text that looks like a secret itself is refused wherever it stands.

    Raises a pydantic `ValidationError` that holds a `ProblemsError`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    RISKS: ClassVar[Mapping[str, str]] = {}
    """The QA risk behind a key, where one risk is behind every mistake in it."""

    @field_validator("*", mode="wrap")
    @classmethod
    def _keep_what_is_right(cls, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        frame = _frame.get()
        name = info.field_name
        if frame is None or name is None:
            return handler(value)
        try:
            frame.whole[name] = handler(value)
        except ValidationError as error:
            rest = _salvage(value, handler, error)
            if rest is not None:
                frame.partial[name] = rest
            raise
        return frame.whole[name]

    @model_validator(mode="wrap")
    @classmethod
    def _report_every_mistake(cls, data: Any, handler: ValidatorFunctionWrapHandler) -> Self:
        if isinstance(data, cls):
            return data
        frame = _Frame({}, {})
        outermost = _frame.get() is None
        token = _frame.set(frame)
        found: list[Problem] = []
        model: Self | None = None
        try:
            model = cast(Self, handler(data))
        except ValidationError as error:
            known = {name: field.description for name, field in cls.model_fields.items()}
            found = from_pydantic(error, known, cls.RISKS)
            if isinstance(data, Mapping):
                model = cls._partly(frame, {str(problem.path[0]) for problem in found if problem.path})
        finally:
            _frame.reset(token)
        if model is not None:
            found.extend(broken_rules(model))
        if outermost:
            secrets = dict(plaintext.written_out(data))
            found = [problem for problem in found if problem.path not in secrets or problem.value is UNSET]
            found += [Problem(path, _WRITTEN_OUT.format(what), HIDDEN) for path, what in secrets.items()]
        if found or model is None:
            raise ProblemsError(found, partial=model)
        return model

    @classmethod
    def _partly(cls, frame: _Frame, refused: set[str]) -> Self:
        """The model without its refused fields; reading one of them raises `NotSettledError`."""
        model = cast(Self, cls.model_construct(**{**frame.whole, **frame.partial}))
        for name in refused - frame.partial.keys():
            model.__dict__.pop(name, None)
        return model

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in type(self).model_fields:
                raise NotSettledError(name)
            return super().__getattr__(name)


def _salvage(value: Any, handler: ValidatorFunctionWrapHandler, error: ValidationError) -> Any:
    """What is left of a refused field: a model without its wrong fields, a mapping without its wrong entries."""
    left = dict(_partials(error))
    if () in left:
        return left[()]
    if not isinstance(value, Mapping):
        return None
    kept = _Rest()
    for key, item in value.items():
        try:
            kept.update(handler({key: item}))
        except ValidationError as inner:
            rest = {path[0]: it for path, it in _partials(inner) if len(path) == 1}
            if rest and not any(line["loc"][-1:] == ("[key]",) for line in inner.errors(include_url=False)):
                kept.update(rest)
            else:
                kept.refused.add(key)
    return kept or None


class _Rest(dict[Any, Any]):
    """What is left of a mapping. Who asks for an entry that was refused must not be told that it was never said."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: set[object] = set()

    def __getitem__(self, key: Any) -> Any:
        self._settled(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._settled(key)
        return super().__contains__(key)

    def get(self, key: Any, default: Any = None) -> Any:
        self._settled(key)
        return super().get(key, default)

    def _settled(self, key: object) -> None:
        if key in self.refused:
            raise NotSettledError(key)


def _partials(error: ValidationError) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    for line in error.errors(include_url=False):
        inner = line.get("ctx", {}).get("error")
        if isinstance(inner, ProblemsError) and inner.partial is not None:
            yield tuple(line["loc"]), inner.partial
