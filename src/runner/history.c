/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/history.h"

void history_add(struct history *h, const char *data, size_t n)
{
	while (n) {
		size_t at = h->end % HISTORY_SIZE;
		size_t some = MIN_OF(n, HISTORY_SIZE - at);

		memcpy(h->data + at, data, some);
		h->end += some;
		data += some;
		n -= some;
	}
}

uint64_t history_start(const struct history *h)
{
	return h->end > HISTORY_SIZE ? h->end - HISTORY_SIZE : 0;
}

size_t history_at(const struct history *h, uint64_t *pos, const char **data)
{
	size_t at;

	*pos = MAX_OF(*pos, history_start(h));
	at = *pos % HISTORY_SIZE;
	*data = h->data + at;
	return (size_t)MIN_OF(h->end - *pos, (uint64_t)(HISTORY_SIZE - at));
}
