/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * networkd hears of links before they are made. Where a file of the administrator's is for every
 * link it takes hold of a new one in that moment: it has the kernel hear no routers there, which
 * stays so when it lets go, and asks for addresses.
 */
#include "net/manager.h"

/* Of what the step makes that which is not there, and which the daemon has not heard of. */
static void find_new(struct host *h, const struct links *ls, const struct step *s,
	const struct manager *told, const char ***v, size_t *n)
{
	struct list names = manager_names(h->pass, s->r);

	for (size_t i = 0; i < names.n; i++) {
		const char *name = LIST_AT(&names, const char *, i);

		if (!links_name(ls, name) && !names_have(&told->unmanaged, name) &&
			!names_have(&told->dhcp, name))
			*ARENA_PUSH(h->pass, *v, *n) = name;
	}
}

static int expect(struct host *h, const struct manager_daemon *d, struct step *const *steps,
	size_t n, struct error *e)
{
	struct manager m = { .obj.table = &manager_table };
	const char **v = NULL;
	const struct links *ls;
	size_t n_v = 0, n_told;
	bool found;
	int r = manager_files_read(h, d, &m, &found, e);

	if (r >= 0)
		r = links_get(h, &ls, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < m.unmanaged.n; i++)
		*ARENA_PUSH(h->pass, v, n_v) = LIST_AT(&m.unmanaged, const char *, i);
	n_told = n_v;
	for (size_t i = 0; i < n; i++)
		if (steps[i]->want && steps[i]->verb != STEP_RESTORE)
			find_new(h, ls, steps[i], &m, &v, &n_v);
	if (n_v == n_told)
		return 0;
	m.unmanaged = names_sorted(v, n_v);
	r = manager_files_write(h, d, &m, e);
	return r < 0 ? r : manager_reload(h, d, e);
}

void managers_expect(struct host *h, struct step *const *steps, size_t n)
{
	for (size_t i = 0; i < n_manager_daemons; i++) {
		struct error later = { 0 };

		/* What is in the way is in the way of the manager's own step, which tells. */
		if (manager_daemons[i].takes_new && manager_runs(h, &manager_daemons[i]))
			expect(h, &manager_daemons[i], steps, n, &later);
		error_clear(&later);
	}
}
