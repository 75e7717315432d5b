/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/identity.h"
#include "base/hash.h"

uid_t guest_uid(const char *guest)
{
	uint64_t h = hash_end(hash_more(hash_more(HASH_START, "uid"), guest));

	return (uid_t)(GUEST_UID_MIN + h % (GUEST_UID_MAX - GUEST_UID_MIN + 1));
}

void guest_tap_name(const char *guest, size_t i, char out[static IFNAMSIZ])
{
	enum { HASH = 6 };
	struct decimal d;
	const char *number = decimal(&d, i % 100);
	size_t room = IFNAMSIZ - 1 - strlen("-tap") - strlen(number), n = strlen(guest);
	uint64_t h;

	if (n <= room) {
		memcpy(out, guest, n + 1);
	} else {
		h = hash_end(hash_more(hash_more(HASH_START, "tap"), guest));
		snprintf(out, IFNAMSIZ, "%.*s-%06x", (int)room - HASH - 1, guest,
			(unsigned)(h & 0xffffff));
		n = strlen(out);
	}
	stpcpy(stpcpy(out + n, "-tap"), number);
}

/* The lowest n digits of v; returns where they end. */
static char *hex(char *out, uint64_t v, unsigned n)
{
	for (unsigned i = n; i-- > 0; v >>= 4)
		out[i] = "0123456789abcdef"[v & 15];
	out[n] = '\0';
	return out + n;
}

void guest_uuid(const char *host_id, const char *guest, char out[static UUID_TEXT])
{
	uint64_t a = hash_more(hash_more(hash_more(HASH_START, "uuid"), host_id), guest);
	uint64_t b = hash_end(hash_index(a, 1));

	/* Of RFC 9562's version 8, and of its variant. Not by printf: see base/decimal.h. */
	a = hash_end(a);
	out = stpcpy(hex(out, a >> 32, 8), "-");
	out = stpcpy(hex(out, a >> 16, 4), "-8");
	out = stpcpy(hex(out, a, 3), "-");
	out = stpcpy(hex(out, 0x8000 | (b >> 48 & 0x3fff), 4), "-");
	hex(out, b, 12);
}
