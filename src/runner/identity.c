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

void guest_uuid(const char *host_id, const char *guest, char out[static UUID_TEXT])
{
	uint64_t a = hash_more(hash_more(hash_more(HASH_START, "uuid"), host_id), guest);
	uint64_t b = hash_end(hash_index(a, 1));

	a = hash_end(a);
	snprintf(out, UUID_TEXT, "%08x-%04x-8%03x-%04x-%012llx", (unsigned)(a >> 32),
		(unsigned)(a >> 16) & 0xffff, (unsigned)a & 0xfff,
		0x8000 | ((unsigned)(b >> 48) & 0x3fff),
		(unsigned long long)(b & UINT64_C(0xffffffffffff)));
}
