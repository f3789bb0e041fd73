"""Reading a stack file strictly: a mistake in the YAML is named with its line, and no key is silently overwritten."""

from pathlib import Path
from typing import Any

import yaml

from seawall.components.problems import nearest
from seawall.errors import UserError

_MAX_VALUES = 200_000
_MAX_DEPTH = 50


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, but a key that stands twice in a mapping is an error and not an overwrite."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a text", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key `{key.value}` stands here a second time", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_stack_file(project: Path, stack: str) -> dict[str, object]:
    """The `config:` of `Pulumi.<stack>.yaml` in the folder `project`, as it is written.

    Raises `UserError` when there is no such stack, or the file is not YAML, or says a key twice.
    """
    file = project / f"Pulumi.{stack}.yaml"
    if "/" in stack or not file.is_file():
        known = sorted(
            path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in project.glob("Pulumi.*.yaml")
        )
        meant = nearest(stack, known)
        hint = f"did you mean `{meant}`?" if meant else f"there are: {', '.join(known) or 'none'}"
        raise UserError(f"no stack `{stack}`: there is no {file.name} in {project}; {hint}")
    try:
        content = _Loader(file.read_text(encoding="utf-8")).get_single_data()
    except UnicodeDecodeError as error:
        raise UserError(f"{file.name}: must be UTF-8 text ({error.reason} at byte {error.start})") from None
    except yaml.YAMLError as error:
        raise UserError(_mistake(file, error)) from None
    except RecursionError:
        raise UserError(f"{file.name}: nested too deeply to be settings") from None
    except (ValueError, OverflowError, TypeError):  # YAML allows what Python cannot hold: 2026-13-41, 5000 digits
        raise UserError(f"{file.name}: holds a date or number that does not exist; put text in quotes") from None
    if _too_large(content):
        raise UserError(f"{file.name}: its aliases (`*name`) refer to themselves, or expand to more than is read")
    config = content.get("config") if isinstance(content, dict) else None
    if not isinstance(config, dict):
        raise UserError(f"{file.name}: must be a mapping with the key `config:`, which holds the stack's settings")
    return {str(key): value for key, value in config.items()}


def _too_large(content: object) -> bool:
    """Whether the values, aliases written out, are more than any stack says, or contain themselves."""
    stack, count = [(content, 0)], 0
    while stack:
        value, depth = stack.pop()
        count += 1
        if count > _MAX_VALUES or depth > _MAX_DEPTH:
            return True
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple | set) else ()
        stack += [(child, depth + 1) for child in children]
    return False


def _mistake(file: Path, error: yaml.YAMLError) -> str:
    """The mistake with its place, without quoting the line: a secret may be on it."""
    mark = getattr(error, "problem_mark", None)
    place = f"{file.name}:{mark.line + 1}:{mark.column + 1}" if mark else file.name
    return f"{place}: not valid YAML: {getattr(error, 'problem', None) or 'unreadable text'}"
