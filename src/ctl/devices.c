/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl devices */
#include "sriov/inventory.h"
#include "ctl/ctl.h"

enum column { ADDRESS, ID, GROUP, NODE, DRIVER, LINK, STATE, DEVICE, COLUMNS };

struct row {
	const char *cell[COLUMNS];
};

static const char *or_dash(const char *s)
{
	return s && *s ? s : "-";
}

static const char *digits(struct arena *a, int v)
{
	return v < 0 ? "-" : arena_printf(a, "%d", v);
}

static const char *link_words(struct arena *a, const struct inventory_item *i)
{
	if (!i->d->n_nets)
		return "-";
	if (!i->link)
		return i->d->nets[0];
	return arena_printf(a, "%s %s", i->link->name,
		!i->link->up       ? "down"
		: i->link->carrier ? "up"
				   : "no carrier");
}

static const char *state_words(struct arena *a, const struct inventory_item *i)
{
	if (i->holder && i->holder->guest)
		return arena_printf(a, "guest %s", i->holder->guest);
	return inventory_state(i);
}

static const char *names(struct arena *a, const struct inventory_item *i)
{
	const struct pci_names *n = i->names;

	if (!n->vendor && !n->device)
		return n->class ? n->class : "";
	return arena_printf(a, "%s%s%s", n->vendor ? n->vendor : "",
		n->vendor && n->device ? " " : "", n->device ? n->device : "");
}

/* What it has to do with other functions, and its name. */
static const char *device_words(struct arena *a, const struct inventory_item *i)
{
	const char *name = names(a, i), *between = *name ? ", " : "";

	if (i->vf_number >= 0)
		return arena_printf(
			a, "VF %d of %s%s%s", i->vf_number, i->d->physfn, between, name);
	if (i->d->total_vfs)
		return arena_printf(
			a, "%u of %u VFs%s%s", i->d->num_vfs, i->d->total_vfs, between, name);
	return or_dash(name);
}

static struct row make_row(struct arena *a, const struct inventory_item *i)
{
	return (struct row){ {
		[ADDRESS] = i->d->address,
		[ID] = arena_printf(a, "%04x:%04x", i->d->vendor, i->d->device),
		[GROUP] = digits(a, i->d->group),
		[NODE] = digits(a, i->d->numa_node),
		[DRIVER] = or_dash(i->d->driver),
		[LINK] = link_words(a, i),
		[STATE] = state_words(a, i),
		[DEVICE] = device_words(a, i),
	} };
}

static void print_row(const struct row *r, const size_t *widths)
{
	for (enum column k = 0; k < COLUMNS; k++)
		if (k == COLUMNS - 1)
			puts(r->cell[k]);
		else
			printf("%-*s  ", (int)widths[k], r->cell[k]);
}

static struct row *rows(struct arena *a, const struct inventory *all, size_t widths[COLUMNS])
{
	static const struct row head = { { "ADDRESS", "ID", "GROUP", "NODE", "DRIVER", "LINK",
		"STATE", "DEVICE" } };
	struct row *v = arena_alloc(a, (all->n + 1) * sizeof(*v));

	v[0] = head;
	for (size_t i = 0; i < all->n; i++)
		v[i + 1] = make_row(a, &all->v[i]);
	for (size_t i = 0; i <= all->n; i++)
		for (enum column k = 0; k < COLUMNS; k++)
			widths[k] = MAX_OF(widths[k], strlen(v[i].cell[k]));
	return v;
}

static void print_table(struct arena *a, const struct inventory *all)
{
	size_t widths[COLUMNS] = { 0 };
	struct row *v = rows(a, all, widths);

	for (size_t i = 0; i <= all->n; i++)
		print_row(&v[i], widths);
}

/*
 * By group
 */

struct member {
	int group;
	size_t at; /* in the inventory */
};

static int by_group(const void *x, const void *y)
{
	const struct member *a = x, *b = y;

	/* Those that no IOMMU reaches come last. */
	if (a->group != b->group)
		return (unsigned)a->group < (unsigned)b->group ? -1 : 1;
	return (a->at > b->at) - (a->at < b->at);
}

static void print_tree(struct arena *a, const struct inventory *all)
{
	struct member *v = arena_alloc(a, (all->n + 1) * sizeof(*v));
	size_t widths[COLUMNS] = { 0 };
	struct row *r = rows(a, all, widths);

	for (size_t i = 0; i < all->n; i++)
		v[i] = (struct member){ all->v[i].d->group, i };
	qsort(v, all->n, sizeof(*v), by_group);
	for (size_t i = 0; i < all->n; i++) {
		if (i == 0 || v[i].group != v[i - 1].group)
			printf(v[i].group < 0 ? "in no group\n" : "group %d\n", v[i].group);
		fputs("  ", stdout);
		print_row(&r[v[i].at + 1], widths);
	}
}

/*
 * One of them, with all there is to say
 */

static void line(const char *what, const char *value)
{
	if (value)
		printf("  %-12s %s\n", what, value);
}

static void print_vf(struct arena *a, const struct inventory_item *i)
{
	static const char *const shown[] = { "mac", "vlan", "qos", "protocol", "spoof_check",
		"trust", "link_state", "min_rate", "max_rate" };

	if (i->vf_number < 0)
		return;
	line("VF", arena_printf(a, "%d of %s", i->vf_number, i->d->physfn));
	for (size_t k = 0; i->vf && k < ARRAY_SIZE(shown); k++)
		line(shown[k], obj_text(i->vf, shown[k], a));
}

static void print_one(struct arena *a, const struct inventory *all, const struct inventory_item *i)
{
	const struct pci_device *d = i->d;

	printf("%s  %s\n", d->address, or_dash(names(a, i)));
	line("class", i->names->class ? arena_printf(a, "%06x, %s", d->class, i->names->class)
				      : arena_printf(a, "%06x", d->class));
	line("id", arena_printf(a, "%04x:%04x, subsystem %04x:%04x", d->vendor, d->device,
			   d->subsystem_vendor, d->subsystem_device));
	line("driver", d->driver ? d->driver : "none");
	line("override", d->driver_override);
	line("IOMMU group",
		d->group < 0 ? all->iommu ? "none" : "none: no IOMMU works" : digits(a, d->group));
	line("NUMA node", d->numa_node < 0 ? NULL : digits(a, d->numa_node));
	line("link", d->n_nets ? link_words(a, i) : NULL);
	line("VFs", d->total_vfs
			    ? arena_printf(a, "%u of %u, the host's drivers take new ones: %s",
				      d->num_vfs, d->total_vfs, d->drivers_autoprobe ? "yes" : "no")
			    : NULL);
	print_vf(a, i);
	line("held by", i->holder ? i->holder->words : NULL);
	line("for a guest", i->verdict.why ? arena_printf(a, "no: %s", i->verdict.why) : "yes");
	if (i->verdict.cure)
		printf("  %-12s = %s\n", "", i->verdict.cure);
}

static int unknown(const struct ctl *c, const char *address)
{
	_cleanup_error_ struct error e = { 0 };

	error_set(&e, -ENOENT, "there is no device `%s`", address);
	error_cure(&e, "kvmhostctl devices lists them");
	return ctl_fail(c, &e);
}

static int print_named(struct ctl *c, const struct inventory *all, int argc, char **argv)
{
	const struct inventory_item *i;

	for (int k = 0; k < argc; k++) {
		i = inventory_find(all, argv[k]);
		if (!i)
			return unknown(c, argv[k]);
		print_one(c->host.pass, all, i);
	}
	return 0;
}

/* The named ones alone, in their order. */
static int choose(struct ctl *c, struct inventory *all, int argc, char **argv)
{
	struct inventory_item *v = arena_alloc(c->host.pass, (size_t)(argc + 1) * sizeof(*v));
	const struct inventory_item *i;

	for (int k = 0; k < argc; k++) {
		i = inventory_find(all, argv[k]);
		if (!i)
			return unknown(c, argv[k]);
		v[k] = *i;
	}
	all->v = v;
	all->n = (size_t)argc;
	return 0;
}

static int print_json(const struct inventory *all)
{
	json_t *o = inventory_json(all);

	json_dumpf(o, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(o);
	return 0;
}

int verb_devices(struct ctl *c, int argc, char **argv)
{
	_cleanup_error_ struct error e = { 0 };
	struct inventory all;

	if (ctl_host(c, NULL, "devices"))
		return 1;
	if (inventory_get(&c->host, &all, &e) < 0)
		return ctl_fail(c, &e);
	if (argc && c->json && choose(c, &all, argc, argv))
		return 1;
	if (c->json)
		return print_json(&all);
	if (argc)
		return print_named(c, &all, argc, argv);
	if (c->tree)
		print_tree(c->host.pass, &all);
	else
		print_table(c->host.pass, &all);
	return 0;
}
