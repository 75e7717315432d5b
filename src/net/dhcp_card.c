/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who holds a lease for a card that is to be a port. Asked only while it is none. */
#include "net/dhcp.h"
#include "net/address.h"
#include "net/manager.h"
#include <ctype.h>

enum { CMDLINE_MAX = 64 << 10 };

static bool is_client(const char *command)
{
	static const char *const names[] = { "dhclient", "dhcpcd", "udhcpc" };
	const char *base = strrchr(command, '/');

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (streq(base ? base + 1 : command, names[i]))
			return true;
	return false;
}

/* Words of /proc/PID/cmdline, each with its NUL: the first is the command, one of the others the
 * card. */
static bool asks_for(const char *words, size_t len, const char *card)
{
	const char *end = words + len;

	if (!len || !is_client(words))
		return false;
	for (const char *w = words; w < end; w += strlen(w) + 1)
		if (streq(w, card))
			return true;
	return false;
}

/* "dhclient (process 412)", freed by the caller; NULL: nobody. */
static char *find_process(struct host *h, const char *card, const char **pid)
{
	_cleanup_free_ char **names = NULL;
	size_t n = 0;

	if (file_list(h->root, "/proc", &names, &n) < 0)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *path = NULL, *words = NULL;
		const char *base;
		size_t len;

		if (!isdigit((unsigned char)*names[i]))
			continue;
		path = xprintf("/proc/%s/cmdline", names[i]);
		if (file_read(h->root, path, CMDLINE_MAX, &words, &len) < 0 ||
			!asks_for(words, len, card))
			continue;
		base = strrchr(words, '/');
		*pid = arena_strdup(h->pass, names[i]);
		return xprintf("%s (process %s)", base ? base + 1 : words, names[i]);
	}
	return NULL;
}

static bool has_lease(struct host *h, const struct link *card)
{
	const struct address *all, *a = NULL;
	size_t n;

	if (addresses_get(h, &all, &n, NULL) < 0)
		return false;
	while ((a = address_next(all, n, card->index, a)))
		if (a->dynamic && a->cidr.ip.family == AF_INET)
			return true;
	return false;
}

static const char *find_manager(struct host *h, const struct link *card)
{
	if (!has_lease(h, card))
		return NULL;
	for (size_t i = 0; i < n_manager_daemons; i++)
		if (manager_runs(h, &manager_daemons[i]) && manager_daemons[i].manages(h, card))
			return manager_daemons[i].unit;
	return NULL;
}

int dhcp_check_card(struct host *h, const struct link *card, enum addressing mode, struct error *e)
{
	const char *pid = NULL, *unit;
	_cleanup_free_ char *process = find_process(h, card->name, &pid);

	if (process) {
		error_set(e, -EBUSY,
			"%s asks for the addresses of %s, and would put them back on it", process,
			card->name);
		return error_cure(e,
			"let nothing configure the card (in /etc/network/interfaces: iface %s inet "
			"manual), then kill %s, which leaves its addresses there, and apply%s",
			card->name, pid, mode == ADDRESSING_DHCP ? "" : " with addressing: dhcp");
	}
	unit = mode == ADDRESSING_INHERIT ? find_manager(h, card) : NULL;
	if (!unit)
		return 0;
	error_set(e, -EBUSY,
		"%s has its addresses from a DHCP server by %s, and on a bridge nobody would "
		"prolong them",
		card->name, unit);
	return error_cure(e, "write addressing: dhcp, and the bridge asks for them itself");
}
