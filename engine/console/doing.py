"""What is being done now, in a few words: for a screen that has no room for more."""

from collections.abc import Iterable

from storage import deployments, steps
from storage.jobs import Job, Kind, State
from storage.steps import Step
from storage.store import Store

MOST = 3
"""Jobs that are told of."""


def doing(store: Store, active: Iterable[Job]) -> tuple[str, ...]:
    """The running jobs, how far each is: `lab-blue 5/9 VMs`, `esxi-8.0u3g 58%`."""
    running = [job for job in active if job.state is State.RUNNING][:MOST]
    newest = {step.job_id: step for step in steps.listing(store, [job.id for job in running])} if running else {}
    return tuple(_told(store, job, newest.get(job.id)) for job in running)


def _told(store: Store, job: Job, step: Step | None) -> str:
    if job.kind is Kind.STAGE or job.deployment_id is None:
        far = f" {100 * step.done // step.total}%" if step is not None and step.total else ""
        return f"{job.component_uid}{far}"
    deployment = deployments.get(store, job.deployment_id)
    vms = deployments.items(store, deployment.id)
    if job.kind is Kind.REMOVE:
        return f"{deployment.name}: removing"
    return f"{deployment.name} {sum(vm.state == 'succeeded' for vm in vms)}/{len(vms)} VMs"
