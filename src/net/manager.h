/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `manager`: a daemon that manages links, and what it is told about
 * ours, so that it neither configures them nor takes back what a bridge took.
 * Derived from whatever makes or takes links. One that does not run here, and
 * is not started at boot, is left alone.
 *
 * It comes after the links, without an order between the two that a failure
 * would follow: a card that is not in its bridge yet is not mentioned, because
 * a daemon takes away what it gave to a link when it leaves that link alone;
 * and one that is still in its bridge is not handed back.
 */
#ifndef KVMHOST_MANAGER_H
#define KVMHOST_MANAGER_H

#include "net/bus.h"
#include "net/link.h"
#include "net/names.h"
#include "net/net.h"
#include "reconcile/units.h"

struct manager {
	struct obj obj;
	struct list unmanaged, dhcp, online; /* of const char * */
	const struct wants *wants; /* whose links they are; not in the table */
	/* How it is; not in the table. */
	struct list held; /* links that it should not have in hand, and has */
	bool untold; /* a change of its files that it was not told of */
	bool running;
	bool takes; /* a card that is there is to be let go of from now on */
	struct list given; /* links that are to be the daemon's again */
};

extern const struct table manager_table;

/* A file of ours in a directory of the daemon's: a list of links between fixed texts. */
struct manager_file {
	const char *field; /* row whose list it holds */
	const char *path;
	const char *head, *glue, *tail;
};

/* Of networkd: a file of state for each link, by its index. */
#define NETWORKD_LINKS "/run/systemd/netif/links"

struct manager_daemon {
	const char *name; /* of the resource */
	const char *unit;
	const char *has_run; /* there once the daemon has run since boot */
	const char *wanted_by; /* the link that starts it at boot */
	const struct manager_file *files;
	size_t n_files;
	/* Whether it has the link in hand, by what it says itself. */
	bool (*manages)(struct host *h, const struct link *l);
	/* It has given the link up without letting go of it, and hears only of a restart; NULL: it
	 * does not do that. */
	bool (*stuck)(struct host *h, const struct link *l);
	/* It has taken the link, and is not done with setting it up; NULL: it does not tell. */
	bool (*busy)(struct host *h, const struct link *l);
	/* It does with routers' advertisements on the link what the kernel would do. */
	bool (*hears_routers)(struct host *h, const struct link *l);
	/* Of the links that are not among `but` some is managed by it, so that it knows when the
	 * machine is online; NULL: it does not ask. */
	bool (*manages_others)(struct host *h, const struct links *ls, const struct manager *but);
	/* It takes hold of links as they are made. */
	bool takes_new;
	/* What makes it leave a link alone without touching it, and what makes it take one back;
	 * else it is reloaded. */
	enum unit_verb take, give;
};

/* manager_daemons.c */
extern const struct manager_daemon manager_daemons[];
extern const size_t n_manager_daemons;
const struct manager_daemon *manager_daemon(const char *name);
/*
 * The daemon's unit. systemd is asked only where the daemon has run since boot or is started at it:
 * a machine without one pays nothing.
 */
int manager_unit(struct host *h, const struct manager_daemon *d, struct unit *out, struct error *e);
bool manager_runs(struct host *h, const struct manager_daemon *d);
/* NULL in case of another row. */
const struct list *manager_list(const struct manager *m, const char *field);

/* manager_nm.c. The device's path on the bus, NULL: NetworkManager knows none; in h->pass. */
char *networkmanager_device(struct host *h, sd_bus *bus, const struct link *l);
bool networkmanager_manages(struct host *h, const struct link *l);

/* manager_routers.c */
bool networkd_hears_routers(struct host *h, const struct link *l);
bool networkmanager_hears_routers(struct host *h, const struct link *l);
/* Somebody has the link in hand, and hears routers on it in the kernel's stead. */
bool managers_hear_routers(struct host *h, const struct link *l);

/* manager_files.c: reads and writes the daemon's files. found: some of them is there. */
int manager_files_read(struct host *h, const struct manager_daemon *d, struct manager *m,
	bool *found, struct error *e);
int manager_files_write(
	struct host *h, const struct manager_daemon *d, const struct manager *m, struct error *e);

/* manager_tell.c: the links that ref has the daemon leave alone, and it does not. */
void manager_find_held(struct host *h, const struct manager_daemon *d, const struct links *ls,
	const struct manager *ref, struct manager *m);
/* Has it read its files, and waits until it let go of m's links. */
int manager_tell(struct host *h, const struct manager_daemon *d, const struct links *ls,
	const struct manager *m, struct error *e);

/* Has it read its files, without waiting for more. */
int manager_reload(struct host *h, const struct manager_daemon *d, struct error *e);

/* manager_expect.c: before the steps make links; those that are not there yet are told of. */
void managers_expect(struct host *h, struct step *const *steps, size_t n);

/* Until nobody is setting up the link any more, three seconds at most. */
void managers_await(struct host *h, const struct link *l);

/* manager_derive.c: what the document means for the managers. */
void manager_imply(const struct resource *r, struct wants *w);
void manager_derive(const struct resource *r, struct wants *w);
/* The links of one resource as a manager is told of them, or a pattern for guests' interfaces. */
struct list manager_names(struct arena *a, const struct resource *r);
/*
 * What of it is to be told on this machine: of links that could not be made or taken because their
 * resource is refused, only what is told already. Once the links were observed.
 */
struct manager manager_told(
	struct arena *a, const char *name, const struct manager *want, const struct manager *have);
bool manager_says_nothing(const struct manager *m);

#endif
