"""Reading properties: the PropertyCollector with narrow paths, nothing else.

Lazy attributes of pyVmomi objects cost a round trip each (10.4 ms per VM for five) and some raise; never touch them
(vSphere sheet).
"""

import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from pyVmomi import vim, vmodl

from engine.errors import EndpointUnreachable, Gone, SlipwayError
from engine.vsphere.session import Session, translated_fault

log = logging.getLogger(__name__)

_Query = vmodl.query.PropertyCollector
Values = dict[str, Any]


def read(session: Session, obj: Any, *paths: str) -> Values:
    """The properties at `paths` of one object; an unset one is absent from the result.

    Raises Gone when the object was removed, NotPermitted when the account may not read one of them.
    """
    [found] = _retrieve(session, _of(obj, [obj], paths))
    for missing in found.missingSet or []:
        raise translated_fault(missing.fault.fault, f"read {missing.path} of", str(obj))
    return _values(found)


def read_many(session: Session, objects: Iterable[Any], *paths: str) -> list[tuple[Any, Values]]:
    """The properties of several objects of one kind, in one round trip; the removed ones are left out."""
    objects = list(objects)
    if not objects:
        return []
    try:
        return [(found.obj, _values(found)) for found in _retrieve(session, _of(objects[0], objects, paths))]
    except Gone:
        if len(objects) == 1:
            return []
    return [row for obj in objects for row in read_many(session, [obj], *paths)]


def _of(kind: Any, objects: list[Any], paths: tuple[str, ...]) -> Any:
    return _Query.FilterSpec(
        objectSet=[_Query.ObjectSpec(obj=obj) for obj in objects],
        propSet=[_Query.PropertySpec(type=type(kind), pathSet=list(paths), all=False)],
    )


def below(
    session: Session, root: Any, kind: type[Any], *paths: str, recursive: bool = True
) -> list[tuple[Any, Values]]:
    """The objects of `kind` below the container `root` (folder, datacenter, pool, vApp), with their properties."""
    logins = session.logins
    try:
        return _below(session, root, kind, paths, recursive)
    except SlipwayError as error:
        if session.logins == logins:
            raise
        log.info("%s; asked again, the list went with the session", error)
        return _below(session, root, kind, paths, recursive)


def _below(
    session: Session, root: Any, kind: type[Any], paths: tuple[str, ...], recursive: bool
) -> list[tuple[Any, Values]]:
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
        return [(found.obj, _values(found)) for found in _retrieve(session, spec)]
    finally:
        with suppress(Gone, EndpointUnreachable):  # it ends with its session at the latest
            session.call("close the list of", kind.__name__, view.Destroy)


def _values(found: Any) -> Values:
    return {prop.name: prop.val for prop in found.propSet}


def _retrieve(session: Session, spec: Any) -> list[Any]:
    """Every object of the answer. Asked a second time when the connection broke, or the session with the rest of the
    answer ended: reading changes nothing.
    """
    logins = session.logins
    try:
        return _retrieve_once(session, spec)
    except SlipwayError as error:
        if not isinstance(error, EndpointUnreachable) and session.logins == logins:
            raise
        log.info("%s; asked again", error)
        return _retrieve_once(session, spec)


def _retrieve_once(session: Session, spec: Any) -> list[Any]:
    collector = session.content.propertyCollector
    found: list[Any] = []
    answer = session.call("read", "the inventory", collector.RetrievePropertiesEx, [spec], _Query.RetrieveOptions())
    while answer:
        found += answer.objects
        if not answer.token:
            break
        answer = session.call("read", "the inventory", collector.ContinueRetrievePropertiesEx, answer.token)
    return found
