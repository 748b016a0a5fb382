"""Reading properties: the PropertyCollector with narrow paths, nothing else.

Lazy attributes of pyVmomi objects cost a round trip each (10.4 ms per VM for five) and some raise; never touch them
(vSphere sheet).
"""

from collections.abc import Iterable
from typing import Any

from pyVmomi import vim, vmodl

from engine.vsphere.session import Session

_Query = vmodl.query.PropertyCollector
Values = dict[str, Any]


def read(session: Session, obj: Any, *paths: str) -> Values:
    """The properties at `paths` of one object; an unset one is absent from the result. Raises Gone when the object
    was removed.
    """
    return read_many(session, [obj], *paths)[0][1]


def read_many(session: Session, objects: Iterable[Any], *paths: str) -> list[tuple[Any, Values]]:
    """The properties of several objects of one kind, in one round trip per 100 or so."""
    objects = list(objects)
    if not objects:
        return []
    spec = _Query.FilterSpec(
        objectSet=[_Query.ObjectSpec(obj=obj) for obj in objects],
        propSet=[_Query.PropertySpec(type=type(objects[0]), pathSet=list(paths), all=False)],
    )
    return _retrieve(session, spec)


def below(
    session: Session, root: Any, kind: type[Any], *paths: str, recursive: bool = True
) -> list[tuple[Any, Values]]:
    """The objects of `kind` below the container `root` (folder, datacenter, pool, vApp), with their properties."""
    view = session.call("list", kind.__name__, session.content.viewManager.CreateContainerView, root, [kind], recursive)
    try:
        spec = _Query.FilterSpec(
            objectSet=[
                _Query.ObjectSpec(
                    obj=view,
                    skip=True,
                    selectSet=[_Query.TraversalSpec(name="view", path="view", skip=False, type=vim.view.ContainerView)],
                )
            ],
            propSet=[_Query.PropertySpec(type=kind, pathSet=list(paths), all=False)],
        )
        return _retrieve(session, spec)
    finally:
        session.call("close the list of", kind.__name__, view.Destroy)


def _retrieve(session: Session, spec: Any) -> list[tuple[Any, Values]]:
    collector = session.content.propertyCollector
    rows: list[tuple[Any, Values]] = []
    answer = session.call("read", "the inventory", collector.RetrievePropertiesEx, [spec], _Query.RetrieveOptions())
    while answer:
        rows += [(found.obj, {prop.name: prop.val for prop in found.propSet}) for found in answer.objects]
        if not answer.token:
            break
        answer = session.call("read", "the inventory", collector.ContinueRetrievePropertiesEx, answer.token)
    return rows
