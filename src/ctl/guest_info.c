/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl guest info NAME */
#include "ctl/guest_info.h"
#include "net/leases.h"
#include "runner/guestctl.h"

/* The lease of a MAC address; NULL: none. Borrowed from `networks`. */
static const char *leased(json_t *networks, const char *mac)
{
	json_t *network, *lease;
	size_t i, k;

	json_array_foreach (networks, i, network)
		json_array_foreach (json_object_get(network, "leases"), k, lease)
			if (streq_null(json_string_value(json_object_get(lease, "mac")), mac))
				return json_string_value(json_object_get(lease, "address"));
	return NULL;
}

static void add_leases(struct ctl *c, json_t *guest)
{
	json_t *networks = network_leases(&c->host), *nic;
	size_t i;

	json_array_foreach (json_object_get(guest, "interfaces"), i, nic) {
		const char *address =
			leased(networks, json_string_value(json_object_get(nic, "mac")));

		if (address)
			json_object_set_new(nic, "lease", json_string(address));
	}
	json_decref(networks);
}

static const char *text(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static double number(json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static void print_addresses(json_t *guest)
{
	json_t *nic, *ip;
	size_t i, k;

	json_array_foreach (json_object_get(guest, "interfaces"), i, nic)
		printf("interface   %s on %s%s%s  %s%s\n", text(nic, "mac"), text(nic, "network"),
			text(nic, "bridge"), text(nic, "macvtap"),
			*text(nic, "macvtap") ? "by macvtap, not heard by this host"
					      : text(nic, "lease"),
			*text(nic, "lease") ? " (lease)" : "");
	json_array_foreach (json_object_get(guest, "guest_interfaces"), i, nic)
		json_array_foreach (json_object_get(nic, "ip-addresses"), k, ip)
			printf("address     %s %s (agent)\n", text(nic, "name"),
				text(ip, "ip-address"));
}

static void print_use(json_t *guest)
{
	json_t *cpu = json_object_get(guest, "cpu"), *memory = json_object_get(guest, "memory");
	const double second = 1e6, mib = 1 << 20;
	json_t *disk;
	size_t i;

	if (json_object_get(cpu, "count"))
		printf("cpu         %.0f, %.1f s used, %.1f s waited for a CPU of the host "
		       "(steal)\n",
			number(cpu, "count"), number(cpu, "used_usec") / second,
			number(cpu, "steal_usec") / second);
	else if (cpu)
		printf("cpu         %.1f s used\n", number(cpu, "used_usec") / second);
	if (memory)
		printf("memory      %.0f MiB\n", number(memory, "size") / mib);
	if (json_object_get(memory, "host_used"))
		printf("            %.0f MiB of the host's in use\n",
			number(memory, "host_used") / mib);
	if (json_object_get(memory, "balloon"))
		printf("balloon     leaves the guest %.0f MiB\n", number(memory, "balloon") / mib);
	if (json_object_get(memory, "guest_available"))
		printf("            %.0f MiB available in the guest, %.0f MiB free, %.0f MiB "
		       "caches\n",
			number(memory, "guest_available") / mib, number(memory, "guest_free") / mib,
			number(memory, "guest_caches") / mib);
	json_array_foreach (json_object_get(guest, "disks"), i, disk)
		if (*text(disk, "path"))
			printf("disk        %s  %.0f MiB on the host\n", text(disk, "path"),
				number(disk, "host_used") / mib);
		else
			printf("disk        (a %s drive without a medium)\n", text(disk, "device"));
}

void guest_print(json_t *guest)
{
	printf("guest       %s, %s%s%s\n", text(guest, "name"), text(guest, "state"),
		*text(guest, "error") ? ": " : "", text(guest, "error"));
	if (*text(guest, "event"))
		printf("event       %s\n", text(guest, "event"));
	if (json_is_false(json_object_get(guest, "qemu_answers")))
		puts("qemu        QEMU does not answer; what only it knows is left out");
	if (*text(guest, "display"))
		printf("display     %s\n", text(guest, "display"));
	if (*text(guest, "machine"))
		printf("machine     %s\n", text(guest, "machine"));
	print_addresses(guest);
	print_use(guest);
	if (json_object_get(guest, "agent"))
		printf("agent       %s %s\n",
			json_is_true(json_object_get(guest, "agent")) ? "answers"
								      : "does not answer",
			text(json_object_get(guest, "guest_os"), "pretty-name"));
}

int guest_look(struct ctl *c, const char *name, json_t **guest, struct error *e)
{
	int r = guestctl_info(&c->host, name, guest, e);

	if (r >= 0)
		add_leases(c, *guest);
	return r;
}

int guest_info(struct ctl *c, const char *name)
{
	_cleanup_error_ struct error e = { 0 };
	json_t *guest = NULL;

	if (guest_look(c, name, &guest, &e) < 0)
		return ctl_fail(c, &e);
	if (c->json) {
		json_object_set_new(guest, "format", json_integer(1));
		json_dumpf(guest, stdout, JSON_INDENT(2));
		printf("\n");
	} else {
		guest_print(guest);
	}
	json_decref(guest);
	return 0;
}
