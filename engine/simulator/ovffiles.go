package main

import (
	"fmt"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/ovf"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	cimFloppy = 14
	nvramKey  = "nvram" // of the option that names the file of the machine's NVRAM
)

// moreFiles adds what the simulator leaves out: images of floppies, the NVRAM, and how each file is stored.
func moreFiles(result *types.OvfCreateImportSpecResult, config *types.VirtualMachineConfigSpec, envelope *ovf.Envelope) {
	files := map[string]ovf.File{}
	for _, file := range envelope.References {
		files[file.ID] = file
	}
	add := func(device string, file ovf.File, kind int32) {
		result.FileItem = append(result.FileItem, types.OvfFileItem{
			DeviceId: "/" + config.Name + "/" + device, Path: file.Href, Size: int64(file.Size), CimType: kind, Create: true,
		})
	}
	var images []ovf.File
	for _, item := range envelope.VirtualSystem.VirtualHardware[0].Item {
		if item.ResourceType == nil || *item.ResourceType != cimFloppy {
			continue
		}
		image := ovf.File{}
		if len(item.HostResource) > 0 {
			image = files[fileID(item.HostResource[0])]
		}
		images = append(images, image)
	}
	n := 0
	for _, change := range config.DeviceChange {
		floppy, ok := change.GetVirtualDeviceConfigSpec().Device.(*types.VirtualFloppy)
		if !ok {
			continue
		}
		if n < len(images) && images[n].Href != "" {
			var place object.DatastorePath
			place.FromString(config.Files.VmPathName)
			place.Path = fmt.Sprintf("%s/_deviceImage%d.flp", config.Name, n)
			image := &types.VirtualFloppyImageBackingInfo{}
			image.FileName = place.String()
			floppy.Backing = image
			add(fmt.Sprintf("floppy:%d", n), images[n], cimFloppy)
		}
		n++
	}
	for _, option := range envelope.VirtualSystem.VirtualHardware[0].ExtraConfig {
		value := option.Value
		if file, ok := files[fileID(value)]; ok {
			value = config.Name + "." + option.Key
			if option.Key == nvramKey {
				add(nvramKey, file, 0)
			}
		}
		config.ExtraConfig = append(config.ExtraConfig, &types.OptionValue{Key: option.Key, Value: value})
	}
	for i, item := range result.FileItem {
		for _, file := range files {
			if file.Href == item.Path && file.Compression != nil && *file.Compression != "identity" {
				result.FileItem[i].CompressionMethod = *file.Compression
			}
			if file.Href == item.Path && file.ChunkSize != nil {
				result.FileItem[i].ChunkSize = int64(*file.ChunkSize)
			}
		}
	}
}

// fileID is the File that a resource names: `ovf:/file/ID`.
func fileID(resource string) string {
	id, ok := strings.CutPrefix(strings.TrimLeft(strings.TrimPrefix(resource, "ovf:"), "/"), "file/")
	if !ok {
		return ""
	}
	return id
}

// optionValue is a machine's option as text, empty when it has none of that key.
func optionValue(options []types.BaseOptionValue, key string) string {
	for _, option := range options {
		if found := option.GetOptionValue(); found.Key == key {
			text, _ := found.Value.(string)
			return text
		}
	}
	return ""
}
