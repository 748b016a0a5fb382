package main

import (
	"strings"
	"testing"

	"github.com/vmware/govmomi/ovf"
	"github.com/vmware/govmomi/vim25/types"
)

func TestImportSpecHasFirmwareCoresAndWhetherAdaptersStartConnected(t *testing.T) {
	s := serve(t)
	vmw := `xmlns:vmw="http://www.vmware.com/schema/ovf"`
	text := strings.NewReplacer(
		"<rasd:ResourceType>3<", `<vmw:CoresPerSocket `+vmw+` ovf:required="false">2</vmw:CoresPerSocket><rasd:ResourceType>3<`,
		"<Item><rasd:Connection>", "<Item><rasd:AutomaticAllocation>false</rasd:AutomaticAllocation><rasd:Connection>",
		"</VirtualHardwareSection>", `<vmw:Config `+vmw+` ovf:required="false" vmw:key="firmware" vmw:value="efi"/></VirtualHardwareSection>`,
	).Replace(descriptor)
	read := func(text string) (string, int32, bool) {
		asked := &types.OvfCreateImportSpecParams{EntityName: "x"}
		spec := must(ovf.NewManager(s.client.Client).CreateImportSpec(ctx, text, s.pool, s.store, asked))
		config := spec.ImportSpec.(*types.VirtualMachineImportSpec).ConfigSpec
		connected := false
		for _, change := range config.DeviceChange {
			if card, ok := change.GetVirtualDeviceConfigSpec().Device.(types.BaseVirtualEthernetCard); ok {
				connected = card.GetVirtualEthernetCard().Connectable.StartConnected
			}
		}
		return config.Firmware, *config.NumCoresPerSocket, connected
	}
	firmware, cores, connected := read(text)
	s.same([]any{firmware, cores, connected}, []any{"efi", int32(2), false}, "as the descriptor says")
	firmware, cores, connected = read(descriptor)
	s.same([]any{firmware, cores, connected}, []any{"", int32(1), true}, "a descriptor that does not say")
}
