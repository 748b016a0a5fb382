"""A VM folder of the test's own on a simulated vCenter, and stores that stage into it, in this process."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.cancel import Cancel
from engine.progress import Nobody
from engine.simulator.launcher import Simulator
from engine.site import Site, open_site
from engine.sources.digests import file_digest
from engine.staging import claims, leftovers, stage, templates
from engine.staging.claims import Claim
from engine.staging.stage import Staging
from engine.staging.templates import Template
from engine.vsphere import vms
from engine.vsphere.refs import VmRef
from engine.vsphere.vms import Vm
from storage import components, endpoints, settings
from tests.e2e.lab import Lab, Place

KIB = 1 << 10


@dataclass
class Party:
    """One endpoint row of one store, connected."""

    site: Site
    uid: str

    @property
    def staging(self) -> Staging:
        """What to stage, as the catalog has it now."""
        component = components.get(self.site.store, self.uid)
        return stage.parked(self.site, component, stage.stageable_package(self.site.store, component))

    def take(self) -> Claim:
        """The claim, which must be free."""
        claim = claims.take(self.site.store, templates.claim_endpoint(self.site), self.uid, "test")
        assert claim is not None
        return claim

    def stage(self) -> Template:
        """All steps."""
        return stage.stage(self.site, self.staging, Nobody(), Cancel())

    def upload(self, claim: Claim) -> Vm:
        """What is uploaded, or found whole."""
        return stage.upload(self.site, self.staging, claim, Nobody(), Cancel())

    def mark(self, vm: Vm, claim: Claim) -> Vm:
        """What is marked."""
        return stage.mark(self.site, self.staging, vm, claim, Nobody(), Cancel())

    def commit(self, vm: Vm, claim: Claim) -> Template:
        """What is committed."""
        return stage.commit(self.site, self.staging, vm, claim, Nobody())

    def find(self, moid: str) -> Vm:
        """A VM of ours on its way to be the template, by its id."""
        return leftovers.find(self.site, self.uid, self.site.session.managed(VmRef, moid))

    def left_half(self) -> Vm:
        """A crash after the upload: half-made, no claim."""
        with claims.held(self.site.store, self.take()) as claim:
            return self.upload(claim)

    def left_whole(self) -> Vm:
        """A crash before the rename."""
        with claims.held(self.site.store, self.take()) as claim:
            return self.mark(self.upload(claim), claim)

    def setting(self, name: str, value: str) -> None:
        """Change a setting of this party's store."""
        settings.update(self.site.store, name, value)

    def new_digest(self) -> None:
        """The catalog has another checksum from now on: the same bytes, named by another algorithm's digest."""
        component = components.get(self.site.store, self.uid)
        algorithm = "sha512" if component.checksum.startswith("sha256:") else "sha256"
        digest = file_digest(Path(component.ova_path or ""), algorithm, Cancel())
        components.put(self.site.store, replace(component, checksum=f"{algorithm}:{digest}"))


@dataclass
class Ground:
    """The vCenter, a folder for stores and OVAs, and the VM folder."""

    vcenter: Simulator
    folder: Path
    vmfolder: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex[:8]}")

    @contextmanager
    def party(self, store: str = "a", endpoint: str = "vc01", name: str = "esxi") -> Iterator[Party]:
        """An endpoint row of a store, both made if missing, with a component of that name."""
        folder = self.folder / store
        lab = Lab(self.vcenter, folder, Place(vmfolder=self.vmfolder), endpoint)
        if not folder.exists():
            folder.mkdir()
        if not any(self.folder.glob("*/slipway.db")):
            lab.add_endpoint()
        with lab.store() as opened:
            known = endpoints.listing(opened)
            if endpoint not in [one.name for one in known]:
                lab.add_row()
            if not components.listing(opened):
                lab.add_sample(name, [64 * KIB])
            with open_site(opened, endpoint) as site:
                yield Party(site, f"{name}-1.0")

    def names(self, site: Site) -> list[str]:
        """What is in the staging folder."""
        folder = templates.staging_folder(site)
        return sorted(vm.name for vm in vms.vms_in_folder(site.session, folder)) if folder else []
