/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/spec.h"
#include "base/decimal.h"
#include "config/obj.h"
#include <fcntl.h>

enum { SPEC_FORMAT = 1 };

/* Follows what comes of the guest alone. In no string of JSON is there a line's end. */
#define REST ",\n \"interfaces\": ["

void spec_resolve(struct arena *a, const struct guest *g, const char *name, const char *host_id,
	struct spec *out)
{
	*out = (struct spec){ .name = name, .uid = guest_uid(name), .guest = g };
	guest_uuid(host_id, name, out->uuid);
	out->interfaces = arena_alloc(a, (g->interfaces.n + 1) * sizeof(*out->interfaces));
	for (size_t i = 0; i < g->interfaces.n; i++) {
		const struct guest_interface *nic =
			&LIST_AT(&g->interfaces, const struct guest_interface, i);

		guest_tap_name(name, i, out->interfaces[i].tap);
		out->interfaces[i].mac =
			obj_has(nic, "mac") ? nic->mac : guest_mac(host_id, name, i);
	}
}

static void add_assigned(const struct spec *s, struct strbuf *out)
{
	_cleanup_free_ char *text = NULL;
	json_t *json;

	if (!s->assigned.devices)
		return;
	json = assignment_json(s->guest, &s->assigned);
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	if (text)
		sb_addf(out, ",\n \"assigned\": %s", text);
}

void spec_json(const struct spec *s, struct strbuf *out)
{
	struct decimal d;

	sb_add(out, "{\"format\": ");
	sb_add(out, decimal(&d, SPEC_FORMAT));
	sb_add(out, ", \"name\": \"");
	sb_add(out, s->name);
	sb_add(out, "\", \"uid\": ");
	sb_add(out, decimal(&d, s->uid));
	sb_add(out, ", \"uuid\": \"");
	sb_add(out, s->uuid);
	sb_add(out, "\",\n \"guest\": ");
	obj_json(s->guest, out);
	sb_add(out, REST);
	for (size_t i = 0; i < s->guest->interfaces.n; i++) {
		sb_add(out, i ? ", {\"tap\": \"" : "{\"tap\": \"");
		sb_add(out, s->interfaces[i].tap);
		sb_add(out, "\", \"mac\": \"");
		mac_format(&s->interfaces[i].mac, out);
		sb_addc(out, '"');
		if (s->interfaces[i].index)
			sb_addf(out, ", \"index\": %u", s->interfaces[i].index);
		sb_addc(out, '}');
	}
	sb_add(out, "]");
	add_assigned(s, out);
	sb_add(out, "}\n");
}

static int damaged(struct error *e, const char *why)
{
	return error_set(e, -EBADMSG, "%s", why);
}

static int parse_guest(struct arena *a, json_t *json, struct spec *out, struct error *e)
{
	struct diags d = { .arena = a };
	struct guest *g = arena_alloc(a, sizeof(*g));

	if (!json_is_object(json))
		return damaged(e, "it has no `guest`");
	/*
	 * With defaults: a key that a newer kvmhost knows then has its default in what an older
	 * one wrote, and an upgrade asks for no restart of guests.
	 */
	if (!obj_parse(&guest_table, node_from_json(a, json), out->name, "guest", g, &d))
		return damaged(e, d.n ? d.v[0].text : "its `guest` is not valid");
	out->guest = g;
	return 0;
}

static int parse_interfaces(struct arena *a, json_t *json, struct spec *out, struct error *e)
{
	size_t n = out->guest->interfaces.n;

	if (json_array_size(json) != n)
		return damaged(e, "its `interfaces` are not those of its `guest`");
	out->interfaces = arena_alloc(a, (n + 1) * sizeof(*out->interfaces));
	for (size_t i = 0; i < n; i++) {
		json_t *item = json_array_get(json, i);
		const char *tap = json_string_value(json_object_get(item, "tap"));
		const char *mac = json_string_value(json_object_get(item, "mac"));

		if (!tap || strlen(tap) >= IFNAMSIZ || !mac ||
			!mac_parse(mac, &out->interfaces[i].mac))
			return damaged(e, "one of its `interfaces` is not valid");
		snprintf(out->interfaces[i].tap, IFNAMSIZ, "%s", tap);
		out->interfaces[i].index =
			(unsigned)json_integer_value(json_object_get(item, "index"));
	}
	return 0;
}

static int parse_rest(struct arena *a, json_t *root, struct spec *out, struct error *e)
{
	json_t *assigned = json_object_get(root, "assigned");
	int r = parse_interfaces(a, json_object_get(root, "interfaces"), out, e);

	if (r >= 0 && assigned && assignment_parse(a, out->guest, assigned, &out->assigned) < 0)
		return damaged(e, "what it is `assigned` is not valid");
	return r;
}

static int parse_root(struct arena *a, json_t *root, struct spec *out, struct error *e)
{
	const char *name = json_string_value(json_object_get(root, "name"));
	const char *uuid = json_string_value(json_object_get(root, "uuid"));
	json_int_t uid = json_integer_value(json_object_get(root, "uid"));
	int r;

	if (json_integer_value(json_object_get(root, "format")) != SPEC_FORMAT)
		return damaged(e, "its format is not 1");
	if (!name || !uuid || strlen(uuid) != UUID_TEXT - 1)
		return damaged(e, "it has no `name` or `uuid`");
	/* Never a user of the system's, whatever is in the file. */
	if (uid < GUEST_UID_MIN || uid > GUEST_UID_MAX)
		return damaged(e, "its `uid` is not in the guests' range");
	*out = (struct spec){ .name = arena_strdup(a, name), .uid = (uid_t)uid };
	memcpy(out->uuid, uuid, UUID_TEXT);
	r = parse_guest(a, json_object_get(root, "guest"), out, e);
	return r < 0 ? r : parse_rest(a, root, out, e);
}

int spec_parse(struct arena *a, const char *text, size_t len, struct spec *out, struct error *e)
{
	json_error_t why;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	int r = root ? parse_root(a, root, out, e) : damaged(e, why.text);

	json_decref(root);
	return r;
}

int spec_parse_like(struct arena *a, const char *text, size_t len, const struct spec *like,
	const struct strbuf *its, struct spec *out, struct error *e)
{
	const char *rest = strstr(sb_str(its), REST);
	size_t head = rest ? (size_t)(rest - its->s) : 0;
	_cleanup_strbuf_ struct strbuf tail = { 0 };
	json_t *root;
	int r;

	if (!head || len < head + strlen(REST) || memcmp(text, its->s, head + strlen(REST)) != 0)
		return spec_parse(a, text, len, out, e);
	*out = *like;
	if (len == its->len && memcmp(text, its->s, len) == 0)
		return 0;
	out->assigned = (struct assignment){ 0 };
	sb_addc(&tail, '{');
	sb_addn(&tail, text + head + 1, len - head - 1);
	root = json_loadb(tail.s, tail.len, JSON_REJECT_DUPLICATES, NULL);
	r = root ? parse_rest(a, root, out, e) : damaged(e, "it ends in the middle");
	json_decref(root);
	return r;
}

static int parse_named(struct arena *a, const char *text, size_t len, const char *name,
	struct spec *out, struct error *e)
{
	int r = spec_parse(a, text, len, out, e);

	return r >= 0 && !streq(out->name, name) ? damaged(e, "it is that of another guest") : r;
}

int spec_load(int root, const char *name, const char *file, struct arena *a, struct spec *out,
	struct error *e)
{
	struct guest_path path = guest_path(name, file);
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = file_read(root, path.s, SPEC_MAX, &text, &len);

	if (r == -ENOENT)
		return r;
	if (r < 0) {
		error_set(e, r, "cannot read %s: %s", path.s, strerror(-r));
		return r == -EACCES ? error_cure(e, "run it as root: sudo kvmhostctl ...") : r;
	}
	r = parse_named(a, text, len, name, out, e);
	return r < 0 ? error_prefix(e, "%s is damaged: ", path.s) : 0;
}

int spec_load_fd(int fd, const char *name, struct arena *a, struct spec *out, struct error *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = file_read_fd(fd, SPEC_MAX, &text, &len);

	if (r < 0)
		return error_set(e, r, "cannot read the specification: %s", strerror(-r));
	r = parse_named(a, text, len, name, out, e);
	return r < 0 ? error_prefix(e, "the specification is damaged: ") : 0;
}

bool interface_differs(const struct guest_interface *x, const struct guest_interface *y)
{
	return obj_has(x, "mac") != obj_has(y, "mac") || !mac_equal(&x->mac, &y->mac) ||
	       obj_has(x, "vhost") != obj_has(y, "vhost") || x->vhost != y->vhost ||
	       interface_queues(x) != interface_queues(y) || x->mtu != y->mtu ||
	       x->rx_queue_size != y->rx_queue_size || !streq_null(x->vf, y->vf) ||
	       !streq_null(x->macvtap, y->macvtap) || interface_mode(x) != interface_mode(y);
}

bool interfaces_differ(const struct guest *a, const struct guest *b)
{
	if (a->interfaces.n != b->interfaces.n)
		return true;
	for (size_t i = 0; i < a->interfaces.n; i++)
		if (interface_differs(&LIST_AT(&a->interfaces, const struct guest_interface, i),
			    &LIST_AT(&b->interfaces, const struct guest_interface, i)))
			return true;
	return false;
}

bool disk_differs(const struct guest_disk *x, const struct guest_disk *y)
{
	return !streq_null(x->base, y->base) || x->base_format != y->base_format ||
	       !streq_null(x->path, y->path) || disk_format(x) != disk_format(y) ||
	       x->device != y->device || disk_bus(x) != disk_bus(y) ||
	       disk_is_readonly(x) != disk_is_readonly(y) || x->cache != y->cache ||
	       x->discard != y->discard || !streq_null(x->serial, y->serial) ||
	       disk_options_differ(x, y);
}

bool disks_differ(const struct guest *a, const struct guest *b)
{
	if (a->disks.n != b->disks.n)
		return true;
	for (size_t i = 0; i < a->disks.n; i++)
		if (disk_differs(&LIST_AT(&a->disks, const struct guest_disk, i),
			    &LIST_AT(&b->disks, const struct guest_disk, i)))
			return true;
	return false;
}

bool devices_differ(const struct guest *a, const struct guest *b)
{
	if (a->devices.n != b->devices.n)
		return true;
	for (size_t i = 0; i < a->devices.n; i++)
		if (!streq(LIST_AT(&a->devices, const char *, i),
			    LIST_AT(&b->devices, const char *, i)))
			return true;
	return false;
}

bool guest_differs(const struct guest *a, const struct guest *b)
{
	/* See spec_parse_like(). */
	if (a == b)
		return false;
	for (size_t i = 0; i < guest_table.n_fields; i++) {
		const struct field *f = &guest_table.fields[i];

		if (f->on_change == CHANGE_LIVE || f->shape == SHAPE_PLANNED)
			continue;
		if (streq(f->name, "interfaces")       ? interfaces_differ(a, b)
			: streq(f->name, "disks")      ? disks_differ(a, b)
			: streq(f->name, "devices")    ? devices_differ(a, b)
			: streq(f->name, "cloud_init") ? obj_has(a, f->name) != obj_has(b, f->name)
						       : !obj_field_equal(a, b, f))
			return true;
	}
	return false;
}

void live_json(const struct guest *g, struct strbuf *out)
{
	sb_addf(out, "{\"format\": 1, \"shutdown_timeout\": %llu, \"restart\": \"%s\"}\n",
		(unsigned long long)g->shutdown.timeout, guest_restart_names[g->restart]);
}

struct live live_load(int dir)
{
	struct live live = { .shutdown_timeout = 90 * USEC_PER_SEC, .restart = RESTART_ON_FAILURE };
	_cleanup_close_ int fd = openat(dir, FILE_LIVE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	json_t *root = fd < 0 ? NULL : json_loadfd(fd, 0, NULL), *timeout;
	const char *restart = json_string_value(json_object_get(root, "restart"));

	timeout = json_object_get(root, "shutdown_timeout");
	if (json_is_integer(timeout) && json_integer_value(timeout) >= 0)
		live.shutdown_timeout = (uint64_t)json_integer_value(timeout);
	for (int i = 0; restart && guest_restart_names[i]; i++)
		if (streq(restart, guest_restart_names[i]))
			live.restart = i;
	json_decref(root);
	return live;
}
