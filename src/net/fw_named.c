/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/fw_named.h"

uint64_t fw_shape(uint64_t so_far, const void *data, size_t n)
{
	const uint8_t *b = data;

	for (size_t i = 0; i < n; i++)
		so_far = (so_far ^ b[i]) * UINT64_C(0x100000001b3);
	return so_far;
}

bool fw_named_matches(const struct fw_named *r, const char *name)
{
	return r->prefix ? startswith(name, r->name) != NULL : streq(r->name, name);
}

bool fw_named_has_too(const struct fw_named_list *l, const struct fw_named *r, const char *to)
{
	if (fw_named_matches(r, to))
		return true;
	for (size_t i = 0; i < l->n && !r->inverted; i++) {
		const struct fw_named *other = &l->v[i];

		if (other->shape == r->shape && other->out == r->out && !other->inverted &&
			fw_named_matches(other, to) && streq(other->where, r->where))
			return true;
	}
	return false;
}

int fw_named_read(
	struct host *h, const struct links *ls, struct fw_named_list *out, struct error *e)
{
	int r = fw_named_nft(h, ls, out, e);

#ifdef HAVE_IPTC
	if (r >= 0)
		r = fw_named_xt(h, out, e);
#endif
	return r;
}
