/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/guest_mac.h"
#include "base/hash.h"

struct mac guest_mac(const char *host_id, const char *guest, size_t i)
{
	uint64_t h = hash_more(hash_more(hash_more(HASH_START, "mac"), host_id), guest);
	struct mac m = { { 0x52, 0x54, 0x00 } };

	h = hash_end(hash_index(h, i));
	m.b[3] = (uint8_t)(h >> 16);
	m.b[4] = (uint8_t)(h >> 8);
	m.b[5] = (uint8_t)h;
	return m;
}
