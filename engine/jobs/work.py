"""What the steps of one job share in the process that runs them. Nothing of it must last: all is made again from the
store and vCenter when a job goes on in another process.
"""

import threading
from contextlib import ExitStack
from dataclasses import replace

from engine.cancel import Cancel
from engine.catalog.variants import component_of_template
from engine.deploy.plan import Plan, PlannedItem
from engine.deploy.planning import make_plan
from engine.errors import ClaimLost, Conflict
from engine.jobs.recorder import Recorder
from engine.jobs.sites import Sites
from engine.jobs.submit import ordered_of, recorded_profile
from engine.site import Site
from engine.staging import claims
from engine.staging.claims import Claim
from engine.staging.stage import Staging, parked, stageable_package
from engine.staging.templates import claim_endpoint
from engine.vsphere.inventory import find_network
from engine.vsphere.refs import VAppRef, moid
from engine.vsphere.vapps import find_vapp, make_vapp
from storage import deployments
from storage.deployments import Deployment, Item
from storage.jobs import Job
from storage.store import Store


class Work:
    """One job under way. `cancel` is asked when the operator stops the job or the worker ends; `halt` only by the
    latter, so that what a cancelled job made can still be removed.
    """

    def __init__(self, store: Store, job: Job, sites: Sites) -> None:
        self.store = store
        self.job = job
        self.cancel = Cancel()
        self.halt = Cancel()
        self.first_staging: dict[str, int] = {}
        self.vanished = 0
        name = f"deployment {job.deployment_id}" if job.component_uid is None else f"job {job.id}"
        self.recorder = Recorder(store, job.id, name)
        self._sites = sites
        self._lock = threading.RLock()
        self._open = ExitStack()
        self._site: Site | None = None
        self._plan: Plan | None = None
        self._claim: Claim | None = None

    @property
    def site(self) -> Site:
        """The job's endpoint, connected. Raises as `open_site`."""
        with self._lock:
            if self._site is None:
                self._site = self._open.enter_context(self._sites.use(self.job.endpoint_id))
            return self._site

    @property
    def deployment(self) -> Deployment:
        """The job's deployment as it is now. Raises NotFound."""
        return deployments.get(self.store, self.job.deployment_id or 0)

    @property
    def plan(self) -> Plan:
        """The deployment's plan. Raises the plan's problems but for space, and what vCenter raises."""
        with self._lock:
            if self._plan is None:
                ordered = ordered_of(self.store, self.deployment)
                kept = {item.name: item.datastore for item in deployments.items(self.store, self.deployment.id)}
                plan = make_plan(self.site, ordered.profile, ordered.password, self.cancel, kept)
                plan.check(begun=True)
                chosen = {item.name: item.place.datastore_name for item in plan.items if item.place}
                deployments.place(self.store, self.deployment.id, chosen)
                self._plan = plan
            return self._plan

    def planned(self, item: Item) -> PlannedItem:
        """The plan of one VM. Raises as `plan`."""
        return next(planned for planned in self.plan.items if planned.name == item.name)

    @property
    def staging(self) -> Staging:
        """What a staging job stages: its adapters parked on the endpoint's network, else on that of the deployment
        which began it. Raises BadInput, Conflict, BadPackage, NotFound.
        """
        name = self.job.component_uid or ""
        component = component_of_template(self.store, name)
        package = stageable_package(self.store, component)
        if self.job.deployment_id is None:
            return parked(self.site, component, package)
        # Not of what was ordered: its secret goes when that deployment ends, and others may wait for the template.
        profile = recorded_profile(self.deployment)
        entries = [entry for step in profile.steps for entry in step if entry.component_uid == component.uid]
        linked = self.site.endpoint.linked_clones or any(entry.linked for entry in entries)
        if self.site.target.network is not None:
            staging = parked(self.site, component, package)
        else:
            portgroup = profile.network.portgroup or ""
            network = find_network(self.site.session, self.site.target.datacenter, portgroup)
            staging = Staging(component, package, network)
        return replace(staging, deployment=self.job.deployment_id, linked=linked)

    def hold(self, claim: Claim) -> None:
        """Keep the claim until the job ends."""
        with self._lock:
            self._claim = self._open.enter_context(claims.held(self.store, claim))

    @property
    def claim(self) -> Claim:
        """The claim that this job holds; taken again when the process that had it is gone.

        Raises ClaimLost when somebody else has it by now.
        """
        with self._lock:
            if self._claim is None:
                uid = self.job.component_uid or ""
                purpose = f"stage {uid} on {self.site.endpoint.name}"
                claim = claims.take(self.store, claim_endpoint(self.site), uid, purpose, self.job.deployment_id)
                if claim is None:
                    raise ClaimLost("the claim was lost:", on=uid, why="somebody else took it", fix="try again")
                self.hold(claim)
            assert self._claim is not None  # noqa: S101 - held just now
            return self._claim

    def lost_claim(self) -> bool:
        """Whether the claim that this job held is another's by now; it is forgotten then."""
        with self._lock:
            if self._claim is None:
                return False
            try:
                claims.check(self.store, self._claim)
            except Conflict:
                self._claim = None
                return True
            return False

    @property
    def vapp(self) -> VAppRef | None:
        """The deployment's vApp, None when its VMs go to the endpoint's pool; made, and noted as ours, if missing."""
        with self._lock:
            name = self.plan.profile.vapp
            if name is None:
                return None
            site = self.site
            found = find_vapp(site.session, site.target, name)
            if found is None:
                found = make_vapp(site.session, site.target, name)
                deployments.update(self.store, self.deployment.id, vapp=moid(found))
            return found

    def close(self) -> None:
        """Release the claim and the site."""
        self._open.close()
