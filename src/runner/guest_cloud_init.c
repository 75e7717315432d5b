/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's data for cloud-init in the configuration language. */
#include "runner/guest.h"

static const struct field rows[] = {
	FIELD_STRING(struct guest_cloud_init, user_data, type_config_path, .required = true,
		.example = "web1-user-data.yaml",
		.doc = "User data: `#cloud-config` YAML, a script, or whatever cloud-init takes; a "
		       "file below /etc/kvmhost, or an absolute path. Passwords in it are seen by "
		       "root alone, if you keep it so (chmod 600)."),
	FIELD_STRING(struct guest_cloud_init, meta_data, type_config_path,
		.example = "web1-meta-data.yaml",
		.doc = "Meta data. Without it kvmhost writes them: `local-hostname`, which is the "
		       "guest's name, and an `instance-id` that changes when one of these files "
		       "does, so that cloud-init runs again at the next boot. Yours must have "
		       "an `instance-id`, and when that changes is for you to say."),
	FIELD_STRING(struct guest_cloud_init, network_config, type_config_path,
		.example = "web1-network.yaml",
		.doc = "Network configuration, of version 1 or 2. Without it the first interface "
		       "is set up by DHCP."),
	FIELD_STRING(struct guest_cloud_init, vendor_data, type_config_path,
		.example = "vendor-data.yaml",
		.doc = "Vendor data: defaults that the user data may overrule."),
};
const struct table guest_cloud_init_table = TABLE(struct guest_cloud_init, rows,
	.doc = "Data for cloud-init in the guest, on a small disc of its own (NoCloud). When a "
	       "file has changed, a reload makes the disc anew, and the guest reads it at its next "
	       "boot.");
