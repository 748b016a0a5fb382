"""Rendering: the templates in a component's spec, filled with the values of one VM.

Library files are untrusted, so a template may say little: text, variables, `if`, comparisons, `~`, and a few filters
that cannot make a text long. Everything else (attributes, calls, loops, arithmetic) is refused before it runs; Jinja's
sandbox is the second wall. Values are never rendered again: `{{`, quotes, backslashes and newlines in a password arrive
as they are. Jinja turns the line ends of a template that holds an expression into `\\n`; plain text is not touched.
"""

from collections.abc import Iterator, Mapping

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.catalog.documents import hint
from engine.errors import BadInput
from storage.components import Component

OPTIONAL = frozenset(
    {"zpod_dns", "zpod_gateway", "zpod_nfs", "zpod_ntp", "zpod_sshkey"}
)  # "" when the profile gives none
VARIABLES = OPTIONAL | {
    "zpod_domain",
    "zpod_hostname",
    "zpod_ipaddress",
    "zpod_netmask",
    "zpod_netprefix",
    "zpod_password",
    "zpod_portgroup",
    "zpod_searchpath",  # used by the real library and supplied by nobody: the domain
}
FILTERS = ("capitalize", "default", "lower", "trim", "upper")
_FILTERS = ", ".join(FILTERS)

_ALLOWED = (
    nodes.And,
    nodes.Compare,
    nodes.Concat,
    nodes.CondExpr,
    nodes.Const,
    nodes.Filter,
    nodes.If,
    nodes.Name,
    nodes.Not,
    nodes.Operand,
    nodes.Or,
    nodes.Output,
    nodes.Template,
    nodes.TemplateData,
)
# Deeper than any template a person writes, and far from where Python's compiler gives up (100 indents).
_DEPTH = 20


def _nothing_for_none(value: object) -> object:
    return "" if value is None else value


_jinja = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, keep_trailing_newline=True, finalize=_nothing_for_none
)


def render_properties(
    component: Component, variables: Mapping[str, str | None], overrides: Mapping[str, str] | None = None
) -> dict[str, str]:
    """OVF property values by key as the library spells it; `overrides` (templates too) replace the component's or add.

    `variables` maps names of VARIABLES to values; an OPTIONAL one may be absent or None and is then "".
    Raises BadInput naming key and component: unknown variable, variable without value, template not allowed.
    """
    templates = {mapping["Key"]: mapping["Value"] for mapping in component.spec.get("PropertyMapping") or []}
    templates |= overrides or {}
    return {key: _render(text, variables, f"property {key} of {component.uid}") for key, text in templates.items()}


def render_networks(component: Component, variables: Mapping[str, str | None]) -> dict[str, str]:
    """OVF network name -> portgroup, as the component's NetworkMapping says. Raises as `render_properties`."""
    mappings = component.spec.get("NetworkMapping") or []
    return {
        mapping["Name"]: _render(mapping["Network"], variables, f"network {mapping['Name']} of {component.uid}")
        for mapping in mappings
    }


def render_annotation(component: Component, variables: Mapping[str, str | None]) -> str:
    """The notes that the component's spec gives the VM, or "". Raises as `render_properties`."""
    return _render(component.spec.get("Annotation") or "", variables, f"Annotation of {component.uid}")


def fault_in(template: str) -> str:
    """Why this template can never be rendered, or "". Said at import, before any VM exists."""
    try:
        return next(_faults(_jinja.parse(template), 0), "")
    except TemplateSyntaxError as error:
        return f"not a template: {error.message}"
    except (RecursionError, ValueError):  # ValueError: a number of more than 4300 digits
        return "not a template: nested too deeply, or a number that is too long"


def _faults(node: nodes.Node, depth: int) -> Iterator[str]:
    if depth > _DEPTH:
        yield f"nested deeper than {_DEPTH}"
        return
    if not isinstance(node, _ALLOWED):
        construct = type(node).__name__.lower()
        yield f"a template may not use {construct!r}, only variables, if, ~ and the filters {_FILTERS}"
    elif isinstance(node, nodes.Name) and node.name not in VARIABLES:
        yield f"unknown variable {node.name!r}{hint(node.name, VARIABLES)}"
    elif isinstance(node, nodes.Filter) and node.name not in FILTERS:
        yield f"a template may not use the filter {node.name!r}, only {_FILTERS}"
    for child in node.iter_child_nodes():
        yield from _faults(child, depth + 1)


def _render(template: str, variables: Mapping[str, str | None], where: str) -> str:
    if "{" not in template:
        return template
    fault = fault_in(template)
    if fault:
        raise BadInput("cannot render", on=where, why=fault)
    used = meta.find_undeclared_variables(_jinja.parse(template))
    values = {name: _value(name, variables, where) for name in used}
    try:
        return _jinja.from_string(template).render(values)
    except (TemplateError, TypeError) as error:  # a comparison of text with a number, a filter's wrong argument
        raise BadInput("cannot render", on=where, why=f"the template does not work: {error}") from error


def _value(name: str, variables: Mapping[str, str | None], where: str) -> str:
    value = variables.get(name)
    if value is None and name == "zpod_searchpath":
        value = variables.get("zpod_domain")
    if value is None and name in OPTIONAL:
        return ""
    if value is None:
        fix = f"give the profile a {name.removeprefix('zpod_')}"
        raise BadInput("cannot render", on=where, why=f"{name} has no value", fix=fix)
    return value
