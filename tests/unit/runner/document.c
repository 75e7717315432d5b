/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A document of guests and of the little that they refer to. */
#include "document.h"
#include "fixture.h"
#include "iommu/device.h"
#include "runner/assign.h"
#include "sriov/sriov.h"

struct thing {
	struct obj obj;
	const char *bridge, *state;
	int64_t owner;
};

static const struct field thing_rows[] = {
	FIELD_STRING(struct thing, bridge, type_ifname, .doc = "A bridge."),
	FIELD_STRING(struct thing, state, type_string, .doc = "A state."),
	FIELD_INT(struct thing, owner, 0, UINT32_MAX, .doc = "A user."),
};
static const struct table thing_table = TABLE(struct thing, thing_rows, .doc = "A thing.");

static const struct kind bridge_kind = { .name = "bridge", .table = &thing_table };
static const struct kind network_kind = { .name = "network", .table = &thing_table };
static const struct kind module_kind = { .name = "module", .table = &thing_table };
static const struct kind tap_kind = { .name = "tap", .table = &thing_table };

extern const struct kind disk_kind, guest_kind;
const struct kind *const kinds[] = { &bridge_kind, &network_kind, &module_kind, &device_kind,
	&sriov_kind, &tap_kind, &disk_kind, &assign_kind, &guest_kind };
const size_t n_kinds = ARRAY_SIZE(kinds);

struct root {
	struct obj obj;
	struct list bridges, networks, devices, sriov, guests;
};

static const struct field root_rows[] = {
	FIELD_MAP(struct root, bridges, thing_table, .kind = "bridge", .doc = "Bridges."),
	FIELD_MAP(struct root, networks, thing_table, .kind = "network", .doc = "Networks."),
	FIELD_MAP(struct root, devices, device_table, .kind = "device", .doc = "Devices."),
	FIELD_MAP(struct root, sriov, sriov_table, .kind = "sriov", .doc = "PFs."),
	FIELD_MAP(struct root, guests, guest_table, .kind = "guest", .doc = "Guests."),
};
const struct table document_table = TABLE(struct root, root_rows, .doc = "A document.");

bool document_wants(struct arena *a, const char *yaml, struct wants *w, struct diags *d)
{
	struct document doc = { 0 };

	*d = (struct diags){ .arena = a };
	document_load_text(&doc, "host.yaml", arena_strdup(a, yaml), strlen(yaml), d);
	return wants_build(w, doc.root, d);
}
