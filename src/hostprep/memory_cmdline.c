/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hugepages on the kernel's command line: what gigantic ones need there, and what others have said.
 */
#include "base/strbuf.h"
#include "hostprep/cmdline.h"
#include "hostprep/facts.h"
#include "hostprep/memory.h"

/* hugepagesz=1G hugepages=4, or hugepages=0:2,1:2 (Linux 5.16 and later). */
char *hugepages_parameter(const struct hugepages *p)
{
	struct strbuf out = { 0 };
	size_t i;

	sb_addf(&out, "hugepagesz=%lluG hugepages=",
		(unsigned long long)(hugepages_size(p) / (uint64_t)GIB));
	for (i = 0; i < p->nodes.n; i++) {
		const struct node_pages *node = &LIST_AT(&p->nodes, struct node_pages, i);

		sb_addf(&out, "%s%s:%lld", i ? "," : "", node->obj.name, (long long)node->pages);
	}
	if (!p->nodes.n)
		sb_addf(&out, "%lld", (long long)p->pages);
	return sb_steal(&out);
}

/* What `hugepages=` counts where nothing says the size: on x86, unless default_hugepagesz= does. */
#define USUAL (UINT64_C(2) << 20)

/* 2M, 1G, 2048k: as the kernel's memparse() reads it. */
static uint64_t size_of(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 0);

	switch (*end) {
	case 'k':
	case 'K': return n * KIB;
	case 'm':
	case 'M': return n * MIB;
	case 'g':
	case 'G': return n * (uint64_t)GIB;
	default: return n;
	}
}

/* 4, or 0:1,1:3 by node. */
static int64_t pages_of(const char *text)
{
	int64_t sum = 0;

	while (*text) {
		size_t n = strcspn(text, ",");
		const char *colon = memchr(text, ':', n);

		sum += strtoll(colon ? colon + 1 : text, NULL, 0);
		text += n + (text[n] == ',');
	}
	return sum;
}

/* The word that sets their number, the last one, as the kernel counts; NULL: nobody has. */
static const struct token *reserved(
	const struct tokens *t, uint64_t usual, uint64_t size, const char **of)
{
	const struct token page = { .key = "hugepagesz" }, number = { .key = "hugepages" };
	const struct token *found = NULL;
	const char *named = NULL;
	size_t i;

	for (i = 0; i < t->n; i++) {
		const struct token *one = &t->v[i];

		if (!one->value)
			continue;
		if (token_same_key(one, &page))
			named = one->value;
		if (!token_same_key(one, &number) || (named ? size_of(named) : usual) != size)
			continue;
		found = one;
		*of = named;
	}
	return found;
}

static int refuse_others(
	const struct hugepages *p, const struct token *other, const char *of, struct error *e)
{
	error_set(e, -ENOTUNIQ, "%s:%u sets %s%s%shugepages=%s, and the document wants %lld of %s",
		other->file, other->line, of ? "hugepagesz=" : "", of ? of : "", of ? " " : "",
		other->value, (long long)hugepages_total(p), p->obj.name);
	return error_cure(e,
		"remove it there, or write `%s: %lld`; kvmhost does not overrule what others have "
		"set",
		p->obj.name, (long long)pages_of(other->value));
}

/* A boot loader that is not known is a matter for those who must write for it. */
int hugepages_check_others(struct host *h, const struct memory *m, struct error *e)
{
	uint64_t usual = meminfo(h, "Hugepagesize");
	struct lines *l;
	size_t i;

	if (!m->hugepages.n || lines_get(h, &l, NULL) < 0)
		return 0;
	for (i = 0; i < m->hugepages.n; i++) {
		const struct hugepages *p = &LIST_AT(&m->hugepages, struct hugepages, i);
		const char *of = NULL;
		const struct token *other =
			reserved(&l->boot.others, usual, hugepages_size(p), &of);

		if (other && pages_of(other->value) != hugepages_total(p))
			return refuse_others(p, other, of, e);
	}
	return 0;
}

/* The same of the document's own list, which would say one thing for the boot and another for now.
 */
void hugepages_check_list(const struct resource *r, const struct wants *w, struct diags *d)
{
	const struct memory *m = r->want;
	struct tokens listed = { .arena = w->arena };
	const struct resource **from = NULL;
	size_t i, n = 0;

	for (i = 0; i < w->n; i++) {
		if (!streq(w->v[i]->kind->name, "cmdline") || w->v[i]->origin)
			continue;
		*ARENA_PUSH(w->arena, from, n) = w->v[i];
		*ARENA_PUSH(w->arena, listed.v, listed.n) = token_of(w->arena, w->v[i]->name);
	}
	for (i = 0; i < m->hugepages.n; i++) {
		const struct hugepages *p = &LIST_AT(&m->hugepages, struct hugepages, i);
		const char *of = NULL;
		const struct token *other = reserved(&listed, USUAL, hugepages_size(p), &of);

		if (other && pages_of(other->value) != hugepages_total(p))
			diag_relate(diag_error(d, from[other - listed.v]->mark,
					    "take it out of host.kernel.cmdline",
					    "%s contradicts host.memory.hugepages, which has %lld "
					    "of %s",
					    from[other - listed.v]->name,
					    (long long)hugepages_total(p), p->obj.name),
				obj_mark(p, "pages"), "which is here");
	}
}
