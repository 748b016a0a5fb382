"""The custom attribute that marks a staged template, `zpodfactory_staging_status` (zPodFactory's name)."""

from pyVmomi import vim

from engine.errors import EndpointUnreachable, NameTaken
from engine.vsphere.properties import read
from engine.vsphere.session import Session

STAGING_STATUS = "zpodfactory_staging_status"
STAGED = "staged"


def status_key(session: Session) -> int | None:
    """The key of the attribute's definition, None while vCenter has none."""
    manager = session.content.customFieldsManager
    for definition in read(session, manager, "field").get("field") or []:
        if definition.name == STAGING_STATUS and definition.managedObjectType in (None, vim.VirtualMachine):
            return int(definition.key)
    return None


def make_status_key(session: Session) -> int:
    """The definition's key, made if missing; two makers race in peace."""
    key = status_key(session)
    if key is not None:
        return key
    manager = session.content.customFieldsManager
    try:
        added = session.call(
            "define the attribute",
            STAGING_STATUS,
            manager.AddCustomFieldDef,
            STAGING_STATUS,
            vim.VirtualMachine,
            None,
            None,
        )
        return int(added.key)
    except (NameTaken, EndpointUnreachable):
        key = status_key(session)
        if key is None:
            raise
        return key


def set_status(session: Session, vm: vim.VirtualMachine, name: str, key: int, value: str) -> None:
    """Write the attribute; an empty value clears it."""
    session.call("set the staging status of", name, session.content.customFieldsManager.SetField, vm, key, value)
