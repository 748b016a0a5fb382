"""Which template each VM of a deployment is cloned from: what connects it with the jobs that stage."""

import json
from collections.abc import Iterator

from engine.catalog.variants import in_variant, template_name
from storage import components, deployments
from storage.deployments import Deployment, Item
from storage.store import Store


def templates_needed(store: Store, deployment: Deployment) -> dict[str, str]:
    """VM name -> name of its template, as the recorded profile and the catalog say now; for those too that are going to
    be imported.
    """
    asked = dict(_asked(json.loads(deployment.profile)))
    known = {one.uid: one for one in components.listing(store)}
    needed = {}
    for item in deployments.items(store, deployment.id):
        component = known.get(item.component_uid)
        wanted = asked.get(item.name, (None, None))
        needed[item.name] = template_name(in_variant(component, *wanted)) if component else item.component_uid
    return needed


def still_needed(store: Store, deployment: Deployment) -> set[str]:
    """The templates of those VMs that are still to be made, or are being made."""
    needed = templates_needed(store, deployment)
    return {needed[item.name] for item in deployments.items(store, deployment.id) if _is_to_be_made(item)}


def _is_to_be_made(item: Item) -> bool:
    return item.state in ("pending", "running")


def _asked(profile: dict[str, object]) -> Iterator[tuple[str, tuple[str | None, str | None]]]:
    """VM name -> the deployment option and the provisioning that its entry asks for (Profile.as_dict)."""
    steps = profile.get("components")
    for entry in [entry for step in steps for entry in step] if isinstance(steps, list) else []:
        name = f"{entry['hostname']}.{profile['domain']}"
        yield name, (entry.get("deployment"), entry.get("disk_provisioning"))
