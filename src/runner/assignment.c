/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/assignment.h"
#include "base/file.h"
#include "config/obj.h"
#include <ctype.h>
#include <fcntl.h>

enum { ASSIGNMENT_FORMAT = 1, ASSIGNMENT_MAX = 1 << 16 };

void assignment_init(struct arena *a, const struct guest *g, struct assignment *out)
{
	out->interfaces = arena_alloc(a, (g->interfaces.n + 1) * sizeof(*out->interfaces));
	out->devices = arena_alloc(a, (g->devices.n + 1) * sizeof(*out->devices));
}

static json_t *list_json(const struct assigned *v, size_t n)
{
	json_t *o = json_object();
	char key[24];

	for (size_t i = 0; i < n; i++) {
		if (!v[i].what)
			continue;
		snprintf(key, sizeof(key), "%zu", i);
		json_object_set_new(o, key,
			json_pack("{s:s, s:s, s:s, s:i}", "what", v[i].what, "address",
				v[i].address, "id", v[i].id, "group", v[i].group));
	}
	return o;
}

json_t *assignment_json(const struct guest *g, const struct assignment *x)
{
	return json_pack("{s:i, s:o, s:o}", "format", ASSIGNMENT_FORMAT, "interfaces",
		list_json(x->interfaces, g->interfaces.n), "devices",
		list_json(x->devices, g->devices.n));
}

/* Becomes part of a path and of an option of QEMU's. */
static bool plain_address(const char *s)
{
	return s && *s && strlen(s) < PCI_ADDRESS_MAX &&
	       strspn(s, "0123456789abcdef:.") == strlen(s);
}

static int parse_list(struct arena *a, json_t *list, size_t n, struct assigned *out)
{
	const char *key;
	json_t *item;

	json_object_foreach (list, key, item) {
		const char *what = json_string_value(json_object_get(item, "what"));
		const char *address = json_string_value(json_object_get(item, "address"));
		const char *id = json_string_value(json_object_get(item, "id"));
		size_t i = (size_t)atoi(key);

		if (i >= n) /* of a document that is not applied yet, or not any more */
			continue;
		if (!what || !id || strlen(id) >= sizeof(out->id) || !plain_address(address))
			return -EBADMSG;
		out[i].what = arena_strdup(a, what);
		snprintf(out[i].address, sizeof(out[i].address), "%s", address);
		snprintf(out[i].id, sizeof(out[i].id), "%s", id);
		out[i].group = (int)json_integer_value(json_object_get(item, "group"));
	}
	return 0;
}

int assignment_parse(struct arena *a, const struct guest *g, json_t *json, struct assignment *out)
{
	int r;

	assignment_init(a, g, out);
	r = parse_list(a, json_object_get(json, "interfaces"), g->interfaces.n, out->interfaces);
	return r < 0 ? r
		     : parse_list(a, json_object_get(json, "devices"), g->devices.n, out->devices);
}

char *assignment_path(const char *guest)
{
	return xprintf("%s/%s.json", ASSIGNED_DIR, guest);
}

int assignment_load(int root, const char *guest, struct arena *a, const struct guest *g,
	struct assignment *out, struct error *e)
{
	_cleanup_free_ char *path = assignment_path(guest), *text = NULL;
	json_t *json;
	size_t len;
	int r = file_read(root, path, ASSIGNMENT_MAX, &text, &len);

	if (r == -ENOENT)
		return r;
	if (r < 0)
		return error_set(e, r, "cannot read %s: %s", path, strerror(-r));
	json = json_loadb(text, len, 0, NULL);
	r = json_integer_value(json_object_get(json, "format")) == ASSIGNMENT_FORMAT
		    ? assignment_parse(a, g, json, out)
		    : -EBADMSG;
	json_decref(json);
	return r < 0 ? error_set(e, r, "%s is damaged", path) : 0;
}

static int refuse(const struct assigned *x, struct error *e, const char *why)
{
	error_set(e, -ENODEV, "the device %s (%s) %s", x->what, x->address, why);
	return error_cure(e, "kvmhostctl plan says what is the matter with it; then: "
			     "kvmhostctl apply");
}

/* "0x8086" and "0x10ca" as "8086:10ca". */
static bool same_id(int root, const struct assigned *x)
{
	_cleanup_free_ char *a = xprintf("/sys/bus/pci/devices/%s/vendor", x->address);
	_cleanup_free_ char *b = xprintf("/sys/bus/pci/devices/%s/device", x->address);
	_cleanup_free_ char *vendor = NULL, *device = NULL, *id = NULL;

	if (file_read_line(root, a, &vendor) < 0 || file_read_line(root, b, &device) < 0)
		return false;
	id = xprintf("%s:%s", startswith(vendor, "0x") ? vendor + 2 : vendor,
		startswith(device, "0x") ? device + 2 : device);
	return streq(id, x->id);
}

static int check_one(int root, const struct assigned *x, struct error *e)
{
	_cleanup_free_ char *device = xprintf("/sys/bus/pci/devices/%s", x->address);
	_cleanup_free_ char *bound = xprintf("/sys/bus/pci/drivers/vfio-pci/%s", x->address);

	if (!file_exists(root, device))
		return refuse(x, e, "is gone");
	if (!same_id(root, x))
		return refuse(x, e, "is another one than it was when it was assigned");
	if (!file_exists(root, bound))
		return refuse(x, e, "is not bound to vfio-pci any more");
	return 0;
}

/* "uplink" is any of its functions, "uplink/0" that one. */
static bool is_for(const struct assigned *x, const char *name)
{
	const char *rest = x->what ? startswith(x->what, name) : NULL;

	return rest && (!*rest || (*rest == '/' && !strchr(name, '/')));
}

int assignment_check_place(int root, const struct assigned *x, const char *name, struct error *e)
{
	if (is_for(x, name))
		return check_one(root, x, e);
	error_set(e, -ENODEV, "the device %s is not ready for the guest", name);
	return error_cure(e, "kvmhostctl apply");
}

int assignment_check(int root, const struct guest *g, const struct assignment *x, struct error *e)
{
	int r = 0;

	for (size_t i = 0; i < g->interfaces.n && r >= 0; i++) {
		const char *vf = LIST_AT(&g->interfaces, const struct guest_interface, i).vf;

		if (vf)
			r = assignment_check_place(root, &x->interfaces[i], vf, e);
	}
	for (size_t i = 0; i < g->devices.n && r >= 0; i++)
		r = assignment_check_place(
			root, &x->devices[i], LIST_AT(&g->devices, const char *, i), e);
	return r;
}

struct assigned *assignment_by_id(const struct guest *g, const struct assignment *x, const char *id)
{
	const struct {
		const char *prefix;
		struct assigned *v;
		size_t n;
	} lists[] = { { "device", x->devices, g->devices.n },
		{ "net", x->interfaces, g->interfaces.n } };

	for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
		const char *digits = startswith(id, lists[k].prefix);
		struct assigned *v = lists[k].v;
		size_t i = digits && isdigit((unsigned char)*digits) ? strtoul(digits, NULL, 10)
								     : lists[k].n;

		if (v && i < lists[k].n && v[i].what)
			return v + i;
	}
	return NULL;
}

const struct assigned *assignment_lost(
	const struct guest *g, const struct assignment *x, const json_t *lost)
{
	const char *id = json_string_value(json_object_get(lost, "id"));

	return id ? assignment_by_id(g, x, id) : NULL;
}
