/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/strmap.h"
#include "base/arena.h"

/* FNV-1a, 64 bits. */
static uint64_t hash(const char *s)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
	return h;
}

/* The slot that holds the key, or the free one where it belongs. */
static struct strmap_slot *find(const struct strmap *m, const char *key)
{
	size_t i = hash(key) & (m->cap - 1);

	while (m->slots[i].key && !streq(m->slots[i].key, key))
		i = (i + 1) & (m->cap - 1);
	return &m->slots[i];
}

static void grow(struct strmap *m)
{
	struct strmap old = *m;
	size_t i;

	m->cap = old.cap ? old.cap * 2 : 16;
	m->slots = xmalloc(m->cap * sizeof(*m->slots));
	memset(m->slots, 0, m->cap * sizeof(*m->slots));
	for (i = 0; i < old.cap; i++)
		if (old.slots[i].key)
			*find(m, old.slots[i].key) = old.slots[i];
	free(old.slots);
}

void *strmap_get(const struct strmap *m, const char *key)
{
	return m->cap ? find(m, key)->value : NULL;
}

void *strmap_put(struct strmap *m, const char *key, void *value)
{
	struct strmap_slot *s;
	void *old;

	if (m->n * 4 >= m->cap * 3)
		grow(m);
	s = find(m, key);
	old = s->value;
	if (!s->key) {
		s->key = key;
		m->n++;
	}
	s->value = value;
	return old;
}

void strmap_free(struct strmap *m)
{
	free(m->slots);
	*m = (struct strmap){ 0 };
}
