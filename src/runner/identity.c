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
	char tail[32], text[64];
	size_t room;
	uint64_t h;

	snprintf(tail, sizeof(tail), "-tap%u", (unsigned)(i % 100));
	room = IFNAMSIZ - 1 - strlen(tail);
	if (strlen(guest) <= room) {
		snprintf(text, sizeof(text), "%.15s%s", guest, tail);
	} else {
		h = hash_end(hash_more(hash_more(HASH_START, "tap"), guest));
		snprintf(text, sizeof(text), "%.*s-%06x%s", (int)room - HASH - 1, guest,
			(unsigned)(h & 0xffffff), tail);
	}
	memcpy(out, text, IFNAMSIZ);
	out[IFNAMSIZ - 1] = '\0';
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
