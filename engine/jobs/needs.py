"""Which template each VM of a deployment is cloned from: what connects it with the jobs that stage."""

import json
from collections.abc import Iterator, Sequence

from engine.catalog.variants import in_variant, template_name
from storage import components, deployments
from storage.deployments import Deployment, Item
from storage.store import Store


def templates_needed(store: Store, deployment: Deployment) -> dict[str, str]:
    """VM name -> name of its template, as the recorded profile and the catalog say now; for those too that are going to
    be imported.
    """
    return _needed(store, deployment, deployments.items(store, deployment.id))


def still_needed(store: Store, deployment: Deployment) -> set[str]:
    """The templates of those VMs that are still to be made, or are being made."""
    items = [item for item in deployments.items(store, deployment.id) if _is_to_be_made(item)]
    return set(_needed(store, deployment, items).values())


def _needed(store: Store, deployment: Deployment, items: Sequence[Item]) -> dict[str, str]:
    asked = dict(_asked(json.loads(deployment.profile)))
    known = components.some(store, {item.component_uid for item in items})
    needed = {}
    for item in items:
        component = known.get(item.component_uid)
        wanted = asked.get(item.name, (None, None))
        needed[item.name] = template_name(in_variant(component, *wanted)) if component else item.component_uid
    return needed


def _is_to_be_made(item: Item) -> bool:
    return item.state in ("pending", "running")


def _asked(profile: dict[str, object]) -> Iterator[tuple[str, tuple[str | None, str | None]]]:
    """VM name -> the deployment option and the provisioning that its entry asks for (Profile.as_dict)."""
    steps = profile.get("components")
    for entry in [entry for step in steps for entry in step] if isinstance(steps, list) else []:
        name = f"{entry['hostname']}.{profile['domain']}"
        yield name, (entry.get("deployment"), entry.get("disk_provisioning"))
